"""Table 1: systems by modality, with parameters and CCC on seen and unseen material (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from probing.report.compared import dimensions_of, names_of, paired, sample_of, spread_of, systems, tests_of
from probing.report.published import SAID, published
from probing.runs import escapes
from probing.runs.printing import (
    SEEN,
    UNSEEN,
    ends,
    intervals_said,
    latex_table,
    markdown_table,
    signed,
    spread,
    titled,
)
from probing.runs.records import FinetuneRecord, SystemRecord
from probing.statistics.paired import fall

Cell = Callable[[Any], str]  # from a row of a long table to the text of its cell


def table1(records: Sequence[SystemRecord], against: SystemRecord | None = None) -> pd.DataFrame:
    """Table 1 in long form, one row a run, partition and dimension.

    Args:
        records: Runs on one corpus, and evaluations of published models on it.
        against: The run that differences are taken to; by default the largest of our own that takes audio alone.

    Returns:
        modality, model, regime, parameters_M, trainable_M, shuffled, partition, dimension, n, seeds, ccc (mean over
        seeds), sd (over seeds), low and high (95 %); against, difference,
        difference_low, difference_high; fall, fall_low, fall_high (unseen − seen, on the rows of the unseen
        partition); corpus, run. Runs of one system have names that say what differs.
    """
    ordered = systems(records)
    own = [record for record in ordered if isinstance(record, FinetuneRecord)] or ordered
    reference = against or next((r for r in own if r.system.modality == "audio"), own[0])
    others = [] if any(record.folder == reference.folder for record in ordered) else [reference]
    everything = systems([*ordered, *others])
    names, tests, dimensions = names_of(everything), tests_of(everything), dimensions_of(everything)
    rows = []
    for record in ordered:
        known = system_columns(record, names[record.folder])
        for partition in tests:
            for dimension in dimensions:
                row = known | {"partition": partition, "dimension": dimension}
                row |= score_of(record, dimension, partition)
                if record.folder != reference.folder:
                    row["against"] = names[reference.folder]
                    row |= difference_of(record, reference, dimension, partition)
                if partition == UNSEEN and SEEN in tests:
                    row |= _fall(record, dimension)
                rows.append(row | {"corpus": record.corpus.full_title, "run": record.folder.name})
    return pd.DataFrame(rows)


def system_columns(record: SystemRecord, name: str) -> dict[str, Any]:
    """What a row of a table says of a system: modality, model, regime, parameters_M, trainable_M, shuffled.

    Args:
        record: Its run.
        name: Its name, which says what differs from others.
    """
    return {
        "modality": record.system.modality,
        "model": name,
        "regime": record.system.regime,
        "parameters_M": record.system.parameters / 1e6,
        "trainable_M": record.system.trainable / 1e6,
        "shuffled": record.shuffled,
    }


def score_of(record: SystemRecord, dimension: str, partition: str) -> dict[str, Any]:
    """A run's score with its interval: n, seeds, ccc, sd, low, high."""
    sample = sample_of(record, dimension, partition)
    low, high = sample.interval()
    found = {"n": len(sample.ids), "seeds": len(sample.seeds), "ccc": sample.score}
    return found | {"sd": spread_of(record, dimension, partition), "low": low, "high": high}


def difference_of(record: SystemRecord, reference: SystemRecord, dimension: str, partition: str) -> dict[str, float]:
    """A paired difference with its interval: difference, difference_low, difference_high."""
    found = paired([record, reference], [1, -1], dimension, partition)
    return {"difference": found.value, "difference_low": found.low, "difference_high": found.high}


def markdown(table: pd.DataFrame, corpus: str) -> str:
    """Table 1, the differences, the fall and the published rows, for reading."""
    against = next((name for name in table.get("against", pd.Series(dtype=str)).dropna()), None)
    blocks = [
        f"## Table 1 on {escapes.markdown(corpus)}",
        f"CCC, mean over training seeds ± standard deviation over seeds [{intervals_said(table.seeds)}].",
        markdown_table(_wide(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)} {ends(r.low, r.high)}")),
    ]
    if against:
        own = table[table.difference.notna()]
        differences = _wide(own, lambda r: signed(r.difference, r.difference_low, r.difference_high))
        blocks += [f"### Paired differences to {escapes.markdown(against)}", markdown_table(differences)]
    if "fall" in table and table.fall.notna().any():
        falls = _wide(table[table.fall.notna()], lambda r: signed(r.fall, r.fall_low, r.fall_high))
        blocks += ["### From seen to unseen", markdown_table(falls)]
    blocks += ["## Table 1 as published", SAID, markdown_table(_published())]
    return "\n\n".join(blocks) + "\n"


def latex(table: pd.DataFrame, corpus: str) -> str:
    """Table 1 for a paper; it needs \\usepackage{booktabs}."""
    wide = _wide(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)}")
    said = f"CCC on {corpus}: mean over training seeds ± standard deviation over seeds"
    return latex_table(wide, "ll" + "r" * (wide.shape[1] - 2), said)


def _wide(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Text for reading: one row a run, one column a partition and dimension."""
    pairs = list(dict.fromkeys(zip(table.partition, table.dimension, strict=True)))
    rows = []
    for model in dict.fromkeys(table.model):
        own = table[table.model == model]
        text = {(r.partition, r.dimension): cell(r) for r in own.itertuples()}
        first = own.iloc[0]
        rows.append([first.modality, model, f"{first.parameters_M:.3g}", *(text.get(pair, "—") for pair in pairs)])
    columns = ["modality", "model", "#params (M)", *(f"{titled(p)} {d}" for p, d in pairs)]
    return pd.DataFrame(rows, columns=columns)


def _published() -> pd.DataFrame:
    """The paper's rows; a name stands there once a modality, so that each modality is a table of its own."""
    long = published("table1").melt(["modality", "model", "parameters_M", "partition", "source"], var_name="dimension")
    long = long.sort_values("partition", kind="stable")
    parts = [_wide(own, lambda r: f"{r.value:.3f}") for _, own in long.groupby("modality", sort=False)]
    return pd.concat(parts)


def _fall(record: SystemRecord, dimension: str) -> dict[str, float]:
    found = fall(*(sample_of(record, dimension, partition) for partition in (SEEN, UNSEEN)))
    return {"fall": found.value, "fall_low": found.low, "fall_high": found.high}
