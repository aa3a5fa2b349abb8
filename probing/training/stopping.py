"""The score on development by which a training keeps its best state and stops.

Shape legend: N utterances · K dimensions of emotion · G categories · T targets, K + G · O outputs ·
C classes of one category.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from transformers import EvalPrediction

from probing.errors import FitError, ScoreError
from probing.statistics.classification import tally
from probing.statistics.concordance import ccc
from probing.systems.config import SystemConfig

_TIE = 1e-6  # of a score: far less than one utterance more or less changes a UAR


def metric_of(config: SystemConfig) -> str:
    """What the score is called: `ccc`, or `score` where it is not of dimensions alone."""
    return "score" if config.categories else "ccc"


def scores_of(found: EvalPrediction, config: SystemConfig) -> dict[str, float]:
    """Scores over the whole partition: of each target, and their mean, by which a training is judged.

    UAR takes few values, and of two states with the same one that with the lower cross-entropy is the better, in which
    classes count as they do in training: the mean is lowered by a share of it that decides nothing else.

    Args:
        found: Outputs [N, O], and labels [N, T] as `probing.systems.targets` has them.
        config: The system's.

    Returns:
        The mean (`metric_of`), `ccc_<dimension>` and `uar_<category>` of each.

    Raises:
        FitError: An output is not finite (code `estimate-not-finite`).
    """
    labels_NT, outputs_NO = np.asarray(found.label_ids), np.asarray(found.predictions)
    count = len(config.dimensions)
    try:
        ccc_K = ccc(labels_NT[:, :count].T, outputs_NO[:, :count].T) if count else np.empty(0)
    except ScoreError as error:
        raise _not_finite(error.what) from error
    scores = {f"ccc_{name}": float(score) for name, score in zip(config.dimensions, ccc_K, strict=True)}
    if not config.categories:
        return {"ccc": float(ccc_K.mean()), **scores}
    surprise, start = [], count
    for place, (name, classes) in enumerate(config.categories.items(), start=count):
        logits_NC = outputs_NO[:, start : (start := start + len(classes))].astype(np.float64)
        weights_C = np.array(config.class_weights.get(name, np.ones(len(classes))), np.float64)
        scores[f"uar_{name}"], loss = _classified(labels_NT[:, place].astype(np.int64), logits_NC, weights_C)
        surprise.append(loss)
    mean = float(np.mean(list(scores.values())))
    return {"score": mean - _TIE * float(np.tanh(np.mean(surprise))), **scores}


def _classified(
    truth_N: NDArray[np.int64], logits_NC: NDArray[np.float64], weights_C: NDArray[np.float64]
) -> tuple[float, float]:
    """UAR and cross-entropy of a category; the latter is 0 where no class counts."""
    if not np.isfinite(logits_NC).all():
        raise _not_finite("a logit is NaN or infinite")
    uar = float(tally(truth_N, logits_NC.argmax(-1), logits_NC.shape[1]).uar)
    surprise_N = -log_softmax(logits_NC, axis=-1)[np.arange(len(truth_N)), truth_N]
    weight_N = weights_C[truth_N]
    return uar, float(np.average(surprise_N, weights=weight_N)) if weight_N.any() else 0.0


def _not_finite(why: str) -> FitError:
    remedy = "lower --lr; the last checkpoint is kept"
    return FitError("no score on development", why, remedy, code="estimate-not-finite")
