"""How often the printed intervals hold the true value: Monte Carlo with labels and estimates drawn at random.

Everything that is measured here is computed by the package's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from probing.calibration.simulated import SEED_SPREAD, Drawn, Floats, speakers
from probing.calibration.trials import Identity
from probing.files import digest
from probing.statistics.concordance import ccc
from probing.statistics.curves import Curve, Measured, centre, difference, early_minus_late, r2_curve
from probing.statistics.jackknife import left_out_ccc, score_interval
from probing.statistics.paired import Sample, contrast, fall

NUMBERS = (8, 20, 60)  # of speakers
_AT_ONCE = 100  # corpora that are drawn together
_STATES = 13
_CONTROLS = 3  # random encoders
_DEPTHS = np.arange(_STATES)
_DEEP = 0.05 + 0.35 * np.exp(-((_DEPTHS - 8) ** 2) / 18)  # true R² of two dimensions, and of random encoders
_EARLY = 0.05 + 0.25 * np.exp(-((_DEPTHS - 3) ** 2) / 18)
_RANDOM = 0.12 - 0.006 * _DEPTHS
_RANDOM_SPREAD = 0.01  # standard deviation of R² over random encoders
_FIRST_THIRD = 4


def cells(samples: int) -> Iterator[Identity]:
    """What is measured: a score, a difference, a fall, or a curve, for some speakers, sizes, seeds and true values.

    Args:
        samples: Corpora of each cell.
    """
    for number, sizes in product(NUMBERS, ("equal", "unequal")):
        who = {"speakers": number, "sizes": sizes, "samples": samples}
        for true, seeds in product((0.3, 0.6, 0.9), (1, 3)):
            yield {"measure": "score", **who, "seeds": seeds, "true": [true]}
        for pair, seeds, spread in product(([0.6, 0.6], [0.5, 0.6], [0.3, 0.3], [0.9, 0.9]), (3, 5), (0.01, 0.02)):
            yield {"measure": "difference", **who, "seeds": seeds, "true": pair, "seed spread": spread}
        for seeds in (3, 5):
            yield {"measure": "fall", **who, "seeds": seeds, "true": [0.65, 0.55]}
        yield {"measure": "curve", **who}
        yield {"measure": "gain", **who, "controls": _CONTROLS}


def measure(cell: Identity) -> dict[str, Any]:
    """How often the intervals of a cell hold the true value.

    Returns:
        `found`: measure → number of intervals (`of`), of those that held it (`held`), of corpora without one (`none`),
        and the sum of their widths (`width`).
    """
    generator = np.random.default_rng(int(digest(dict(cell))[:15], 16))
    who = speakers(cell["speakers"], cell["sizes"] == "unequal")
    count = _Count()
    for start in range(0, cell["samples"], _AT_ONCE):
        corpora = min(_AT_ONCE, cell["samples"] - start)
        drawn = Drawn(who, corpora, generator, cell.get("seed spread", SEED_SPREAD))
        _MEASURES[cell["measure"]](cell, drawn, count)
    return {"found": count.found}


class _Count:
    """How often intervals held what they should."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    def add(self, name: str, low: Floats | float, high: Floats | float, true: Floats | float) -> None:
        """Count intervals; one that is not given (NaN: the curve has no centre) is none."""
        low, high, true = np.broadcast_arrays(np.asarray(low), np.asarray(high), np.asarray(true))
        given = np.isfinite(low) & np.isfinite(high)
        own = self.found.setdefault(name, {"of": 0, "held": 0, "none": 0, "width": 0.0})
        own["width"] += float((high - low)[given].sum())
        own["of"] += int(given.sum())
        own["none"] += int((~given).sum())
        own["held"] += int(((low <= true) & (true <= high))[given].sum())

    def add_measured(self, name: str, found: Measured, true: float) -> None:
        """Count the interval of a number that a whole curve gives."""
        self.add(name, found.low, found.high, true)


def _scores(cell: Identity, drawn: Drawn, count: _Count) -> None:
    """Of one training the interval is for the CCC of that training; of several for the mean over all seeds."""
    estimates_RSN, true_RS = drawn.system(cell["true"][0], cell["seeds"])
    truth_RSN = np.broadcast_to(drawn.truth_RN[:, None], estimates_RSN.shape)
    left_out_RSC, sizes_C, _ = left_out_ccc(truth_RSN, estimates_RSN, drawn.who.names())
    low_R, high_R = score_interval(ccc(truth_RSN, estimates_RSN), left_out_RSC, sizes_C)
    count.add("score", low_R, high_R, true_RS[:, 0] if cell["seeds"] == 1 else cell["true"][0])


