"""Tables of docs/contents.md: what is planted in the built-in world, and what was measured there and elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import dropwhile
from pathlib import Path

import pandas as pd

from probing.corpus.model import EMOTIONS
from probing.demo.script import plan
from probing.demo.truth import bounds
from probing.pretrain.readme_contents import contents_table, inside_table
from probing.report.contents_similarity import CKA, MOST_ALIKE, grid, others_in
from probing.report.contents_table import (
    BITS,
    DESCRIPTION,
    ENDS,
    LAYER,
    NUISANCE,
    SHARES,
    SOUND,
    WORDS,
    by_layer,
    layers_in,
    level,
    nuisances_in,
)
from probing.runs.printing import markdown_table

_NOTHING = "–"
Block = Callable[[Path], str]


def planted(_: Path) -> str:
    """R² of listeners who know the voice, the words, or both: the square of the best possible CCC."""
    known = bounds(plan())
    rows = [[name, *(f"{known[name][how] ** 2:.2f}" for how in ("words", "prosody", "both"))] for name in EMOTIONS]
    return _table(["dimension", "who knows the words", "who knows the voice", "who knows both"], rows)


def alone(table: pd.DataFrame) -> str:
    """What words and sound explain without any layer."""
    rows = []
    for dim in _dimensions(table):
        found = [level(table, dim, part) for part in (WORDS, SOUND, f"{WORDS}+{SOUND}")]
        rows.append([dim, *(_NOTHING if own is None else _cell(own) for own in found)])
    return _table(["dimension", "R² of words", "R² of sound", "R² of both together"], rows)


def nuisances(table: pd.DataFrame) -> str:
    """What else some layers tell."""
    shown = _some(layers_in(table, NUISANCE))
    rows = []
    for target, measure in nuisances_in(table):
        own = by_layer(table, NUISANCE, measure, target)
        rows.append([target if measure == "r2" else f"{target} ({measure})", *_cells(own, shown)])
    return _table(["", *(f"layer {layer}" for layer in shown)], rows)


def bits(table: pd.DataFrame) -> str:
    """Bits saved per rating, of some layers."""
    shown = _some(layers_in(table, DESCRIPTION))
    rows = [[dim, *_cells(by_layer(table, DESCRIPTION, BITS, dim), shown)] for dim in _dimensions(table)]
    return _table(["dimension", *(f"layer {layer}" for layer in shown)], rows)


def alike(table: pd.DataFrame) -> str:
    """Of each layer of the other encoders, the two layers of this one that it is most like."""
    rows = []
    for other in others_in(table):
        if not (table.measure[table.part == other] == MOST_ALIKE).any():
            continue  # the encoder itself
        cka = grid(table, CKA, other)
        low, high = grid(table, CKA, other, "low"), grid(table, CKA, other, "high")
        for layer in cka.columns:
            best = cka[layer].sort_values(ascending=False, kind="stable").index[:2]
            values = [[own.loc[found, layer] for own in (cka, low, high)] for found in best]
            cells = [f"layer {k}: {_cell(pd.Series(v, ENDS))}" for k, v in zip(best, values, strict=True)]
            rows.append([f"{other}, layer {layer}", *cells])
    return _table(["", "most like", "then"], rows)


def findings(path: Path) -> str:
    """The claims with their verdicts, from a figure's caption."""
    lines = dropwhile(lambda line: line != "Findings:", path.read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line.startswith("- "))


def _of(name: str, read: Callable[[pd.DataFrame], str], how: str) -> Block:
    """A block from the CSV beside a figure."""
    return _from(f"{name}.csv", lambda path: read(pd.read_csv(path, keep_default_na=False, na_values=[""])), how)


def _from(name: str, read: Callable[[Path], str], how: str) -> Block:
    """A block from a file among the figures."""

    def found(figures: Path) -> str:
        return read(figures / name) if (figures / name).is_file() else f"*Not measured yet: {how}.*"

    return found


_DEMO, _INSIDE = "run `make layers`, then `make readme`", "run `make inside`, then `make readme`"
_REAL = "the commands above write figures/real"

BLOCKS: dict[str, Block] = {
    "planted": planted,
    "demo_contents": _from("layers-demo.csv", contents_table, _DEMO),
    "demo_alone": _of("layers-demo", alone, _DEMO),
    "demo_findings": _from("layers-demo.md", findings, _DEMO),
    "demo_else": _of("layers-demo", nuisances, _DEMO),
    "demo_bits": _of("layers-demo", bits, _DEMO),
    "demo_alike": _of("layers-demo-similarity", alike, _DEMO),
    "demo_inside": _from("layers-demo-finetuned.csv", inside_table, _INSIDE),
    "emobank_contents": _from("real/layers-spoken-emobank.csv", contents_table, _REAL),
    "emobank_alone": _of("real/layers-spoken-emobank", alone, _REAL),
    "emobank_else": _of("real/layers-spoken-emobank", nuisances, _REAL),
    "emobank_findings": _from("real/layers-spoken-emobank.md", findings, _REAL),
    "ravdess_contents": _from("real/layers-ravdess.csv", contents_table, _REAL),
    "ravdess_alone": _of("real/layers-ravdess", alone, _REAL),
    "ravdess_findings": _from("real/layers-ravdess.md", findings, _REAL),
}


def _dimensions(table: pd.DataFrame) -> list[str]:
    own = table[(table.analysis == SHARES) & (table.part == LAYER)]
    return list(dict.fromkeys(own.target))


def _some(layers: Sequence[int]) -> list[int]:
    """The first, the last, and two between."""
    return list(dict.fromkeys(layers[round(step * (len(layers) - 1) / 3)] for step in range(4)))


def _cells(own: pd.DataFrame, shown: Iterable[int]) -> list[str]:
    return [_cell(own.loc[layer]) if layer in own.index else _NOTHING for layer in shown]


def _cell(row: pd.Series[float]) -> str:
    """A number with its interval."""
    if pd.isna(row.value):
        return _NOTHING
    return f"{row.value:z.2f}" + ("" if pd.isna(row.low) else f" [{row.low:z.2f}, {row.high:z.2f}]")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(pd.DataFrame(list(rows), columns=list(columns)), str)
