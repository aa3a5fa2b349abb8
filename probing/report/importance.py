"""What Figure 2 draws, as one table; it is kept beside the figure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probing.errors import RunError
from probing.files import file_digest
from probing.runs.records import FitRecord

WEIGHT = "weight"  # the panel of the learned weights
CCC = "CCC "  # before a partition: the panel of its scores
_SOURCES = {"single": "encoder", "weighted": "weighted", "shuffled": "shuffled"}  # of a score, by its kind of probe
_COLUMNS = ["panel", "source", "dimension", "seed", "layer", "value", "low", "high", "band"]
_OF_WEIGHTS = ("dimension", "seed", "layer", "weight")
_OF_SCORES = ("dimension", "kind", "layer", "seed", "partition", "ccc")
_REMEDY = "copy the run again, or rerun the command in its record.json"


def drawn_of(record: FitRecord, control: FitRecord | None = None) -> pd.DataFrame:
    """All that is drawn: one row for each seed's value.

    Args:
        record: A fit.
        control: The same fit on the same encoder with random weights.

    Returns:
        panel (`weight`, or `CCC ` and a partition), source (`encoder`: learned weights and single-layer probes;
        `random`: those of the control; `weighted`, `shuffled`: these probes), dimension, seed, layer (of a curve; −1 is
        state C, the raw output of the convolutions), value, and low, high and band: the ends of what is drawn about
        the mean over seeds, and what they are.

    Raises:
        RunError: A run's files are missing or changed (code `run-incomplete`), or damaged (`run-damaged`).
    """
    drawn = _run_table(record)
    if control is None:
        return drawn
    other = _run_table(control)
    other = other[(other.source == "encoder") & other.panel.isin(drawn.panel)]
    return pd.concat([drawn, other.assign(source="random", low=np.nan, high=np.nan, band="")], ignore_index=True)


def _run_table(record: FitRecord) -> pd.DataFrame:
    """One run's learned weights and, where single layers were fitted, its scores on the test partitions."""
    weights, scores = _read(record, "weights.csv", _OF_WEIGHTS), _read(record, "scores.csv", _OF_SCORES)
    tests = [p for p in dict.fromkeys(scores.partition) if p not in ("train", "development")] or ["development"]
    scores = scores[scores.partition.isin(tests) & (scores.kind == "single").any()]
    weights = weights.rename(columns={"weight": "value"}).assign(panel=WEIGHT, source="encoder")
    scores = scores.rename(columns={"ccc": "value"})
    scores = scores.assign(panel=CCC + scores.partition, source=scores.kind.map(_SOURCES))
    parts = [_with_range(weights)]
    parts += [_with_interval(own, _resampled(record, str(p))) for p, own in scores.groupby("partition", sort=False)]
    return pd.concat([part[_COLUMNS] for part in parts if len(part)], ignore_index=True).astype({"layer": "Int64"})


def _with_range(table: pd.DataFrame) -> pd.DataFrame:
    """With the range over seeds as the band."""
    seeds = table.seed.nunique()
    values = table.groupby(["panel", "source", "dimension", "layer"], dropna=False).value
    band = f"range over {seeds} seeds" if seeds > 1 else "none, one seed"
    return table.assign(low=values.transform("min"), high=values.transform("max"), band=band)


def _with_interval(scores: pd.DataFrame, resampled: str) -> pd.DataFrame:
    """One partition's scores with the interval of the mean over seeds as the band, or the range where one is absent."""
    ends = scores.reindex(columns=["mean_low", "mean_high"])
    if ends.isna().any(axis=None):
        return _with_range(scores)
    of_the_mean = " of the mean over seeds" if scores.seed.nunique() > 1 else ""
    return scores.assign(low=ends.mean_low, high=ends.mean_high, band=f"95 % {resampled} bootstrap{of_the_mean}")


def _resampled(record: FitRecord, partition: str) -> str:
    """What a partition's intervals resample."""
    clusters = record.corpus.clusters.get(partition)
    return clusters.by if clusters else "speaker"


def _read(record: FitRecord, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    path = record.folder / name
    if not path.is_file():
        raise RunError(f"{path}", "there is no such file", _REMEDY, code="run-incomplete")
    written = (record.files or {}).get(name)
    if written is not None and file_digest(path) != written.sha256:
        raise RunError(f"{path}", "it is not what the run wrote", _REMEDY, code="run-incomplete")
    try:
        table = pd.read_csv(path)
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise RunError(f"{path}", f"it is damaged ({error})", _REMEDY, code="run-damaged") from error
    if lacking := set(columns).difference(table.columns):
        why = f"it is damaged (no column {', '.join(sorted(lacking))})"
        raise RunError(f"{path}", why, _REMEDY, code="run-damaged")
    return table