def _differences(cell: Identity, drawn: Drawn, count: _Count) -> None:
    one, other = cell["true"]
    pairs = zip(
        _samples(drawn, drawn.system(one, cell["seeds"])[0]),
        _samples(drawn, drawn.system(other, cell["seeds"])[0]),
        strict=True,
    )
    for pair in pairs:
        found = contrast(pair, (1, -1))
        count.add("difference", found.low, found.high, one - other)


def _falls(cell: Identity, drawn: Drawn, count: _Count) -> None:
    """From seen to unseen speakers: other utterances, the same trainings."""
    (high, low), seeds = cell["true"], cell["seeds"]
    unseen = Drawn(drawn.who, drawn.corpora, drawn.generator)
    seed_RS = drawn.generator.standard_normal((drawn.corpora, seeds))
    pairs = zip(
        _samples(drawn, drawn.system(high, seeds, seed_RS)[0], "one"),
        _samples(unseen, unseen.system(low, seeds, seed_RS)[0], "other"),
        strict=True,
    )
    for one, other in pairs:
        found = fall(one, other)
        count.add("fall", found.low, found.high, low - high)


def _samples(drawn: Drawn, estimates_RSN: Floats, of: str = "") -> list[Sample]:
    names = drawn.who.names(of)
    ids = tuple(f"{of}{place}" for place in range(len(names)))
    seeds = tuple(range(estimates_RSN.shape[1]))
    training = "one training" if of else ""  # seen and unseen are of one
    return [
        Sample(ids, truth_N, estimates_SN, seeds, names, training)
        for truth_N, estimates_SN in zip(drawn.truth_RN, estimates_RSN, strict=True)
    ]


def _curves(cell: Identity, drawn: Drawn, count: _Count) -> None:
    deep, early = _drawn_curves(drawn, _DEEP), _drawn_curves(drawn, _EARLY)
    third = early_minus_late(_FIRST_THIRD)
    for one, other in zip(deep, early, strict=True):
        count.add("R² of a layer", *one.intervals(), _DEEP)
        count.add_measured("centre", one.summarize(centre), float(centre(_DEEP)))
        count.add_measured(
            "difference of centres", difference(one, other, centre), float(centre(_DEEP) - centre(_EARLY))
        )
        count.add_measured("first third − rest", other.summarize(third), float(third(_EARLY)))


def _gains(cell: Identity, drawn: Drawn, count: _Count) -> None:
    """Above random encoders, which differ in what they hold."""
    deep, early = _drawn_curves(drawn, _DEEP), _drawn_curves(drawn, _EARLY)
    controls = []
    for _ in range(cell["controls"]):
        of_each_RL = _RANDOM + _RANDOM_SPREAD * drawn.generator.standard_normal((drawn.corpora, 1))
        controls.append([_drawn_curves(drawn, np.maximum(of_each_RL, 0.001)) for _ in range(2)])
    true_deep, true_early = _DEEP - _RANDOM, _EARLY - _RANDOM
    apart = float(centre(true_deep) - centre(true_early))
    for place in range(drawn.corpora):
        one = deep[place].above([of_deep[place] for of_deep, _ in controls])
        other = early[place].above([of_early[place] for _, of_early in controls])
        count.add("gain of a layer", *one.intervals(), true_deep)
        count.add_measured("centre of the gain", one.summarize(centre), float(centre(true_deep)))
        count.add_measured("difference of centres of gains", difference(one, other, centre), apart)


def _drawn_curves(drawn: Drawn, r2: Floats) -> list[Curve]:
    """Curves of R corpora; the true R² is [L], or [R, L]."""
    predicted_RLN, names = drawn.layers(r2), drawn.who.names()
    nothing_N = np.zeros(len(names))
    return [
        r2_curve(range(_STATES), truth_N, predicted_LN, nothing_N, names)
        for truth_N, predicted_LN in zip(drawn.truth_RN, predicted_RLN, strict=True)
    ]


_MEASURES: dict[str, Callable[[Identity, Drawn, _Count], None]] = {
    "score": _scores,
    "difference": _differences,
    "fall": _falls,
    "curve": _curves,
    "gain": _gains,
}
