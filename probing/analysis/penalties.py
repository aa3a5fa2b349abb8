"""Which penalties a union of blocks takes, by cross-validation, and what its probes then explain.

Each block's penalty moves by factors of ten while the squared error over all folds falls; a union starts from what its
parts took. The probes that predict a fold take the penalties that are best on all other folds among those that were
tried, so that no fold chooses its own.

Shape legend: K dimensions · F folds · C groups (speakers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from probing.analysis.banded import Penalties

LOWEST, HIGHEST, STEP = 1e-4, 1e4, 10.0  # of a penalty
_GAIN = 1e-4  # share of the error that a step must save


class Fits(Protocol):
    """What gives cross-validated errors of banded ridge probes: `Kernels`, or `FoldSums` of a large corpus."""

    def errors(self, penalties: Penalties) -> Tensor:
        """Squared errors by fold, [F, K]."""
        ...

    def without_groups(self, penalties: Penalties, folds: Sequence[int]) -> Tensor:
        """Squared errors of some folds where each group is neither predicted nor learned from, [folds, C, K].

        NaN where a fold and a group are everybody, so that nobody is left to learn from.
        """
        ...


@dataclass(frozen=True, eq=False)
class Explained:
    """What probes of some blocks explain.

    Args:
        error_K: Cross-validated squared errors of each dimension.
        around_K: Those of the mean label of the training part.
        error_CK: Errors without each group of speakers; NaN where nobody would be left to learn from.
        around_CK: Those of the mean label without it.
        penalties: The penalties of each dimension that are best on all folds.
    """

    error_K: NDArray[np.float64]
    around_K: NDArray[np.float64]
    error_CK: NDArray[np.float64]
    around_CK: NDArray[np.float64]
    penalties: tuple[Penalties, ...]

    @property
    def r2_K(self) -> NDArray[np.float64]:
        """Cross-validated R² of each dimension."""
        return _r2(self.error_K, self.around_K, self.around_K)

    @property
    def left_out_CK(self) -> NDArray[np.float64]:
        """R² without each group of speakers; NaN where nothing is left to explain, or to learn from."""
        return _r2(self.error_CK, self.around_CK, self.around_K)

    def together(self, columns: slice) -> tuple[float, NDArray[np.float64]]:
        """R² of some dimensions as one, by their squared errors together, and without each group [C]."""
        error, around = self.error_K[columns].sum(), self.around_K[columns].sum()
        left_C = _r2(self.error_CK[:, columns].sum(1), self.around_CK[:, columns].sum(1), around)
        return float(1 - error / around), left_C


def explained(fits: Fits, starts: Sequence[Penalties]) -> Explained:
    """Choose the penalties of some blocks, and score their probes.

    Args:
        fits: What fits them.
        starts: Of each dimension, the blocks and the penalties to begin with.
    """
    tried: dict[Penalties, NDArray[np.float64]] = {}
    best = tuple(_descend(fits, start, column, tried) for column, start in enumerate(starts))
    errors_SFK = np.stack(list(tried.values()))
    others_SFK = errors_SFK.sum(1, keepdims=True) - errors_SFK
    chosen_FK = others_SFK.argmin(0)
    error_K = np.take_along_axis(errors_SFK, chosen_FK[None], axis=0)[0].sum(0)
    error_CK = _without_groups(fits, list(tried), chosen_FK)
    around_K, around_CK = _around(fits)
    return Explained(error_K, around_K, error_CK, around_CK, best)


def joined(*penalties: Penalties) -> Penalties:
    """The blocks of several fits together, each once, with the penalty that it has first."""
    found: dict[str, float] = {}
    for name, penalty in (pair for one in penalties for pair in one):
        found.setdefault(name, penalty)
    return tuple(sorted(found.items()))


def _r2(
    error: NDArray[np.float64], around: NDArray[np.float64], whole: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """R² without some utterances; NaN where of the whole's squares only rounding is left."""
    return np.asarray(1 - np.divide(error, around, out=np.full_like(error, np.nan), where=around > 1e-12 * whole))


def _descend(fits: Fits, start: Penalties, column: int, tried: dict[Penalties, NDArray[np.float64]]) -> Penalties:
    """Move one penalty at a time while the error of a dimension falls; what was tried is kept for all dimensions."""

    def error(penalties: Penalties) -> float:
        if penalties not in tried:
            tried[penalties] = fits.errors(penalties).cpu().numpy()
        return float(tried[penalties][:, column].sum())

    at, best = dict(start), error(start)
    moved = True
    while moved:
        moved = False
        for name in at:
            for step in (STEP, 1 / STEP):
                while LOWEST <= (penalty := _rounded(at[name] * step)) <= HIGHEST:
                    there = {**at, name: penalty}
                    found = error(tuple(there.items()))
                    if found >= best * (1 - _GAIN):
                        break
                    at, best, moved = there, found, True
    return tuple(at.items())


def _rounded(penalty: float) -> float:
    """A power of ten is one number, however it was reached."""
    return float(f"{penalty:.6g}")


def _without_groups(fits: Fits, tried: Sequence[Penalties], chosen_FK: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared errors over all folds without each group, [C, K], with the penalties that each fold has chosen."""
    total: NDArray[np.float64] | float = 0.0
    for setting in np.unique(chosen_FK):
        folds = np.flatnonzero((chosen_FK == setting).any(1)).tolist()
        errors_FCK = fits.without_groups(tried[setting], folds).cpu().numpy()
        total = total + (errors_FCK * (chosen_FK[folds] == setting)[:, None, :]).sum(0)
    return np.asarray(total)


def _around(fits: Fits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared errors of the mean label of the training part, [K], and without each group, [C, K]."""
    errors_FK = fits.errors(()).cpu().numpy()
    return errors_FK.sum(0), fits.without_groups((), range(len(errors_FK))).sum(0).cpu().numpy()


def best_start(names: Sequence[str], found: Mapping[tuple[str, ...], Explained], column: int) -> Penalties:
    """Where the search for a union's penalties begins: at those of its largest parts, whose blocks are its own."""
    parts = [one.penalties[column] for key, one in found.items() if set(key) < set(names)]
    parts.sort(key=len, reverse=True)
    return joined(*parts) if parts else tuple((name, 1.0) for name in sorted(names))
