"""What a page says of a fit: Figure 2, where each dimension is, and the numbers of every layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from probing.corpus.model import DEVELOPMENT
from probing.errors import number_of
from probing.report.caption import described
from probing.report.figure2 import plot_layers
from probing.report.importance import CCC, IMPORTANCE, WEIGHT, drawn_of
from probing.report.page_blocks import NOTHING, Block, Drawing, Items, Section, Table, table_of, wide
from probing.report.page_svg import inline
from probing.report.wording import layer_name, placed
from probing.runs.entries import Score
from probing.runs.printing import (
    MEASURES,
    SEEN,
    UNSEEN,
    ends,
    intervals_said,
    measure_of,
    partition_title,
    seeds_of,
    spread,
)
from probing.runs.records import FitRecord, Record
from probing.statistics.layers import LayerSummary

_YES = "yes"


def fit_section(
    record: FitRecord, name: str, controls: Sequence[FitRecord], summaries: Mapping[str, LayerSummary]
) -> Section:
    """The section of a fit.

    Args:
        record: The fit.
        name: Of the section.
        controls: The fits on random encoders that belong to it.
        summaries: Dimension → where it is.

    Raises:
        RunError: Files of a run are missing, changed or damaged.
    """
    drawn, figure = drawn_of(record, controls), Figure()
    plot_layers(record, controls, figure)
    said = " ".join(described(record, drawn, controls))
    title = f"Figure 2: what the layers of {record.title} tell"
    blocks: list[Block] = [Drawing(inline(figure, name, title, said), said, wide=False)]
    if summaries:
        above = f" above {number_of(len(controls), 'random encoder')}" if controls else ""
        said = f"Where each dimension is, in R²{above} (depth: 0 is the first state, 1 the last)"
        blocks.append(Items(said, tuple(placed(summary) for summary in summaries.values())))
    blocks += [*_importance(drawn), *_layers(drawn), *score_tables(record)]
    if record.notes:
        blocks.append(Items("Notes", tuple(record.notes)))
    return Section(name, f"Layers of {record.title}", tuple(blocks))


def score_tables(record: Record, selected: bool = True) -> Iterator[Table]:
    """The scores of a run, as its record has them; those of categories in a table of their own.

    Args:
        record: The run.
        selected: Whether it was selected on development.
    """
    if record.scores:
        yield _of_dimensions(record, selected)
    if record.category_scores:
        yield _of_categories(record, selected)


def _of_dimensions(record: Record, selected: bool) -> Table:
    table = pd.DataFrame([asdict(score) for score in record.scores])
    partitions = [*dict.fromkeys(p for p in (UNSEEN, SEEN) if p in set(table.partition)), *table.partition]
    order = {partition: place for place, partition in enumerate(dict.fromkeys(partitions))}
    order[DEVELOPMENT] = len(order)  # last of all that is not a test
    table = table.sort_values("partition", key=lambda own: own.map(order), kind="stable")
    table = table.assign(partition=[_titled(name, selected) for name in table.partition])
    probes = list(dict.fromkeys(name for name in table.probe if name is not None))
    keys = ["dimension", "probe"] if probes else ["dimension"]
    table = table.assign(probe=table.probe.replace({"shuffled": "permuted labels"}))
    names = {name: place for place, name in enumerate(dict.fromkeys(score.dimension for score in record.scores))}
    table = table.sort_values("dimension", key=lambda own: own.map(names), kind="stable")
    seeds = _seeds(record)
    said = f"CCC: mean over {seeds_of(seeds)}" + " ± standard deviation over seeds" * (seeds > 1)
    return table_of(wide(table, keys, ["partition"], _score), f"{said} [{intervals_said([seeds])}]", len(keys))


def _of_categories(record: Record, selected: bool) -> Table:
    """UAR with its interval, macro-F1 and accuracy, a row each."""
    scores = [(score, field) for score in record.category_scores for field in MEASURES]
    columns = {
        "category": [score.category for score, _ in scores],
        "probe": [score.probe or "" for score, _ in scores],
        "measure": [MEASURES[field] for _, field in scores],
        "partition": [_titled(score.partition, selected) for score, _ in scores],
        "said": [measure_of(score, field) for score, field in scores],
    }
    table = pd.DataFrame(columns)
    keys = ["category", *["probe"] * bool(table.probe.any()), "measure"]
    seeds = _seeds(record)
    caption = f"Categories: mean over {seeds_of(seeds)}; of UAR [{intervals_said([seeds])}]"
    return table_of(wide(table, keys, ["partition"], lambda row: str(row.said)), caption, len(keys))


def _titled(partition: str, selected: bool) -> str:
    return partition if partition == DEVELOPMENT and not selected else partition_title(partition)


def _seeds(record: Record) -> int:
    """Number of training seeds of a run."""
    own = getattr(record, "seeds", None)
    return len(own) if own is not None else int(record.options.get("seeds", 1))


def _score(row: Score) -> str:
    return f"{row.ccc:.3f}{spread(row.sd)} {ends(row.low, row.high)}"


def _importance(drawn: pd.DataFrame) -> Iterator[Table]:
    """R² of every layer."""
    own = drawn[drawn.panel == IMPORTANCE]
    if own.empty:
        return
    random = own[own.source == "random"].groupby(["dimension", "layer"]).value.mean()
    beside = own.random.nunique()
    columns = ["dimension", "layer", "R²", "low", "high", "may be the best"]
    columns += [f"R² of {beside} random encoders" if beside > 1 else "R² of a random encoder"] * bool(beside)
    rows = []
    for row in own[own.source == "encoder"].itertuples():
        measured = [_number(number, 3) for number in (row.value, row.low, row.high)]
        cells = [str(row.dimension), layer_name(row.layer), *measured, _YES if row.in_set == 1 else NOTHING]
        cells += [_number(random.get((row.dimension, row.layer), np.nan), 3)] * bool(beside)
        rows.append(tuple(cells))
    said = "Importance of each layer: R² of ridge probes, cross-validated over speakers within train and development, "
    said += "with 95 % intervals. This is the number to quote. “May be the best”: in the 95 % confidence set of layers."
    yield Table(said, tuple(columns), tuple(rows), keys=2)


def _layers(drawn: pd.DataFrame) -> Iterator[Table]:
    """What else Figure 2 shows of every layer: scores on test partitions and learned weights."""
    own = drawn[(drawn.source == "encoder") & (drawn.panel != IMPORTANCE)]
    if own.empty:
        return
    means = own.groupby(["dimension", "layer", "panel"], sort=False)[["value", "low", "high"]].mean().reset_index()
    panels = list(dict.fromkeys(own.panel))
    titles = {panel: _panel_title(panel) for panel in panels}
    means = means.sort_values("panel", key=lambda name: name.map(panels.index), kind="stable")
    dimensions = list(dict.fromkeys(own.dimension))
    means = means.sort_values(
        ["dimension", "layer"], key=lambda c: c.map(dimensions.index) if c.name == "dimension" else c, kind="stable"
    )
    means = means.assign(panel=means.panel.map(titles), layer=[layer_name(layer) for layer in means.layer])
    table = wide(means, ["dimension", "layer"], ["panel"], lambda row: f"{row.value:.3f} {_ends(row.low, row.high)}")
    bands = {titles[p]: own.band[own.panel == p].iloc[0] for p in panels}
    said = "; ".join(f"{panel}: {band}" for panel, band in bands.items())
    yield table_of(table, f"Single layers. In brackets: {said}.", 2)


def _panel_title(panel: str) -> str:
    return "learned weight" if panel == WEIGHT else f"CCC, {partition_title(panel.removeprefix(CCC))}"


def _ends(low: float, high: float) -> str:
    return f"[{low:.3f}, {high:.3f}]" if np.isfinite(low) and np.isfinite(high) else "[–]"


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None or not np.isfinite(value) else f"{round(value, digits) + 0.0:.{digits}f}"  # no −0
