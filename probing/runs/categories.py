"""Estimated classes and their scores as tables, the same for probes and for full systems; and classes read back.

    categories.csv        id, partition, speaker, category, truth, then one column an estimator: the estimated class
    category_scores.csv   category, [kind, layer,] seed, partition, n, classes, uar, low, high, mean_low, mean_high,
                          macro_f1, accuracy

Estimates are names of classes: those of a training need not be those of the corpus that it is evaluated on.

Shape legend: N utterances · E estimators of a category · K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import Corpus
from probing.errors import RunError
from probing.files.recorded import File
from probing.runs.estimates import read_estimates, seed_of
from probing.runs.scores import Estimator, by_group, numbered_clusters, places
from probing.statistics.classification import ClassSample, left_out_uar, tally, uar_interval

CATEGORIES, CATEGORY_SCORES = "categories.csv", "category_scores.csv"
Names = NDArray[np.str_]
Classified = Mapping[str, Mapping[Estimator, Names]]  # category → estimator → estimated classes [N]
_WORDS = ("id", "partition", "speaker", "category", "truth")
_COLUMNS = """
    category kind layer seed partition n classes uar low high mean_low mean_high macro_f1 accuracy
""".split()


def classes_of(corpus: Corpus, category: str) -> Names:
    """Each utterance's class [N]; an empty text where it has none."""
    return np.array([utterance.categories.get(category, "") for utterance in corpus.utterances], dtype=np.str_)


def coded(corpus: Corpus, category: str) -> NDArray[np.int64]:
    """The number of each utterance's class among `corpus.classes(category)`, [N]; −1 where it has none."""
    number = {name: place for place, name in enumerate(corpus.classes(category))}
    return np.array([number.get(u.categories.get(category, ""), -1) for u in corpus.utterances], np.int64)


def categories_table(corpus: Corpus, estimates: Classified) -> pd.DataFrame:
    """Estimated classes: a row for each utterance and category, a column for each estimator.

    Args:
        corpus: The N utterances.
        estimates: Category → estimator → estimated classes.
    """
    blocks = []
    for category, own in estimates.items():
        columns: dict[str, Any] = {
            "id": [u.id for u in corpus.utterances],
            "partition": [u.partition for u in corpus.utterances],
            "speaker": [u.speaker for u in corpus.utterances],
            "category": category,
            "truth": [u.categories.get(category) for u in corpus.utterances],
        }
        blocks.append(pd.DataFrame(columns | {one.column: found_N for one, found_N in own.items()}))
    return pd.concat(blocks, ignore_index=True)


def category_scores_table(corpus: Corpus, estimates: Classified) -> pd.DataFrame:
    """UAR, macro-F1 and accuracy of every estimator on every partition, with 95 % intervals of UAR by speaker.

    Args:
        corpus: What was estimated.
        estimates: As in `categories_table`.

    Returns:
        category, kind, layer, seed, partition, n (utterances that have a class), classes (how many of them there are),
        uar, low, high, mean_low and mean_high (the interval of the mean UAR over the seeds of that kind and layer),
        macro_f1, accuracy. Partitions without classes have no row; one speaker alone has no interval (NaN), nor has a
        UAR of 0 or 1. kind and layer are left out where no estimator has them.
    """
    rows = []
    clusters_N = numbered_clusters(corpus)
    truths = {category: classes_of(corpus, category) for category in estimates}
    for partition in corpus.partitions:
        members = places(corpus, partition)
        for category, own in estimates.items():
            truth_N = truths[category]
            known = members[truth_N[members] != ""]
            if len(known) == 0:
                continue
            size = (partition, len(known), len(np.unique(truth_N[known])))
            scores: dict[Estimator, tuple[float, ...]] = {}
            for group in by_group(own):
                found_SN = np.stack([own[estimator][known] for estimator in group])
                scores |= zip(group, _with_intervals(truth_N[known], found_SN, clusters_N[known]), strict=True)
            rows += [(category, e.kind, e.layer, e.seed, *size, *scores[e]) for e in own]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    empty = [name for name in ("kind", "layer") if table[name].isna().all()]
    return table.astype({"layer": "Int64"}).drop(columns=empty)


