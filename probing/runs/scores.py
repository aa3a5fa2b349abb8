"""Estimates and scores as tables, the same for probes and for full systems; and estimates read back.

    predictions.csv    id, partition, speaker, dimension, truth, then one column an estimator, on the corpus's own scale
    scores.csv         dimension, [kind, layer,] seed, partition, n, ccc, low, high, mean_low, mean_high

Shape legend: N utterances · E estimators of a dimension (probes, or a system's training seeds) · C clusters (speakers).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import Corpus, Utterance
from probing.errors import RunError, ScoreError, number_of
from probing.files import digest
from probing.files.recorded import File
from probing.runs.estimates import read_estimates, seed_of
from probing.statistics.concordance import ccc
from probing.statistics.jackknife import FEW_SPEAKERS, left_out_ccc, score_interval
from probing.statistics.paired import Sample

_WORDS = ("id", "partition", "speaker", "dimension")  # columns of predictions.csv that are not numbers


@dataclass(frozen=True)
class Estimator:
    """A column of predictions.csv, and what its scores say of it.

    Args:
        column: Name of the column.
        seed: Its training seed.
        kind: The kind of a probe.
        layer: The layer of a single-layer probe.
    """

    column: str
    seed: int
    kind: str | None = None
    layer: int | None = None


def rating(utterance: Utterance, dimension: str) -> float:
    """An utterance's rating on the corpus's scale, NaN where there is none."""
    return utterance.labels.get(dimension, np.nan)


def ratings(corpus: Corpus, dimensions: Sequence[str]) -> NDArray[np.float64]:
    """Ratings [N, K] mapped to [0, 1]; NaN where there is none."""
    table = [[rating(utterance, name) for name in dimensions] for utterance in corpus.utterances]
    return corpus.to_unit(np.array(table, np.float64).reshape(len(corpus), len(dimensions)))


def places(corpus: Corpus, partition: str) -> NDArray[np.int64]:
    """Indices of a partition's utterances in the corpus."""
    return np.array([i for i, u in enumerate(corpus.utterances) if u.partition == partition], dtype=np.int64)


def clusters_of(corpus: Corpus) -> list[str]:
    """What intervals are by: each utterance's speaker, or the utterance itself where no speaker is named."""
    return [utterance.speaker or f"utterance:{utterance.id}" for utterance in corpus.utterances]


def numbered_clusters(corpus: Corpus) -> NDArray[np.int64]:
    """The number of each utterance's cluster, [N]: numbers are told apart sooner than names."""
    return np.unique(clusters_of(corpus), return_inverse=True)[1].astype(np.int64)


def cluster_counts(corpus: Corpus) -> dict[str, dict[str, Any]]:
    """Partition → what its intervals are by (`by`), and how many of them there are (`number`)."""
    found: dict[str, dict[str, Any]] = {}
    for partition, utterances in corpus.partitions.items():
        speakers = {utterance.speaker for utterance in utterances}
        if None in speakers:
            found[partition] = {"by": "utterance", "number": len(utterances)}
        else:
            found[partition] = {"by": "speaker", "number": len(speakers)}
    return found


def interval_notes(corpus: Corpus) -> list[str]:
    """What a reader should know about the intervals: by utterance they are too narrow, and few speakers are untried."""
    found = (noted_of_intervals(partition, **clusters) for partition, clusters in cluster_counts(corpus).items())
    return [note for note in found if note]


def noted_of_intervals(partition: str, by: str, number: int) -> str:
    """What a reader should know about the intervals of a partition; nothing where they are by speakers enough.

    Args:
        partition: Its name.
        by: `speaker` or `utterance`.
        number: How many of them there are.
    """
    if by == "utterance":
        return f"{partition}: intervals are by utterance where no speaker is named, so they are too narrow"
    return f"{partition}: {_few(number)}" if number < FEW_SPEAKERS else ""


def _few(speakers: int) -> str:
    """What is known of intervals by few speakers."""
    if speakers == 1:
        return "one speaker: there are no intervals"
    measured = f"their coverage has been measured for {FEW_SPEAKERS} speakers and more"
    return f"intervals are by only {number_of(speakers, 'speaker')}; {measured}"


