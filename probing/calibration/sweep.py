"""Which learning rate of the layer weights, and which patience: fits to planted worlds, one rate at a time.

A fit with much patience passes through what one with less returns: the best epoch of those before it would have
stopped. So each rate is fitted once with the most patience; only where less of it would have stopped at another epoch
is the fit made again, up to that epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from probing.calibration.trials import Identity
from probing.calibration.worlds import DIMENSION, STATES, WIDTH, Drawn, draw
from probing.corpus.model import TEST2
from probing.probes.options import FitOptions
from probing.probes.train import Fit, train_bank
from probing.runs.scores import places, ratings
from probing.statistics.concordance import ccc

RATES = (3e-3, 1e-2, 3e-2, 1e-1)
PATIENCES = (10, 15, 25)


def trials(worlds: Sequence[int], rates: Sequence[float] = RATES) -> Iterator[Identity]:
    """A fit for each world and rate."""
    for number in worlds:
        for rate in rates:
            yield {"world": number, "layer_lr": rate}


def fit_world(identity: Identity) -> dict[str, Any]:
    """Fit one world with one rate and every patience.

    Returns:
        planted: the layer; for each patience the weights, development and test2 CCC, and the number of epochs.
    """
    world, drawn = draw(identity["world"])
    drawn = drawn.normalized()
    longest = _fit(drawn, identity["layer_lr"], max(PATIENCES))
    found: dict[str, Any] = {"planted": world.planted}
    for patience in PATIENCES:
        best, epochs = stopped(np.concatenate(longest.curve).tolist(), patience)
        own = longest
        if best != longest.best_epoch[0]:
            own = _fit(drawn, identity["layer_lr"], max(PATIENCES), best)
        test = places(drawn.corpus, TEST2)
        found[str(patience)] = {
            "weights": own.bank.weights()[0].detach().double().numpy().round(5).tolist(),
            "development": round(float(own.best_score[0]), 5),
            "test2": round(float(ccc(ratings(drawn.corpus, [DIMENSION])[test, 0], own.predictions[0, test])), 5),
            "epochs": epochs,
        }
    return found


def stopped(scores: Sequence[float], patience: int) -> tuple[int, int]:
    """The best epoch of a fit that stops after some epochs without a better score, and its last epoch.

    >>> stopped([0.1, 0.3, 0.2, 0.25, 0.4], patience=2), stopped([0.1, 0.3, 0.2, 0.25, 0.4], patience=3)
    ((2, 4), (5, 5))
    """
    best, highest = 0, -np.inf
    for epoch, score in enumerate(scores, start=1):
        if score > highest:
            best, highest = epoch, score
        if epoch + 1 - best > patience:
            return best, epoch
    return best, len(scores)


def _fit(drawn: Drawn, rate: float, patience: int, epochs: int | None = None) -> Fit:
    limits: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    options = FitOptions((DIMENSION,), layer_lr=rate, patience=patience, permutations=0, refits=0, **limits)
    return train_bank(drawn.corpus, drawn, STATES, WIDTH, options)
