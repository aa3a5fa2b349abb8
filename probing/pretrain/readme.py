"""The built-in world in numbers, for the README and docs/: tables generated from cards and figures into marked blocks.

    python -m probing.pretrain.readme            write the blocks of README.md and of docs/ anew
    python -m probing.pretrain.readme --check    exit with status 1 if they are not current

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`; nothing between them is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path

import pandas as pd

from probing.calibration.tables import FILE, readme_block
from probing.corpus.model import EMOTIONS
from probing.demo.script import plan
from probing.demo.truth import bounds
from probing.encoders.presets import BUILT_IN
from probing.exactness import tables as exactness
from probing.files import write_text
from probing.pretrain import docs_contents, docs_corpora
from probing.pretrain.readme_bench import expected
from probing.pretrain.readme_contents import contents_table, inside_table
from probing.pretrain.readme_speed import full_size, ratios
from probing.runs.printing import markdown_table, titled
from probing.systems.build import SYSTEMS, count_parameters

_UNSEEN = "test2"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WORLD = (  # encoder, what it is given
    ("demo-hubert", "speech, 12 layers"),
    ("demo-distilhubert", "speech, 2 layers"),
    ("demo-tinybert", "transcripts, 4 layers"),
    ("demo-hubert@random", "speech, random weights"),
)


def updated(text: str, figures: Path, blocks: Mapping[str, Callable[[Path], str]] | None = None) -> str:
    """A page with every block generated anew.

    Args:
        text: The page.
        figures: The folder with the built-in world's tables as `make compare` and `make words` wrote them.
        blocks: What generates each; by default those of the README.

    Raises:
        KeyError: It has a block that nothing generates.
    """
    own = BLOCKS if blocks is None else blocks
    return _BLOCK.sub(lambda block: f"{block[1]}{own[block[2]](figures)}\n{block[3]}", text)


def world(_: Path) -> str:
    """The best layer of each built-in encoder on unseen speakers, under the known bounds."""
    known = bounds([line for line in plan() if line.partition == _UNSEEN])
    rows = [["known bound", "prosody and words", *(f"{known[name]['both']:.3f}" for name in EMOTIONS)]]
    for encoder, given in _WORLD:
        profile = _profile(encoder)
        rows.append([f"`{encoder}`", given, *(f"{max(profile[name]):.2f}" for name in EMOTIONS)])
    return _table(["", "given", *EMOTIONS], rows)


def systems(_: Path) -> str:
    """The six systems of the paper's Table 1 with their parameters."""
    counts = {name: count_parameters(name) for name in SYSTEMS}
    largest = max(trainable for _, trainable in counts.values())
    rows = [
        [f"`{name}`", f"{total / 1e6:.1f}", f"{trainable / 1e6:.1f}", f"{trainable / largest:.1%}"]
        for name, (total, trainable) in counts.items()
    ]
    return _table(["system", "parameters (M)", "trainable (M)", "trainable, of the largest"], rows)


def table1(figures: Path) -> str:
    """Every full system of the built-in world: mean over training seeds ± standard deviation."""
    table = pd.read_csv(figures / "table1-demo.csv")
    rows = [
        [str(model), f"{own.parameters_M.iloc[0]:.3g}", *_scores(own)]
        for model, own in table.groupby("model", sort=False)
    ]
    return _table(["system", "parameters (M)", *_columns(table)], rows)


def findings(figures: Path) -> str:
    """The paper's findings on unseen speakers, with what their verdicts are corrected for."""
    lines = (figures / "findings-demo.md").read_text("utf-8").splitlines()
    said = [line for line in lines if line and line[0] not in "#-"]
    return "\n".join([*(f"{line}\n" for line in said), *(line for line in lines if line.startswith(f"- {_UNSEEN}"))])


def table2(figures: Path) -> str:
    """What damaged words cost."""
    table = pd.read_csv(figures / "table2-demo.csv")
    rows = []
    for (trained, tested), own in table.groupby(["trained_on", "tested_on"], sort=False):
        wer = own[own.partition == _UNSEEN].wer.iloc[0]
        rows.append([str(trained), str(tested), "–" if tested == "human" else f"{wer:.1%}", *_scores(own)])
    return _table(["trained on", "tested on", "WER, unseen", *_columns(table)], rows)


def layers(figures: Path) -> str:
    """Where each dimension is in the built-in world, and the paper's claims about it."""
    path = figures / "figure2-demo-demo-hubert.md"
    if not path.is_file():
        return _not_made("figure2")
    lines = path.read_text("utf-8").splitlines()
    shown = [line for line in lines if line.startswith("- ") and not line.startswith(("- test1", "- test2"))]
    carried = f"Whether each is carried on each test partition is in [figures/{path.name}](figures/{path.name})."
    return "\n".join([*shown, "", carried])


