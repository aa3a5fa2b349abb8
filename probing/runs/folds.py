"""What the runs of all folds of a split tested, pooled: every utterance once, as test partition of one corpus.

    folds.csv             fold, dimension, [kind, layer,] seed, n, ccc, low, high: the same scores of each fold alone
    category_folds.csv    the same of categories: fold, category, … uar, low, high, macro_f1, accuracy

A CCC over the whole is no mean of those of the folds: it also counts whether folds are told apart.

Shape legend: N utterances of the pooled corpus.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.identity import Identity, identify
from probing.corpus.model import TEST1, TEST2, Corpus
from probing.errors import RunError, first_names
from probing.runs.categories import Classified, category_scores_table
from probing.runs.entries import Clusters, CorpusEntry
from probing.runs.owned import REMEDY
from probing.runs.scores import Estimator, cluster_counts, scores_table

FOLDS, CATEGORY_FOLDS = "folds.csv", "category_folds.csv"
Estimates = Mapping[str, Mapping[Estimator, NDArray[np.float64]]]
_TESTED = (TEST1, TEST2)
_DESCRIBED = ("id", "partition", "speaker", "dimension", "category", "truth")  # columns that are no estimators
# What a column is called: weighted-seed0, layer3-seed1, ridge-layer3 of probes; seed0 of a system.
_COLUMN = re.compile(r"(?:(?P<kind>weighted|(?:ridge-)?layer)(?P<layer>-?\d{1,6})?)?-?(?:seed(?P<seed>\d{1,9}))?")
_KINDS = {"weighted": "weighted", "layer": "single", "ridge-layer": "ridge"}


@dataclass(frozen=True)
class Member:
    """The run of one fold.

    Args:
        fold: Its number, from 1.
        folder: The run's folder, relative to that of the run that pools it.
        signature: The run's.
    """

    fold: int
    folder: str
    signature: str


def pooled_corpus(folds: Sequence[Corpus]) -> Corpus:
    """All that is tested in some fold, in the corpus's order; it has the notes that all folds have.

    Args:
        folds: The corpus as each fold has it, the first fold first.

    >>> from probing.corpus.model import Utterance
    >>> one, other = (Utterance(name, None, "test2") for name in "ab")
    >>> rest = replace(one, partition="train"), replace(other, partition="train")
    >>> folds = [Corpus("x", (0, 1), (one, rest[1]), fold=1), Corpus("x", (0, 1), (rest[0], other), fold=2)]
    >>> [(u.id, u.partition) for u in pooled_corpus(folds).utterances]
    [('a', 'test2'), ('b', 'test2')]
    """
    tested = {u.id: u for corpus in folds for u in corpus.utterances if u.partition in _TESTED}
    own = tuple(tested[u.id] for u in folds[0].utterances if u.id in tested)
    notes = tuple(note for note in folds[0].notes if all(note in corpus.notes for corpus in folds))
    return replace(folds[0], utterances=own, notes=notes, fold=None)


def fold_numbers(folds: Sequence[Corpus], pooled: Corpus) -> NDArray[np.int64]:
    """The fold, from 1, that tests each utterance of a pooled corpus, [N]."""
    number = {u.id: place for place, c in enumerate(folds, 1) for u in c.utterances if u.partition in _TESTED}
    return np.array([number[utterance.id] for utterance in pooled.utterances])


def divided(corpus: Corpus, names: Sequence[str]) -> Corpus:
    """The same utterances with other partitions, one for each."""
    utterances = tuple(replace(u, partition=name) for u, name in zip(corpus.utterances, names, strict=True))
    return replace(corpus, utterances=utterances)


def by_fold(pooled: Corpus, numbers: NDArray[np.int64]) -> Corpus:
    """A pooled corpus whose partitions are the folds: by it two splits of one corpus are told apart."""
    return divided(pooled, [str(number) for number in numbers])


def pooled_entry(entries: Sequence[CorpusEntry], pooled: Corpus, numbers: NDArray[np.int64]) -> CorpusEntry:
    """What a record says about a corpus of which all folds are pooled.

    Args:
        entries: What the records of the folds say, the first fold first.
        pooled: What all folds test.
        numbers: The fold that tests each utterance.
    """
    first, known = entries[0], entries[0].identity or Identity("")
    identity = identify(by_fold(pooled, numbers), categories=known.categories is not None)
    return CorpusEntry(
        name=pooled.name,
        title=f"{pooled.name} over {len(entries)} folds",
        spec=replace(first.spec, fold=None),
        scale=pooled.scale,
        utterances={partition: len(members) for partition, members in pooled.partitions.items()},
        identity=replace(identity, audio=known.audio, text=known.text),  # which no split changes
        left_out=tuple(dict.fromkeys(id_ for entry in entries for id_ in entry.left_out)),
        clusters={partition: Clusters(**counts) for partition, counts in cluster_counts(pooled).items()},
        leaks=tuple(dict.fromkeys(line for entry in entries for line in entry.leaks)),
        seen=_seen(pooled, numbers),
        release=first.release,
    )


def _seen(pooled: Corpus, numbers: NDArray[np.int64]) -> dict[str, tuple[int, int]]:
    """Partition → how many of its speakers are in several folds, so that they are learned from, and how many it has."""
    pairs = {(u.speaker, int(fold)) for u, fold in zip(pooled.utterances, numbers, strict=True)}
    folds = Counter(speaker for speaker, _ in pairs)
    found = {}
    for partition, members in pooled.partitions.items():
        names = {u.speaker for u in members if u.speaker}
        shared = sum(folds[name] > 1 for name in names)
        if shared and partition != TEST2:
            found[partition] = (shared, len(names))
    return found


def pooled_estimates(tables: Sequence[pd.DataFrame], folds: Sequence[Corpus], pooled: Corpus) -> Estimates:
    """What the folds' runs estimate of what they test, on the unit scale.

    Args:
        tables: The predictions.csv of each fold's run.
        folds: The corpus as each fold has it.
        pooled: What all of them test.

    Returns:
        Dimension → estimator → estimates [N].

    Raises:
        RunError: A run lacks estimates of what its fold tests (code `run-damaged`).
    """
    found = _pooled(tables, "dimension", folds, pooled)
    return {
        dimension: {one: pooled.to_unit(column.to_numpy(np.float64)) for one, column in own.items()}
        for dimension, own in found.items()
    }


def pooled_classes(tables: Sequence[pd.DataFrame], folds: Sequence[Corpus], pooled: Corpus) -> Classified:
    """The same of categories.csv: category → estimator → estimated classes [N]."""
    found = _pooled(tables, "category", folds, pooled)
    return {category: {one: column.to_numpy(np.str_) for one, column in own.items()} for category, own in found.items()}


def _pooled(
    tables: Sequence[pd.DataFrame], key: str, folds: Sequence[Corpus], pooled: Corpus
) -> dict[str, dict[Estimator, pd.Series]]:
    """Target → estimator → its cells, in the order of the pooled corpus."""
    parts = []
    for table, corpus in zip(tables, folds, strict=True):
        tested = {u.id for u in corpus.utterances if u.partition in _TESTED}
        parts.append(table[table.id.isin(tested)])
    whole, ids = pd.concat(parts, ignore_index=True), [u.id for u in pooled.utterances]
    found: dict[str, dict[Estimator, pd.Series]] = {}
    for target, own in whole.groupby(key, sort=False):
        columns = own.set_index("id").reindex(ids).drop(columns=[c for c in _DESCRIBED if c != "id" and c in own])
        columns = columns.dropna(axis="columns", how="all")
        if columns.isna().any(axis=None) or columns.empty:
            lacking = [id_ for id_, blank in columns.isna().any(axis=1).items() if blank]
            what = f"the runs of the folds lack estimates of {target}: {first_names(list(map(str, lacking)))}"
            raise RunError(what, "a file of theirs is damaged, or their options differ", REMEDY, code="run-damaged")
        found[str(target)] = {estimator_named(name): columns[name] for name in columns}
    return found


def estimators(table: pd.DataFrame) -> list[Estimator]:
    """Whose estimates the columns of a predictions.csv or categories.csv are.

    Raises:
        RunError: A column is of no estimator (code `run-damaged`).
    """
    return [estimator_named(str(name)) for name in table.columns if name not in _DESCRIBED]


def estimator_named(column: str) -> Estimator:
    """What the name of a column of predictions.csv or categories.csv says of its estimates.

    Raises:
        RunError: It says nothing (code `run-damaged`).

    >>> estimator_named("layer3-seed1"), estimator_named("ridge-layer-1").layer, estimator_named("seed2").seed
    (Estimator(column='layer3-seed1', seed=1, kind='single', layer=3), -1, 2)
    """
    found = _COLUMN.fullmatch(column)
    if not column or found is None:
        raise RunError(f"column {column[:60]}", "no estimator has such a name", REMEDY, code="run-damaged")
    kind, layer, seed = found["kind"], found["layer"], found["seed"]
    return Estimator(column, int(seed or 0), _KINDS[kind] if kind else None, int(layer) if layer else None)


def fold_scores(corpus: Corpus, numbers: NDArray[np.int64], estimates: Estimates) -> pd.DataFrame:
    """The scores of each fold alone, as `runs.scores.scores_table` has them, with the fold in place of a partition."""
    return _folds_first(scores_table(by_fold(corpus, numbers), estimates))


def fold_category_scores(corpus: Corpus, numbers: NDArray[np.int64], estimates: Classified) -> pd.DataFrame:
    """The same of categories."""
    return _folds_first(category_scores_table(by_fold(corpus, numbers), estimates))


def _folds_first(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(partition=table.partition.astype(int)).rename(columns={"partition": "fold"})
    rest = [name for name in table.columns if name != "fold"]
    return table[["fold", *rest]].sort_values("fold", kind="stable", ignore_index=True)
