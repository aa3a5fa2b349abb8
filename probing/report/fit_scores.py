"""Scores of a fit's probes, and what permuted labels give: CCC of dimensions and UAR of categories, in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from probing.report.guessing import guessed, outputs_of
from probing.report.reading import has, read
from probing.report.ridge import NULLS, RIDGE
from probing.runs.categories import CATEGORY_SCORES
from probing.runs.records import FitRecord

CCC, UAR = "CCC", "UAR"
CATEGORY_NULLS = "category_nulls.csv"
_SCORES = "scores.csv"
_KEYS = {CCC: "dimension", UAR: "category"}
_VALUES = {CCC: "ccc", UAR: "uar"}
_FILES = {CCC: (_SCORES, NULLS), UAR: (CATEGORY_SCORES, CATEGORY_NULLS)}
_OF_NULLS = ("kind", "labels", "permutation", "layer", "partition")


@dataclass(frozen=True)
class FitScores:
    """One measure's scores.

    Args:
        measure: `CCC` or `UAR`.
        file: Where the scores were read.
        scores: As the file has them, but with the target in `dimension` and the score in `value`.
        nulls: Of permuted labels, likewise; no rows where there were none.
        outputs: Category → of how many classes the probes can estimate one.
    """

    measure: str
    file: str
    scores: pd.DataFrame
    nulls: pd.DataFrame
    outputs: Mapping[str, int] = field(default_factory=dict)

    def chance(self, partition: str) -> Mapping[str, float]:
        """Category → what guessing reaches on a partition."""
        if self.measure != UAR:
            return {}
        own = self.scores[self.scores.partition == partition]
        there = own.groupby("dimension", sort=False).classes.first()
        return {category: guessed(int(count), self.outputs[category]) for category, count in there.items()}


def fit_scores_of(record: FitRecord) -> list[FitScores]:
    """The scores of a fit: of its dimensions, if it has any, and of its categories.

    Raises:
        RunError: A file is missing, changed or damaged.
    """
    has_classes = has(record, CATEGORY_SCORES)
    rated = has(record, _SCORES) or not has_classes  # a fit has scores; of one whose file is lost, reading says so
    return [_read(record, measure) for measure, there in ((CCC, rated), (UAR, has_classes)) if there]


def of_ridge(record: FitRecord) -> tuple[pd.DataFrame | None, ...]:
    """What `statistics.layers.carried_findings` compares: scores of ridge probes and of permuted labels.

    Returns:
        Those of dimensions, and those of categories, as in their files; None of what the fit has not.
    """
    measured = {own.measure: own for own in fit_scores_of(record)}
    return (*_of_ridge(measured.get(CCC)), *_of_ridge(measured.get(UAR)))


def _of_ridge(measured: FitScores | None) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    if measured is None:
        return None, None
    names = {"dimension": _KEYS[measured.measure], "value": _VALUES[measured.measure]}
    of_ridge = (own[own.kind == RIDGE].rename(columns=names) for own in (measured.scores, measured.nulls))
    return next(of_ridge), next(of_ridge)


def _read(record: FitRecord, measure: str) -> FitScores:
    (file, nulls_file), key, value = _FILES[measure], _KEYS[measure], _VALUES[measure]
    counted = ("classes",) if measure == UAR else ()
    scores = read(record, file, (key, "kind", "layer", "seed", "partition", value, *counted))
    of_nulls = (key, *_OF_NULLS, value)
    nulls = read(record, nulls_file, of_nulls) if has(record, nulls_file) else pd.DataFrame(columns=list(of_nulls))
    names = {key: "dimension", value: "value"}
    outputs = {category: outputs_of(record, category) for category in scores[key].unique()} if measure == UAR else {}
    return FitScores(measure, file, scores.rename(columns=names), nulls.rename(columns=names), outputs)
