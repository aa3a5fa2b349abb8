"""`probe bench`: how much work encoders and systems are."""

from __future__ import annotations

import json
from pathlib import Path

import click

from probing.bench.asked import demand_device, demand_known
from probing.bench.options import BenchOptions
from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.cli.named import ENCODERS, EncoderOptions
from probing.cli.there import demand_encoder, demand_run
from probing.encoders.presets import PRESETS
from probing.encoders.spec import taken_apart
from probing.errors import EncoderError, RunError
from probing.files.recorded import RECORD
from probing.runs.there import CONFIGURATION


@command(epilog=ENCODERS)
@click.argument("names", nargs=-1, metavar="[ENCODER|SYSTEM|RUN]...")
@options_of(EncoderOptions, "typed", without=("encoder", "revision", "convolution"))
@options_of(BenchOptions, "options")
def bench(names: tuple[str, ...], typed: EncoderOptions, options: BenchOptions) -> None:
    """Measure how much work encoders and systems are, beside each other.

    Counts parameters and operations (FLOP) for a second of audio, without loading any weights, and measures the
    real-time factor (seconds of computing for a second of audio) on one thread, on all threads and on a GPU if there is
    one, and peak memory. ENCODER is measured with the states of all its layers, as `probe extract` computes them;
    SYSTEM (audio+text) with its estimates, as `probe predict` does; RUN is a run of `probe finetune`, whose system is
    measured, or of `probe fit`, whose encoder is. Without names it measures the six systems of the paper.

    Each is measured in a process of its own, with random weights (speed does not depend on what they are), and all take
    turns; they are in memory together. Where there are finished runs of what is measured, CCC is drawn over the
    real-time factor, apart for each corpus.

    \b
    Example: probe bench
             probe bench hubert-base distilhubert wav2vec2-large-robust-12 --no-time
             probe bench runs/finetune-demo-* --threads 1
             probe bench whisper-base whisper-small --window 6 --seconds 5.7
    """
    if given("runs") and not options.runs.is_dir():
        why, remedy = "there is no such folder", "name the folder of all runs, or leave --runs out"
        raise RunError(f"--runs {options.runs}", why, remedy, code="no-run")
    for name in names:
        _demand(name)
    demand_known(names, typed.encoder_layers, typed.window, options.systems)
    for device in options.devices:
        demand_device(device)
    from probing.bench.measured import bench as run

    found = run(names, options, typed.encoder_layers, typed.window)
    if options.json:
        tables = {name: getattr(found, name).to_json(orient="records") for name in ("table", "scores")}
        content = {name: json.loads(text) for name, text in tables.items()}
        content |= {"busy": found.busy, "files": [str(path) for path in found.paths]}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    click.echo(found.paths[-1].read_text("utf-8").replace("**", ""))
    for path in found.paths:
        click.echo(path)


def _demand(name: str) -> None:
    """Make sure that an encoder, a system or a run is there, before anything that opens it is imported.

    Raises:
        EncoderError: As `demand_encoder`, or the folder holds neither (code `encoder-incomplete`).
        RunError: As `demand_run`.
    """
    path = Path(taken_apart(name)[0])
    held = [file for file in (RECORD, CONFIGURATION, "config.json") if (path / file).is_file()]
    mistyped = path.parent.is_dir() and path.parent != Path() and not path.exists()
    if mistyped or held == [CONFIGURATION]:
        demand_run(path)
    if path.is_dir() and str(path) not in PRESETS and not held:
        why = f"the folder holds neither a run nor an encoder: no {RECORD} and no config.json"
        remedy = "name a run's folder (see `probe runs`), or one written by save_pretrained"
        raise EncoderError(str(path), why, remedy, code="encoder-incomplete")
    demand_encoder(name)
