"""What is known of the demo corpus: the best score that any listener could reach.

The ratings are drawn from latent values, so the expected rating of a listener who knows the voice's latent values, the
words, or both, is known exactly, and so is the raters' error. Among all predictions that are made from what a
listener knows, the expected rating, stretched to the spread of the ratings, has the highest concordance correlation
with them: √(variance of the expected ratings / variance of the ratings).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from probing.demo.language import sentence_firmness
from probing.demo.script import DOMINANCE_WORDS, LATENT_RANGE, RATER_ERROR, RATERS, SCALE, Line

Floats = NDArray[np.float64]
EMOTIONS = ("arousal", "valence", "dominance")
KNOWN = ("prosody", "words", "both")  # what a listener goes by


def bounds(lines: Sequence[Line]) -> dict[str, dict[str, float]]:
    """The best concordance correlation coefficient with the ratings, for each dimension and kind of listener.

    Args:
        lines: A partition of the demo corpus.

    Returns:
        Dimension → `prosody`, `words`, `both` → CCC in [0, 1]. A listener who goes by prosody knows the voice's arousal
        and dominance exactly; one who goes by the words knows the valence of each, rare or not, and all particles. So
        these are upper bounds: a real listener has to recognise all that first.
    """
    arousal, valence, voice = (
        np.array([getattr(line, name) for line in lines]) for name in ("arousal", "valence", "voice_dominance")
    )
    firmness = np.array([sentence_firmness(line.words) for line in lines])
    kinds, kind, counts = np.unique(firmness, return_inverse=True, return_counts=True)
    possible = np.clip(voice[:, None] + DOMINANCE_WORDS * kinds, *LATENT_RANGE)  # [voices, kinds of words]
    expected, _ = expected_rating(possible)
    dominance = possible[np.arange(len(lines)), kind]
    return {
        "arousal": {"prosody": _best(arousal), "words": 0.0, "both": _best(arousal)},
        "valence": {"prosody": 0.0, "words": _best(valence), "both": _best(valence)},
        "dominance": {
            "prosody": _best(dominance, expected @ (counts / len(lines))),
            "words": _best(dominance, expected.mean(0)[kind]),
            "both": _best(dominance),
        },
    }


def expected_rating(latent: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the mean rating of raters who round to whole points and stay on the scale.

    Args:
        latent: Values in [0, 1], of any shape.

    Returns:
        Mean and variance, of the same shape.
    """
    low, high = SCALE
    points = np.arange(low, high + 1)
    edges = np.concatenate([[-np.inf], points[:-1] + 0.5, [np.inf]])
    centre = low + (high - low) * np.asarray(latent)[..., None]
    chances = np.diff(ndtr((edges - centre) / RATER_ERROR), axis=-1)
    mean = chances @ points
    return mean, (chances @ points**2 - mean**2) / RATERS


def _best(latent: Floats, known: Floats | None = None) -> float:
    """The bound for a listener whose expected ratings are known, by default those of the latent values themselves."""
    mean, variance = expected_rating(latent)
    spread = mean.var() if known is None else known.var()
    return float(np.sqrt(spread / (mean.var() + variance.mean())))


def report(lines: Sequence[Line]) -> str:
    """What `probe check demo` prints of it: a table by dimension and partition."""
    header = f"  {'':<14}" + "".join(f"{dimension:>27}" for dimension in EMOTIONS)
    shown = ["known truth: the best CCC that any listener could reach by prosody alone, words alone, both", header]
    shown += [f"  {'':<14}" + "".join(f"{name:>9}" for _ in EMOTIONS for name in KNOWN)]
    for partition in dict.fromkeys(line.partition for line in lines):
        best = bounds([line for line in lines if line.partition == partition])
        numbers = (best[dimension][known] for dimension in EMOTIONS for known in KNOWN)
        shown.append(f"  {partition:<14}" + "".join(f"{number:>9.3f}" for number in numbers))
    return "\n".join(shown)
