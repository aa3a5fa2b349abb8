"""Products of layers' Gram matrices, and what they are without each group of utterances, in one pass over their rows.

With K and L two layers' Gram matrices of M utterances without their diagonals, the unbiased estimate of HSIC is
(Song et al., 2012, equation 5)

    [tr K L + 1ᵀK1 1ᵀL1 / ((M − 1)(M − 2)) − 2 1ᵀK L 1 / (M − 2)] / (M (M − 3)).

All three are sums over rows. Without a group g they are Σ K L − 2 Σ over the rows of g + Σ over the block of g, and
products of row sums from which the columns of g are taken; so every group costs no more than its own rows.

Shape legend: M utterances, sorted by group · P layers · D hidden size of a layer · C groups · B rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HELD = 2**25  # numbers of Gram matrices that are held at once, 256 MiB
_CONSTANT = 1e-12  # of a layer's mean square: a variance that is only rounding


@dataclass(frozen=True, eq=False)
class GramSums:
    """Sums over the Gram matrices K_p of P layers, centred and of mean diagonal 1.

    Args:
        sizes_C: Utterances of each group.
        rows_CPP: Σ K_p K_q over the rows of a group, without the diagonals.
        inside_CPP: The same over the block of the group.
        columns_PMC: Row sums of K_p over the columns of each group, without the diagonal.
        plain_PP: Σ K_p K_q, with the diagonals.
    """

    sizes_C: NDArray[np.int64]
    rows_CPP: NDArray[np.float64]
    inside_CPP: NDArray[np.float64]
    columns_PMC: NDArray[np.float64]
    plain_PP: NDArray[np.float64]

    def unbiased(self) -> NDArray[np.float64]:
        """HSIC of every two layers, [P, P]; that of a layer with itself is never below 0."""
        row_sums_PM = self.columns_PMC.sum(2)
        return _hsic(self.rows_CPP.sum(0), row_sums_PM.sum(1), row_sums_PM @ row_sums_PM.T, int(self.sizes_C.sum()))

    def without_groups(self) -> NDArray[np.float64]:
        """The same without each group, [C, P, P]; NaN where fewer than four utterances are left."""
        row_sums_PM, total_PP = self.columns_PMC.sum(2), self.rows_CPP.sum(0)
        ends = np.cumsum([0, *self.sizes_C])
        found = np.full_like(self.rows_CPP, np.nan)
        for group, size in enumerate(self.sizes_C):
            if (left := int(ends[-1] - size)) < 4:
                continue
            others_PM = row_sums_PM - self.columns_PMC[:, :, group]
            others_PM[:, ends[group] : ends[group + 1]] = 0
            products_PP = total_PP - 2 * self.rows_CPP[group] + self.inside_CPP[group]
            found[group] = _hsic(products_PP, others_PM.sum(1), others_PM @ others_PM.T, left)
        return found


def gram_sums(layers: Sequence[NDArray[np.float32]], sizes_C: NDArray[np.int64]) -> GramSums:
    """Sum over the Gram matrices of some layers; no more than `_HELD` numbers of them are held at once.

    Args:
        layers: States of the M utterances, sorted by group, [M, D] each.
        sizes_C: Utterances of each group.
    """
    number, groups, count = len(layers), len(sizes_C), int(sizes_C.sum())
    ends = np.cumsum([0, *sizes_C])
    rows_CPP = np.zeros((groups, number, number))
    inside_CPP = np.zeros_like(rows_CPP)
    columns_PMC = np.zeros((number, count, groups))
    diagonal_PM = np.zeros((number, count))
    step = max(_HELD // (number * count), 1)
    for start in range(0, count, step):
        end = min(start + step, count)
        grams_PBM = np.empty((number, end - start, count))
        for place, states_MD in enumerate(layers):
            x_MD = _centred(states_MD)
            np.matmul(x_MD[start:end], x_MD.T, out=grams_PBM[place])
        own = np.arange(end - start)
        diagonal_PM[:, start:end] = grams_PBM[:, own, start + own]
        grams_PBM[:, own, start + own] = 0
        columns_PMC[:, start:end] = np.add.reduceat(grams_PBM, ends[:-1], axis=2)
        for group in range(groups):
            first, last = max(start, ends[group]), min(end, ends[group + 1])
            if first < last:
                part = grams_PBM[:, first - start : last - start]
                rows_CPP[group] += _products(part)
                inside_CPP[group] += _products(part[:, :, ends[group] : ends[group + 1]])
    return GramSums(sizes_C, rows_CPP, inside_CPP, columns_PMC, rows_CPP.sum(0) + diagonal_PM @ diagonal_PM.T)


def _products(grams_PBM: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the products of every two layers' entries, [P, P]."""
    flat = grams_PBM.reshape(len(grams_PBM), -1)
    return flat @ flat.T


def _centred(states_MD: NDArray[np.float32]) -> NDArray[np.float64]:
    """States about their mean, of mean square 1 an utterance; 0 where they are constant."""
    x_MD = states_MD.astype(np.float64)
    scale = float(np.square(x_MD).sum(1).mean())
    x_MD -= x_MD.mean(0)
    own = float(np.square(x_MD).sum(1).mean())
    return x_MD / np.sqrt(own) if own > _CONSTANT * scale else np.zeros_like(x_MD)


def _hsic(
    products_PP: NDArray[np.float64], sums_P: NDArray[np.float64], between_PP: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """The unbiased estimate from tr K L, 1ᵀK1 and 1ᵀK L 1."""
    whole_PP = np.outer(sums_P, sums_P) / ((count - 1) * (count - 2))
    return np.asarray((products_PP + whole_PP - 2 * between_PP / (count - 2)) / (count * (count - 3)))
