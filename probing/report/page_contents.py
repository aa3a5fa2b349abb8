"""What a page says of the contents of layers: pictures, shares and falls by depth, what else layers tell, notes.

The utterances that gain and lose most are not on it: a page is passed around, and ids and texts stay in the run's
folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from probing.report.contents import draw_contents
from probing.report.contents_caption import described, described_similarity
from probing.report.contents_similarity import others_in, plot_similarity
from probing.report.contents_table import (
    BITS,
    CHANCE,
    COMPONENTS,
    DESCRIPTION,
    ERASURE,
    FALL,
    INSIDE,
    LAYER,
    NUISANCE,
    R2,
    RANDOM,
    SHARE,
    SHARES,
    SOUND,
    WORDS,
    by_layer,
    components_in,
    concepts_in,
    dimensions_in,
    level,
    nuisances_in,
)
from probing.report.page_blocks import NOTHING, Block, Drawing, Items, Section, Table
from probing.report.page_svg import inline
from probing.report.style import DPI
from probing.report.wording import layer_name
from probing.runs.contents import read_contents
from probing.runs.records import LayersRecord

_DIFFERENCE = "difference"


def contents_section(record: LayersRecord, name: str) -> Section:
    """The section of a run of `probe layers`.

    Args:
        record: The run.
        name: Of the section.

    Raises:
        RunError: Its table is missing, changed or damaged, or has nothing to draw (code `no-contents`).
    """
    table, figure = read_contents(record), Figure(dpi=DPI)
    draw_contents(record, table, figure)
    said = " ".join(described(record, table))
    title = f"What the layers of {record.title} contain"
    blocks: list[Block] = [Drawing(inline(figure, name, title, said), said)]
    if others_in(table):
        alike = Figure(dpi=DPI)
        plot_similarity(record, table, alike)
        said = " ".join(described_similarity(record, table))
        blocks.append(
            Drawing(inline(alike, f"{name}-similarity", f"Which layers of {record.title} are alike", said), said)
        )
    dimensions = dimensions_in(table, record.dimensions)
    blocks += [one for dimension in dimensions for one in _shares(table, dimension)]
    blocks += [one for dimension in dimensions for one in _falls(table, dimension)]
    blocks += [*_others(table), *_bits(table, dimensions)]
    if record.notes:
        blocks.append(Items("Notes", tuple(record.notes)))
    return Section(name, title, tuple(blocks))


def _shares(table: pd.DataFrame, dimension: str) -> Iterator[Table]:
    """R² of every layer and its parts."""
    columns = {"R²": by_layer(table, SHARES, R2, dimension, LAYER)}
    columns |= {COMPONENTS[p]: by_layer(table, SHARES, SHARE, dimension, p) for p in components_in(table) if p != LAYER}
    columns[COMPONENTS[LAYER]] = by_layer(table, SHARES, SHARE, dimension, LAYER)
    columns["with words − with sound"] = by_layer(table, SHARES, _DIFFERENCE, dimension)
    reached = {part: level(table, dimension, part) for part in (WORDS, SOUND, f"{WORDS}+{SOUND}")}
    names = {WORDS: "words alone", SOUND: "sound alone", f"{WORDS}+{SOUND}": "both together"}
    alone = "; ".join(f"{names[part]} {_cell(own)}" for part, own in reached.items() if own is not None)
    said = f"{dimension}: what a layer's R² is made of, cross-validated over speakers, with 95 % intervals."
    yield from _by_depth(columns, said + f" R² without the layer: {alone}." * bool(alone))


def _falls(table: pd.DataFrame, dimension: str) -> Iterator[Table]:
    """Falls by erasing, beside those of random subspaces; and the same inside a running system."""
    for analysis, where in ((ERASURE, "from a layer"), (INSIDE, "inside the running fine-tuned system")):
        columns: dict[str, pd.DataFrame] = {}
        for concept in concepts_in(table, analysis):
            columns.setdefault("CCC before", by_layer(table, analysis, "before", dimension, concept))
            columns[f"without {concept}"] = by_layer(table, analysis, FALL, dimension, concept)
            columns[f"random, as many as {concept}"] = by_layer(table, analysis, RANDOM, dimension, concept)
        on = ", ".join(dict.fromkeys(table.partition[(table.analysis == analysis) & (table.target == dimension)]))
        said = f"{dimension}: fall of CCC by erasing {where}, 1 − after / before, on {on}, with 95 % intervals; of "
        said += "random subspaces of the same rank the mean, the smallest and the largest fall. No fall is given where "
        yield from _by_depth(columns, said + "the interval of the CCC before includes 0.")


def _others(table: pd.DataFrame) -> Iterator[Table]:
    """What else each layer tells."""
    columns = {}
    for target, measure in nuisances_in(table):
        named = target if measure == R2 else f"{target} ({measure})"
        columns[named] = by_layer(table, NUISANCE, measure, target)
    guessed = table[(table.analysis == NUISANCE) & (table.measure == CHANCE)]
    chance = "; ".join(f"{row.target} {row.value:.2f}" for row in guessed.itertuples())
    said = "What else each layer tells: R² of ridge probes, cross-validated, or accuracy, with 95 % intervals."
    yield from _by_depth(columns, said + f" Accuracy of always guessing the most frequent: {chance}." * bool(chance))


def _bits(table: pd.DataFrame, dimensions: list[str]) -> Iterator[Table]:
    """Description length."""
    columns = {dimension: by_layer(table, DESCRIPTION, BITS, dimension) for dimension in dimensions}
    said = "Online description length: bits that each layer saves per rating; in brackets the smallest and the largest "
    yield from _by_depth(columns, said + "of the orders of the speakers.")


def _by_depth(columns: Mapping[str, pd.DataFrame], caption: str) -> Iterator[Table]:
    """A row for each layer, with a column for each curve that there is."""
    known = {name: own for name, own in columns.items() if len(own)}
    if not known:
        return
    layers = sorted(set().union(*(own.index for own in known.values())))
    rows = []
    for layer in layers:
        cells = [_cell(own.loc[layer]) if layer in own.index else NOTHING for own in known.values()]
        rows.append((layer_name(layer), *cells))
    yield Table(caption, ("layer", *known), tuple(rows))


def _cell(row: pd.Series[float]) -> str:
    """A number with its interval."""
    if not np.isfinite(row.value):
        return NOTHING
    known = np.isfinite(row.low) and np.isfinite(row.high)
    return f"{row.value:z.2f}" + (f" [{row.low:z.2f}, {row.high:z.2f}]" if known else "")
