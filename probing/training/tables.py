"""What systems estimate as tables of a run: predictions.csv and scores.csv, categories.csv and category_scores.csv.

Shape legend: N utterances · K dimensions of emotion · C classes of one category · O outputs: K, then the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import Corpus
from probing.errors import FitError, first_names, number_of
from probing.files import written_aside
from probing.files.cells import to_csv
from probing.runs.categories import (
    CATEGORIES,
    CATEGORY_SCORES,
    categories_table,
    category_scores_table,
    category_summary,
)
from probing.runs.entries import CategoryScore, Score, SystemEntry
from probing.runs.estimates import SEED
from probing.runs.records import PREDICTIONS
from probing.runs.scores import Estimator, predictions_table, score_rows, scores_table, summary

SCORES = "scores.csv"
Outputs = Mapping[int, NDArray[np.floating]]  # training seed → a system's outputs [N, O]


@dataclass(frozen=True)
class Written:
    """The scores of some training seeds, whose tables have been written.

    Args:
        scores: Mean over seeds for each dimension and partition, with its interval.
        category_scores: The same for each category and partition.
        files: Names of the files.
        notes: What a reader should know of what was scored.
    """

    scores: tuple[Score, ...] = ()
    category_scores: tuple[CategoryScore, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def demand_labels(corpus: Corpus, system: SystemEntry) -> None:
    """Raise a FitError (code `no-ratings`) where a corpus has no label of what a system estimates."""
    if {*system.dimensions} & {*corpus.dimensions} or _of_known_classes(corpus, system).categories:
        return
    told = [*system.dimensions, *(f"{name} ({', '.join(classes)})" for name, classes in system.categories.items())]
    there = [*corpus.dimensions, *(f"{name} ({', '.join(corpus.classes(name))})" for name in corpus.categories)]
    raise FitError(
        f"corpus {corpus.name} has no label of {', '.join(told)}",
        f"its labels are {', '.join(there) or 'none'}",
        "name a corpus with one of those",
        code="no-ratings",
    )


def write_tables(corpus: Corpus, found: Outputs, system: SystemEntry, folder: Path) -> Written:
    """Write the estimates and scores of some training seeds; files that are there of an earlier one are replaced.

    Args:
        corpus: The N utterances.
        found: Training seed → outputs, of dimensions 0 and 1 being the ends of the scale.
        system: What its outputs are. What the corpus does not label is left out, and so is an utterance of a class that
            the system does not know: there it could only be wrong.
        folder: Where they go.
    """
    rated, named = _rated(corpus, found, system, folder), _classified(corpus, found, system, folder)
    return Written(rated.scores, named.category_scores, (*rated.files, *named.files), named.notes)


def _rated(corpus: Corpus, found: Outputs, system: SystemEntry, folder: Path) -> Written:
    estimates = {
        name: {Estimator(f"{SEED}{seed}", seed): found_NO[:, k] for seed, found_NO in found.items()}
        for k, name in enumerate(system.dimensions)
        if name in corpus.dimensions
    }
    if not estimates:
        return Written()
    scores = scores_table(corpus, estimates)
    _write_csv(predictions_table(corpus, estimates), folder / PREDICTIONS, "%.7g")
    _write_csv(scores, folder / SCORES, "%.8g")
    return Written(tuple(Score(**row) for row in score_rows(summary(scores))), files=(PREDICTIONS, SCORES))


def _classified(corpus: Corpus, found: Outputs, system: SystemEntry, folder: Path) -> Written:
    known = _of_known_classes(corpus, system)
    estimates, start = {}, len(system.dimensions)
    for name, classes in system.categories.items():
        own = slice(start, start := start + len(classes))
        if name in known.categories:
            names = np.array(classes, np.str_)
            estimates[name] = {
                Estimator(f"{SEED}{seed}", seed): names[found_NO[:, own].argmax(-1)] for seed, found_NO in found.items()
            }
    if not estimates:
        return Written(notes=_notes(corpus, system))
    scores = category_scores_table(known, estimates)
    _write_csv(categories_table(known, estimates), folder / CATEGORIES, "%.7g")
    _write_csv(scores, folder / CATEGORY_SCORES, "%.8g")
    rows = tuple(CategoryScore(**row) for row in score_rows(category_summary(scores)))
    return Written((), rows, (CATEGORIES, CATEGORY_SCORES), _notes(corpus, system))


def _of_known_classes(corpus: Corpus, system: SystemEntry) -> Corpus:
    """The corpus without the classes that a system does not know."""

    def own(given: Mapping[str, str]) -> dict[str, str]:
        return {name: given[name] for name, classes in system.categories.items() if given.get(name) in classes}

    return replace(corpus, utterances=tuple(replace(u, categories=own(u.categories)) for u in corpus.utterances))


def _notes(corpus: Corpus, system: SystemEntry) -> tuple[str, ...]:
    """Which utterances of a category are not scored."""
    found = []
    for name, classes in system.categories.items():
        own = [u.categories[name] for u in corpus.utterances if name in u.categories]
        if unknown := sorted({*own} - {*classes}):
            count = number_of(sum(one in unknown for one in own), "utterance")
            names = first_names(unknown)
            found.append(f"{name}: {count} of classes that the system does not know are not scored: {names}")
    return tuple(found)


def _write_csv(table: pd.DataFrame, path: Path, numbers: str) -> None:
    with written_aside(path) as aside:
        to_csv(table, aside, numbers)