def _with_intervals(truth_N: Names, found_SN: Names, clusters_N: NDArray[np.int64]) -> list[tuple[float, ...]]:
    """Of each of a group's estimators: uar, low, high, the ends of the group's mean, macro-F1, accuracy."""
    names, codes = np.unique(np.concatenate([truth_N[None], found_SN]), return_inverse=True)
    codes = codes.reshape(len(found_SN) + 1, -1)
    counts = tally(codes[0], codes[1:], len(names))
    uar_S = counts.uar
    left_SC, sizes_C, _ = left_out_uar(codes[0], codes[1:], len(names), clusters_N)
    low_S, high_S = uar_interval(uar_S[:, None], left_SC[:, None], sizes_C)
    ends = [np.full_like(uar_S, float(end)) for end in uar_interval(uar_S, left_SC, sizes_C)]
    columns = [uar_S, low_S, high_S, *ends, counts.macro_f1, counts.accuracy]
    return [tuple(map(float, row)) for row in np.stack(columns, axis=1)]


def category_summary(scores: pd.DataFrame, by: Sequence[str] = ("category", "partition")) -> pd.DataFrame:
    """Means over seeds, and the spread of UAR: the columns of `by`, then the fields of `runs.entries.CategoryScore`."""
    groups = scores.groupby(list(by), sort=False)
    means = {name: (name, "mean") for name in ("uar", "macro_f1", "accuracy")}
    means |= {"sd": ("uar", "std"), "low": ("mean_low", "first"), "high": ("mean_high", "first")}
    return groups.agg(**means, n=("n", "first"), classes=("classes", "first")).reset_index()


class ClassPredictions:
    """Estimated classes read back; the file is read once, and each sample is made once.

    Args:
        path: categories.csv of a run.
        files: What the run's record says of all its files.

    Raises:
        RunError: On first use: it is missing or has changed (code `run-incomplete`), is damaged (`run-damaged`), or
            does not have what is asked for (`no-estimates`).
    """

    def __init__(self, path: Path, files: Mapping[str, File] | None = None) -> None:
        self._path, self._files = path, files
        self._samples: dict[tuple[str, str, str], ClassSample] = {}

    @cached_property
    def table(self) -> pd.DataFrame:
        """The whole file; NaN where an utterance has no class, or no speaker is named."""
        return read_estimates(self._path, self._files, _WORDS, "category", words=None)

    def sample(self, category: str, partition: str, training: str = "") -> ClassSample:
        """A system's estimates of one category on one partition, of the utterances that have a class.

        Args:
            category: Name of a category.
            partition: Name of a partition.
            training: What tells the training from others (`Sample.training`).
        """
        key = (category, partition, training)
        if key not in self._samples:
            columns = [name for name in self.table.columns if seed_of(name) is not None]
            self._samples[key] = self.sample_of(columns, category, partition, training)
        return self._samples[key]

    def sample_of(self, columns: Sequence[str], category: str, partition: str, training: str = "") -> ClassSample:
        """The same, of some of the file's columns; each counts as a training seed.

        Args:
            columns: Their names.
            category: Name of a category.
            partition: Name of a partition.
            training: What tells the training from others.
        """
        table = self.table
        own = table[(table.category == category) & (table.partition == partition) & table.truth.notna()]
        own = own.sort_values("id")
        lacking = [name for name in columns if name not in own or own[name].isna().any()]
        if own.empty or not columns or lacking:
            raise RunError(
                f"{self._path} has no estimates of {category} on {partition}",
                "the run did not estimate it there, or no utterance there has a class",
                "compare runs with the same --dim on the same corpus",
                code="no-estimates",
            )
        named = own[["truth", *columns]].to_numpy(str).T
        names, numbers = np.unique(named, return_inverse=True)
        codes = numbers.reshape(named.shape).astype(np.float64)
        seeds = [place if (seed := seed_of(name)) is None else seed for place, name in enumerate(columns)]
        clusters = own.speaker.where(own.speaker.notna(), "utterance:" + own.id)
        ids, speakers = tuple(own.id.tolist()), tuple(clusters.tolist())
        return ClassSample(ids, codes[0], codes[1:], tuple(seeds), speakers, training, tuple(map(str, names)))
