"""`python -m probing.pretrain`: make the built-in encoders again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FOLDER = Path("runs/pretrain")
ENCODERS = Path("runs/pretrain/encoders")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Make the built-in encoders again, from speech and text of the demo language.

    Rerun a command that was stopped to resume from its last checkpoint. Progress goes to stderr,
    losses and depth profiles into the folder of the run. With `--smoke` every recipe runs in some seconds, on little
    speech: to see that it works, not to get an encoder.

    \b
    python -m probing.pretrain hubert         some 40 minutes on one core
    python -m probing.pretrain distilhubert   some 10 minutes; wants demo-hubert
    python -m probing.pretrain tinybert       some 5 minutes
    """


def _options(command: Any) -> Any:
    for option in (
        click.option("--smoke", is_flag=True, help="A few steps on little speech."),
        click.option("--folder", type=Path, default=FOLDER, show_default=True, help="Speech, checkpoints, logs."),
        click.option("--out", type=Path, default=ENCODERS, show_default=True, help="Where the encoder's folder goes."),
    ):
        command = option(command)
    return command


@main.command()
@_options
@click.option("--processes", default=2, show_default=True, help="How many speak at once.")
def hubert(smoke: bool, folder: Path, out: Path, processes: int) -> None:
    """HuBERT of 12 layers: clusters of MFCC, then of its own middle layer, then syllables and words."""
    from probing.pretrain import make

    size = make.SMOKE if smoke else make.FULL
    click.echo(make.hubert(size, folder, out / "demo-hubert", processes))


@main.command()
@_options
@click.option("--processes", default=2, show_default=True, help="How many speak at once.")
@click.option("--teacher", default="demo-hubert", show_default=True, help="Name or folder of the teacher.")
def distilhubert(smoke: bool, folder: Path, out: Path, processes: int, teacher: str) -> None:
    """DistilHuBERT of 2 layers: predict layers 4, 8 and 12 of demo-hubert."""
    from probing.pretrain import make

    size = make.SMOKE if smoke else make.FULL
    click.echo(make.distilhubert(size, folder, out / "demo-distilhubert", processes, teacher))


@main.command()
@_options
def tinybert(smoke: bool, folder: Path, out: Path) -> None:
    """BERT of 4 layers: masked language modelling, with a tokenizer of its own."""
    from probing.pretrain import make

    size = make.SMOKE if smoke else make.FULL
    click.echo(make.tinybert(size, folder, out / "demo-tinybert"))


if __name__ == "__main__":
    main()