def lifted(name: str) -> Callable[[Path], str]:
    """The first table of a Markdown file among the figures, as it stands there."""

    def found(figures: Path) -> str:
        if not (figures / name).is_file():
            return f"*Not measured yet: the commands above write figures/{name}.*"
        lines = (figures / name).read_text("utf-8").splitlines()
        table = list(takewhile(lambda line: line.startswith("|"), dropwhile(lambda line: line[:1] != "|", lines)))
        return "\n".join([*table, "", f"All of it: [figures/{name}](figures/{name})."])

    return found


def calibration(figures: Path) -> str:
    """How often each importance names the planted layer, and how far intervals and verdicts can be trusted."""
    if not (figures / FILE).is_file():
        return _not_made("calibrate")
    return f"{readme_block(figures)}\n\nAll of it: [figures/calibration.md](figures/calibration.md)."


def padding(figures: Path) -> str:
    """How far ordinary padded batches of every family are off, and those of this package."""
    if not (figures / exactness.FILE).is_file():
        return _not_made("padding")
    return f"{exactness.readme_block(figures)}\n\nEvery encoder: [figures/padding.md](figures/padding.md)."


def contents_of(name: str, table: Callable[[Path], str], target: str) -> Callable[[Path], str]:
    """A block that reads the CSV beside a figure of what layers contain."""

    def found(figures: Path) -> str:
        path = figures / f"{name}.csv"
        return table(path) if path.is_file() else _not_made(target)

    return found


def faults(figures: Path) -> str:
    """How trials of each kind ended, as `make faults` counted them."""
    path = figures / "faults.csv"
    if not path.is_file():
        return _not_made("faults")
    counts = pd.read_csv(path).drop(columns="of").groupby("kind", sort=False).sum()
    counts.loc["all"] = counts.sum()
    return markdown_table(counts.rename_axis("").reset_index())


BLOCKS: dict[str, Callable[[Path], str]] = {
    "world": world,
    "padding": padding,
    "layers": layers,
    "calibration": calibration,
    "faults": faults,
    "systems": systems,
    "table1": table1,
    "expected": expected,
    "full_size": full_size,
    "ratios": ratios,
    "findings": findings,
    "table2": table2,
    "atlas": lifted("atlas-demo.md"),
    "contents": contents_of("layers-demo", contents_table, "layers"),
    "inside": contents_of("layers-demo-finetuned", inside_table, "inside"),
    "real_contents": contents_of("real/layers-spoken-emobank", contents_table, "layers"),
    "real_layers": lifted("real/atlas-spoken-emobank.md"),
    "real_systems": lifted("real/table1-spoken-emobank.md"),
    "real_words": lifted("real/table2-spoken-emobank.md"),
    "real_speech": lifted("real/atlas-ravdess.md"),
}
PAGES: Mapping[Path, Mapping[str, Callable[[Path], str]]] = {
    Path("README.md"): BLOCKS,
    Path("docs/contents.md"): docs_contents.BLOCKS,
    Path("docs/corpora.md"): docs_corpora.BLOCKS,
}


def _not_made(target: str) -> str:
    return f"*Not measured yet: run `make {target}`, then `make readme`.*"


def _profile(encoder: str) -> dict[str, list[float]]:
    """CCC of ridge probes on each layer, from the encoder's card, which says that of random weights too."""
    name, _, random = encoder.partition("@")
    figures = json.loads((BUILT_IN / name / "figures.json").read_text("utf-8"))
    found: dict[str, list[float]] = (figures[random] if random else figures)["profile"][_UNSEEN]
    return found


def _columns(table: pd.DataFrame) -> list[str]:
    pairs = dict.fromkeys(zip(table.partition, table.dimension, strict=True))
    return [f"{titled(partition)} {dimension}" for partition, dimension in pairs]


def _scores(own: pd.DataFrame) -> list[str]:
    return [f"{row.ccc:.3f} ± {row.sd:.3f}" for row in own.itertuples()]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(pd.DataFrame(list(rows), columns=list(columns)), str)


def main() -> None:
    """Write or check the blocks."""
    parser = argparse.ArgumentParser(prog="python -m probing.pretrain.readme", description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, default=[*PAGES])
    parser.add_argument("--figures", type=Path, default=Path("figures"))
    parser.add_argument("--check", action="store_true", help="only tell whether the blocks are current")
    typed = parser.parse_args()
    for page in typed.pages:
        before = page.read_text("utf-8")
        after = updated(before, typed.figures, PAGES.get(page))
        if typed.check and before != after:
            sys.exit(f"{page} is not current: run `make readme`")
        if before != after:
            write_text(page, after)


if __name__ == "__main__":
    main()