def labels_digest(corpus: Corpus, dimensions: Sequence[str]) -> str:
    """SHA-256 of ids, partitions, speakers and labels: what is learned from, apart from the encoder's input.

    Args:
        corpus: The utterances.
        dimensions: Dimensions and categories.
    """
    names = sorted(dimensions)
    rows = [
        [u.id, u.partition, u.speaker, *(u.labels.get(name, u.categories.get(name)) for name in names)]
        for u in corpus.utterances
    ]
    return digest({"rows": rows})


def predictions_table(
    corpus: Corpus, estimates: Mapping[str, Mapping[Estimator, NDArray[np.floating]]]
) -> pd.DataFrame:
    """Estimates on the corpus's own scale: a row for each utterance and dimension, a column for each estimator.

    Args:
        corpus: The N utterances.
        estimates: Dimension → estimator → estimates [N]; 0 and 1 are the ends of the scale.
    """
    found = [{estimator.column: own_N for estimator, own_N in own.items()} for own in estimates.values()]
    blank_N = np.full(len(corpus), np.nan)
    columns: dict[str, Any] = {
        "id": [u.id for u in corpus.utterances] * len(found),
        "partition": [u.partition for u in corpus.utterances] * len(found),
        "speaker": [u.speaker for u in corpus.utterances] * len(found),
        "dimension": np.repeat(np.array(list(estimates), object), len(corpus)),
        "truth": [rating(u, dimension) for dimension in estimates for u in corpus.utterances],
    }
    for name in dict.fromkeys(name for own in found for name in own):
        own_N = np.concatenate([np.asarray(own.get(name, blank_N), np.float64) for own in found])
        columns[name] = corpus.from_unit(own_N)
    return pd.DataFrame(columns, copy=False)  # of a fit of a large corpus they are hundreds of MB


def scores_table(corpus: Corpus, estimates: Mapping[str, Mapping[Estimator, NDArray[np.floating]]]) -> pd.DataFrame:
    """CCC of every estimator on every partition, over the whole partition, with 95 % intervals by speaker.

    Args:
        corpus: What was estimated.
        estimates: As in `predictions_table`.

    Returns:
        dimension, kind, layer, seed, partition, n (rated utterances), ccc, low, high, and mean_low, mean_high: the
        interval of the mean CCC over the seeds of that kind and layer, which includes the spread over seeds. Partitions
        without ratings have no row; one speaker alone has no interval (NaN). kind and layer are left out where no
        estimator has them.

    Raises:
        ScoreError: An estimate is NaN or infinite (code `not-finite`).
    """
    rows = []
    clusters_N = numbered_clusters(corpus)
    truth_NK = ratings(corpus, list(estimates))
    for partition in corpus.partitions:
        members = places(corpus, partition)
        for own_N, (dimension, own) in zip(truth_NK.T, estimates.items(), strict=True):
            rated = members[np.isfinite(own_N[members])]
            if len(rated) == 0:
                continue
            scores: dict[Estimator, tuple[float, ...]] = {}
            for group in by_group(own):
                found_SN = np.stack([np.asarray(own[estimator], np.float64)[rated] for estimator in group])
                _demand_finite(found_SN, dimension, partition)
                scores |= zip(group, _with_intervals(own_N[rated], found_SN, clusters_N[rated]), strict=True)
            for e in own:
                rows.append((dimension, e.kind, e.layer, e.seed, partition, len(rated), *scores[e]))
    columns = ["dimension", "kind", "layer", "seed", "partition", "n", "ccc", "low", "high", "mean_low", "mean_high"]
    table = pd.DataFrame(rows, columns=columns).astype({"layer": "Int64"})
    return table if table.kind.notna().any() else table.drop(columns=["kind", "layer"])


def _demand_finite(found_EN: NDArray[np.float64], dimension: str, partition: str) -> None:
    if not np.isfinite(found_EN).all():
        raise ScoreError(
            f"estimates of {dimension} on {partition}",
            "some are NaN or infinite, and such numbers have no score",
            "train again with a lower learning rate (--lr)",
            code="not-finite",
        )


