"""Scores of several systems set against each other: the same resampled speakers and training seeds for all.

Shape legend: S training seeds · R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.errors import ProbingError
from probing.runs.records import Record
from probing.statistics.concordance import bootstrap_ccc, ccc, interval

Combine = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True)
class Contrast:
    """A number that several systems' scores give, with its 95 % interval.

    Args:
        value: From the scores, each the mean over training seeds.
        low: Lower end; NaN where there is none (one speaker).
        high: Upper end.
        seeds: Training seeds of the system that has the fewest.
        n: Utterances.
    """

    value: float
    low: float
    high: float
    seeds: int
    n: int

    def __str__(self) -> str:
        interval_ = f"[{self.low:.3f}, {self.high:.3f}]" if np.isfinite(self.low) else "[no interval]"
        return f"{self.value:.3f} {interval_}"


def predictions_of(record: Record) -> pd.DataFrame:
    """A run's estimates.

    Raises:
        ProbingError: The run's folder is incomplete.
    """
    path = record.folder / "predictions.csv"
    if not path.is_file():
        raise ProbingError(f"{path}", "the run's folder is incomplete", "type its command again (see its record.json)")
    return pd.read_csv(path, dtype={"id": str, "speaker": str}, keep_default_na=True)


def contrast(records: Sequence[Record], combine: Combine, dimension: str, partition: str) -> Contrast:
    """Combine systems' scores on one partition; in each resample speakers and training seeds are drawn for all alike.

    Args:
        records: Runs that estimated the same utterances.
        combine: From a CCC for each run to one number, elementwise: `lambda a, b: a - b`.
        dimension: Name of a dimension.
        partition: Name of a partition.

    Raises:
        ProbingError: The runs estimated other utterances, or lack the dimension or the partition.
    """
    tables = [_rows(record, dimension, partition) for record in records]
    for record, table in zip(records[1:], tables[1:], strict=True):
        if list(table.id) != list(tables[0].id) or not np.allclose(table.truth, tables[0].truth):
            raise ProbingError(
                f"{records[0].folder} and {record.folder} estimated other utterances of {partition}",
                "their corpus, its labels or what was left out differ",
                "compare runs on the same corpus",
            )
    scores = [ccc(table.truth, estimates_of(table)).mean() for table in tables]
    draws = [mean_draws(table) for table in tables]
    low, high = interval(combine(*draws))
    seeds = min(estimates_of(table).shape[0] for table in tables)
    return Contrast(float(combine(*scores)), float(low), float(high), seeds, len(tables[0]))


def fall(record: Record, dimension: str, seen: str, unseen: str) -> Contrast:
    """How much higher a system's CCC is on unseen than on seen material (below 0: it falls).

    The two partitions' speakers are drawn independently, the training seeds alike.
    """
    first, second = (_rows(record, dimension, partition) for partition in (seen, unseen))
    values = [ccc(table.truth, estimates_of(table)).mean() for table in (first, second)]
    low, high = interval(mean_draws(second) - mean_draws(first, seed=1))
    return Contrast(
        float(values[1] - values[0]), float(low), float(high), estimates_of(first).shape[0], len(first) + len(second)
    )


def mean_draws(table: pd.DataFrame, seed: int = 0) -> NDArray[np.float64]:
    """Resampled mean CCC over training seeds [R]: in each draw speakers and training seeds are drawn again.

    Runs with the same training seeds draw the same ones, so that they are paired; one training seed alone stays.
    """
    clusters = clusters_of(table)
    draws_SR = bootstrap_ccc(table.truth, estimates_of(table), clusters, seed=seed)
    if len(set(clusters)) < 2:
        return np.full(draws_SR.shape[1], np.nan)
    numbers = [int(name.removeprefix("seed")) for name in seed_columns(table)]
    chosen_SR = np.random.default_rng([1, *numbers]).integers(len(numbers), size=draws_SR.shape)
    return np.take_along_axis(draws_SR, chosen_SR, axis=0).mean(0)


def estimates_of(table: pd.DataFrame) -> NDArray[np.float64]:
    """Estimates [S, N] of a table of predictions."""
    return table[seed_columns(table)].to_numpy(np.float64).T


def seed_columns(table: pd.DataFrame) -> list[str]:
    """The columns of the training seeds."""
    return [name for name in table.columns if name.startswith("seed")]


def clusters_of(table: pd.DataFrame) -> list[str]:
    """What is resampled: speakers, or utterances where no speaker is named."""
    return list(table.speaker.where(table.speaker.notna(), "utterance:" + table.id))


def _rows(record: Record, dimension: str, partition: str) -> pd.DataFrame:
    table = predictions_of(record)
    own = table[(table.dimension == dimension) & (table.partition == partition) & table.truth.notna()]
    if own.empty:
        raise ProbingError(
            f"{record.folder} has no estimates of {dimension} on {partition}",
            "the run did not estimate them, or nothing there is rated",
            "compare runs with the same --dim on the same corpus",
        )
    return own.sort_values("id").reset_index(drop=True)
