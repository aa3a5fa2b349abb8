"""What a reader of a fit should know before reading anything into its weights.

Shape legend: W probes that learn their layer weights · L layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.whisper import window_notes
from probing.probes.bank import WEIGHTED
from probing.probes.train import Fit

_UNIFORM = 2  # times the uniform weight: where the largest weight is below that, none stands out
_MOVED = 0.1  # share of the weights that changes places while a probe has not become better
SELECTED_ON = (
    "development is selected on: probes stop, and penalties are chosen, by their scores there, which are flattered"
)


def heard_notes(identity: Mapping[str, Any], samples: Iterable[int]) -> tuple[str, ...]:
    """How many utterances a Whisper heard in more than one window.

    Args:
        identity: What settles the encoder's answers, as a cache has it; of other encoders there is nothing to say.
        samples: Length of each utterance.
    """
    if identity.get("architecture", {}).get("model_type") != "whisper":
        return ()
    return window_notes(samples, round(identity["preprocessing"]["window"] * SAMPLE_RATE))


def weight_notes(fit: Fit, patience: int, epochs: int) -> list[str]:
    """Of which dimensions the weights are near uniform, still move, or were cut short.

    Args:
        fit: A fitted bank.
        patience: Epochs without a better development CCC after which a probe stops.
        epochs: The most that there could be.
    """
    rows = _rows(fit)
    if not rows:
        return []
    best_WL = fit.bank.weights().detach().double().cpu().numpy()
    n_layers = best_WL.shape[1]
    largest = {name: best_WL[own].mean(0).max() for name, own in rows.items()}
    uniform = {name: f"{top:.2f}" for name, top in largest.items() if top < _UNIFORM / n_layers}
    moved = {name: float(_moved(best_WL[own], fit.last_weights[own])) for name, own in rows.items()}
    moving = {name: f"{share:.2f}" for name, share in moved.items() if share > _MOVED}
    cut = [name for name, own in rows.items() if (fit.best_epoch[own] + patience > epochs).any()]
    notes = []
    if uniform:
        notes.append(
            f"the learned weights are near uniform and single out no layer: the largest is {_listed(uniform)}, where "
            f"all alike would be {1 / n_layers:.2f}"
        )
    if moving:
        notes.append(
            f"the learned weights were still moving when training stopped: another {_listed(moving)} of them went to "
            "other layers after the best epoch, so they also say when it stopped"
        )
    if cut:
        notes.append(
            f"training ended after {epochs} epochs, before the weighted sum had stopped by itself ({', '.join(cut)}): "
            "raise --epochs"
        )
    return notes


def _rows(fit: Fit) -> dict[str, NDArray[np.int64]]:
    """Dimension → rows of its weighted probes, all seeds."""
    rows: dict[str, list[int]] = {}
    for row, probe in enumerate(fit.bank.probes):
        if probe.kind == WEIGHTED:
            rows.setdefault(probe.dimension, []).append(row)
    return {name: np.array(own) for name, own in rows.items()}


def _moved(best_WL: NDArray[np.float64], last_WL: NDArray[np.float64]) -> np.float64:
    """Share of the weights that lies on other layers, mean over probes: half the sum of the differences."""
    return np.float64(np.abs(best_WL - last_WL).sum(1).mean() / 2)


def _listed(numbers: Mapping[str, str]) -> str:
    return ", ".join(f"{number} ({name})" for name, number in numbers.items())