def by_group(estimators: Iterable[Estimator]) -> list[list[Estimator]]:
    """Estimators that differ in their seed alone; of one group at a time all scores without each cluster are held."""
    found: dict[tuple[str | None, int | None], list[Estimator]] = {}
    for one in estimators:
        found.setdefault((one.kind, one.layer), []).append(one)
    return list(found.values())


def _with_intervals(
    truth_N: NDArray[np.float64], found_SN: NDArray[np.float64], clusters_N: NDArray[np.int64]
) -> list[tuple[float, ...]]:
    """Of each of a group's estimators: ccc, low, high, and the ends of the mean over the group."""
    score_S = ccc(truth_N, found_SN)
    left_SC, sizes_C, _ = left_out_ccc(truth_N, found_SN, clusters_N)
    low_S, high_S = score_interval(score_S[:, None], left_SC[:, None], sizes_C)
    ends = tuple(map(float, score_interval(score_S, left_SC, sizes_C)))
    return [(*map(float, found), *ends) for found in zip(score_S, low_S, high_S, strict=True)]


def summary(scores: pd.DataFrame, by: Sequence[str] = ("dimension", "partition")) -> pd.DataFrame:
    """Mean and spread over seeds: the columns of `by`, then ccc, sd, low, high, n."""
    groups = scores.groupby(list(by), sort=False)
    means = {"ccc": ("ccc", "mean"), "sd": ("ccc", "std"), "low": ("mean_low", "first"), "high": ("mean_high", "first")}
    return groups.agg(**means, n=("n", "first")).reset_index()


def score_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A summary as a record keeps it: six digits, None where there is no value."""
    rows = table.round(6).to_dict("records")
    return [{str(key): None if value != value else value for key, value in row.items()} for row in rows]


class Predictions:
    """Estimates read back; the file is read once, and each sample is made once.

    Args:
        path: predictions.csv of a run.
        files: What the run's record says of all its files; None for a run of version 0.1.0.

    Raises:
        RunError: On first use: it is missing or has changed (code `run-incomplete`), is damaged (`run-damaged`), or
            does not have what is asked for (`no-estimates`).
    """

    def __init__(self, path: Path, files: Mapping[str, File] | None = None) -> None:
        self._path, self._files = path, files
        self._samples: dict[tuple[str, str, str], Sample] = {}

    @cached_property
    def table(self) -> pd.DataFrame:
        """The whole file."""
        return read_estimates(self._path, self._files, (*_WORDS, "truth"), "dimension", _WORDS)

    def sample(self, dimension: str, partition: str, training: str = "") -> Sample:
        """A system's estimates of one dimension on one partition, of the rated utterances.

        Args:
            dimension: Name of a dimension.
            partition: Name of a partition.
            training: What tells the training from others (`Sample.training`).
        """
        key = (dimension, partition, training)
        if key not in self._samples:
            self._samples[key] = self._select(dimension, partition, training)
        return self._samples[key]

    def _select(self, dimension: str, partition: str, training: str) -> Sample:
        table = self.table
        own = table[(table.dimension == dimension) & (table.partition == partition) & table.truth.notna()]
        own = own.sort_values("id")
        seeds = {name: seed for name in table.columns if (seed := seed_of(name)) is not None}
        columns = list(seeds)
        if own.empty or not columns or own[columns].isna().any(axis=None):
            raise RunError(
                f"{self._path} has no estimates of {dimension} on {partition}",
                "the run did not estimate it there, or no utterance there is rated",
                "compare runs with the same --dim on the same corpus",
                code="no-estimates",
            )
        return Sample(
            tuple(own.id.tolist()),
            own.truth.to_numpy(np.float64),
            own[columns].to_numpy(np.float64).T,
            tuple(seeds.values()),
            tuple(own.speaker.where(own.speaker.notna(), "utterance:" + own.id).tolist()),
            training,
        )
