"""Which importance names the planted layer, and how often the confidence set of layers holds it.

Shape legend: L layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from probing.calibration.trials import Identity
from probing.calibration.worlds import (
    DIMENSION,
    HARDER,
    STANDARD,
    STATES,
    WIDTH,
    Drawn,
    draw,
    ridge_score,
)
from probing.corpus.model import DEVELOPMENT
from probing.probes.bank import REFIT, SINGLE, WEIGHTED
from probing.probes.options import FitOptions
from probing.probes.ridge import ridge_look
from probing.probes.train import Fit, train_bank
from probing.statistics.curves import centre

RIDGE_R2, RIDGE_DEVELOPMENT, SINGLE_DEVELOPMENT = "ridge R²", "ridge development CCC", "single-layer development CCC"
NORMED, RAW = "learned weights, layer norm", "learned weights, raw states"
IMPORTANCES = (RIDGE_R2, RIDGE_DEVELOPMENT, SINGLE_DEVELOPMENT, NORMED, RAW)
_APART = 1000  # replicates from this number on are drawn for the truth, not for a fit


def trials(worlds: Sequence[int], harder: Sequence[int]) -> Iterator[Identity]:
    """Worlds of the standard kind, then of each harder one, at the defaults that are shipped."""
    for kind, numbers in ((STANDARD, worlds), *((kind, harder) for kind in HARDER)):
        for number in numbers:
            yield {"kind": kind, "world": number, **shipped()}


def shipped() -> dict[str, Any]:
    """The defaults that were chosen by a sweep, as part of a trial's identity."""
    options = FitOptions()
    return {"layer_lr": options.layer_lr, "patience": options.patience}


def recover(identity: Identity) -> dict[str, Any]:
    """What each importance names in one world, at the defaults that are shipped.

    Returns:
        planted; ridge (test2 CCC of the planted layer's ridge probe); named (importance → place of the layer); set (the
        confidence set); largest (the largest learned weight with layer norm, and with raw states).
    """
    world, drawn = draw(identity["world"], identity["kind"])
    look = ridge_look(drawn.corpus, drawn.normalized().states, (DIMENSION,), permutations=0)
    importance = look.importance()
    fits = {NORMED: _fit(drawn.normalized(), layers="both"), RAW: _fit(drawn, normalize="none")}
    development = [ridge_score(drawn.corpus, look, layer, DEVELOPMENT) for layer in look.layers]
    named = {RIDGE_R2: int(importance.r2.argmax()), RIDGE_DEVELOPMENT: int(np.argmax(development))}
    named[SINGLE_DEVELOPMENT] = _best_single(fits[NORMED])
    named |= {name: int(_weights(fit, WEIGHTED)[0].argmax()) for name, fit in fits.items()}
    return {
        "planted": world.planted,
        "ridge": round(ridge_score(drawn.corpus, look, world.planted), 4),
        "named": named,
        "set": importance.layer[importance.in_set].tolist(),
        "largest": [round(float(_weights(fit, WEIGHTED)[0].max()), 4) for fit in fits.values()],
    }


def bands(worlds: Sequence[int], replicates: int) -> Iterator[Identity]:
    """Worlds in which the band around the weights is set against the weights expected of other training speakers."""
    for number in worlds:
        yield {"world": number, "replicates": replicates, **shipped()}


def band(identity: Identity) -> dict[str, Any]:
    """How many layers' expected weight lies within the band over refits, as Figure 2 draws it.

    The expected weight is the mean over fits to other corpora of the same world.
    """
    world, drawn = draw(identity["world"])
    fit = _fit(drawn.normalized(), refits=FitOptions().refits)
    refits_RL, own_L = _weights(fit, REFIT), _weights(fit, WEIGHTED)[0]
    reach_L = stdtrit(len(refits_RL) - 1, 0.975) * refits_RL.std(0, ddof=1)
    others = [_fit(world.drawn(_APART + number).normalized()) for number in range(identity["replicates"])]
    expected_L = np.mean([_weights(other, WEIGHTED)[0] for other in others], axis=0)
    held_L = np.abs(expected_L - own_L) <= reach_L
    return {"held": int(held_L.sum()), "of": STATES, "planted held": bool(held_L[world.planted])}


def repeats(corpora: int) -> Iterator[Identity]:
    """Corpora of one world, on which the whole cross-validated ridge is repeated."""
    for number in range(corpora):
        yield {"world": 7, "corpus": _APART + number}


def repeat(identity: Identity) -> dict[str, Any]:
    """The curve of a corpus with its intervals: each layer's R², and the centre."""
    world, _ = draw(identity["world"])
    drawn = world.drawn(identity["corpus"])
    curve = ridge_look(drawn.corpus, drawn.normalized().states, (DIMENSION,), permutations=0).curve(DIMENSION)
    low_L, high_L = curve.intervals()
    at = curve.summarize(centre)
    numbers = {"r2": curve.value_L, "low": low_L, "high": high_L, "centre": np.array([at.value, at.low, at.high])}
    return {name: own.round(5).tolist() for name, own in numbers.items()}


def _fit(drawn: Drawn, **settings: Any) -> Fit:
    options = FitOptions((DIMENSION,), **{"permutations": 0, "refits": 0} | settings)
    return train_bank(drawn.corpus, drawn, STATES, WIDTH, options)


def _weights(fit: Fit, kind: str) -> NDArray[np.float64]:
    """Learned weights of the probes of a kind, [number, L]."""
    rows = [row for row, probe in enumerate(fit.bank.probes) if probe.kind == kind]
    return fit.bank.weights().detach().double().numpy()[rows]


def _best_single(fit: Fit) -> int:
    """Place of the single layer of the best development CCC."""
    single = {probe.layer: fit.best_score[row] for row, probe in enumerate(fit.bank.probes) if probe.kind == SINGLE}
    return int(max(single, key=lambda layer: single[layer]) or 0)
