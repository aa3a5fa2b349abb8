"""How much of a layer's emotion is words, how much is sound: commonality analysis of cross-validated R².

Ridge probes of the layer, of the words, of the sound and of their unions explain so much of a dimension each; what
exactly some of them have in common follows by subtraction (Newton and Spurrell, 1967). Shares of R² add up, those of
CCC would not. A share can be a little below 0: an estimate of nothing errs to both sides.

Shape legend: N utterances · L layers · K dimensions · C groups (speakers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from probing.analysis.banded import Kernels, Task, standardised
from probing.analysis.banded_sums import FoldSums, by_fold
from probing.analysis.material import LAYER, SOUND, WORDS, Material, table
from probing.analysis.penalties import Explained, Fits, best_start, explained
from probing.probes.folds import Folding
from probing.probes.ridge_plan import Plan, plans_of
from probing.statistics.curves import Curve

MOST_BY_KERNEL = 2500  # utterances; of more, sums of products are faster
CROSS_VALIDATED = "cross-validated"
Blocks = tuple[str, ...]  # names of blocks, sorted as they are written


@dataclass(frozen=True, eq=False)
class Shares:
    """What each layer explains, and what it has in common with words and with sound.

    Args:
        layers: Indices of the L layers.
        r2: Dimension and blocks → R² over the layers (of unions without the layer the same at each).
        shares: Dimension and blocks → what exactly these have in common.
    """

    layers: tuple[int, ...]
    r2: Mapping[tuple[str, Blocks], Curve]
    shares: Mapping[tuple[str, Blocks], Curve]

    def rows(self) -> pd.DataFrame:
        """As rows of contents.csv."""
        rows = [*self._rows("r2", self.r2, "+"), *self._rows("share", self.shares, "&")]
        for dim in dict.fromkeys(dim for dim, _ in self.shares):
            if (curve := self.contrast(dim, WORDS, SOUND)) is not None:
                rows += curve_rows(curve, dim, f"{WORDS}-{SOUND}", "difference")
        return table("shares", rows)

    def contrast(self, dim: str, one: str, other: str) -> Curve | None:
        """What each layer shares with words alone minus what it shares with sound alone, or the other way round.

        Returns:
            None where a dimension was not analysed, or not with both.
        """
        keys = [(dim, (LAYER, name)) for name in (one, other)]
        if any(key not in self.shares for key in keys):
            return None
        return self.shares[keys[0]].above([self.shares[keys[1]]])

    @staticmethod
    def _rows(measure: str, curves: Mapping[tuple[str, Blocks], Curve], joint: str) -> list[dict[str, object]]:
        return [
            row for (dim, names), curve in curves.items() for row in curve_rows(curve, dim, joint.join(names), measure)
        ]


def shares(material: Material, device: str = "cpu") -> Shares:
    """Split each layer's R² into what it shares with words, with sound, with both, and its own.

    Args:
        material: States, words and sound; without words or without sound there is only the other to share with.
        device: PyTorch's name of a device with float64.

    Raises:
        FitError: A dimension has fewer than two ratings in train or in development (code `too-few`).
    """
    r2: dict[tuple[str, Blocks], Curve] = {}
    for plan in plans_of(material.corpus, material.dims, 0):
        found = list(_explained_by_layer(material, plan, device))
        count = len(found[0][(LAYER,)].left_out_CK)
        sizes_C, names, together_C = groups_of(plan.folding, plan.known, count)
        for column, dim in enumerate(plan.names):
            for blocks in found[0]:
                value_L = np.array([one[blocks].r2_K[column] for one in found])
                left_CL = np.stack([one[blocks].left_out_CK[:, column] for one in found], axis=1)
                r2[dim, blocks] = Curve(material.layers, value_L, left_CL, sizes_C, names, together_C=together_C)
    ordered = {key: r2[key] for dim in material.dims for key in r2 if key[0] == dim}
    return Shares(material.layers, ordered, _commonality(ordered))


def subsets(names: Sequence[str]) -> Iterator[Blocks]:
    """All non-empty subsets, the smallest first."""
    return chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1))


def commonality(r2: Mapping[Blocks, NDArray[np.float64]]) -> dict[Blocks, NDArray[np.float64]]:
    """What exactly some blocks have in common, from the R² of every union.

    R² of a union is the sum of all shares in which one of its blocks has a part; solved for the share of T, with all
    other blocks T′: Σ over subsets A of T of (−1)^(|A| + 1) R²(A ∪ T′).

    Args:
        r2: Every union of blocks, names in one order → R² [...].

    Returns:
        Every set of blocks → its share [...].

    >>> shares = commonality({("a",): np.array(0.5), ("b",): np.array(0.4), ("a", "b"): np.array(0.7)})
    >>> {names: round(float(share), 3) for names, share in shares.items()}
    {('a',): 0.3, ('b',): 0.2, ('a', 'b'): 0.2}
    """
    names = max(r2, key=len)
    found = {}
    for own in subsets(names):
        others = tuple(name for name in names if name not in own)
        total = -r2[others] if others else np.zeros_like(r2[names])
        for part in subsets(own):
            union = tuple(name for name in names if name in part or name in others)
            total = total - (-1) ** len(part) * r2[union]
        found[own] = np.asarray(total)
    return found


def _commonality(r2: Mapping[tuple[str, Blocks], Curve]) -> dict[tuple[str, Blocks], Curve]:
    """Shares with what they would be without each group of speakers."""
    found = {}
    for dim in dict.fromkeys(dim for dim, _ in r2):
        own = {blocks: curve for (other, blocks), curve in r2.items() if other == dim}
        values = commonality({blocks: curve.value_L for blocks, curve in own.items()})
        left_out = commonality({blocks: curve.left_out_CL for blocks, curve in own.items()})
        some = next(iter(own.values()))
        for blocks, value_L in values.items():
            found[dim, blocks] = Curve(
                some.layers, value_L, left_out[blocks], some.sizes_C, some.speakers, together_C=some.together_C
            )
    return found


def _explained_by_layer(material: Material, plan: Plan, device: str) -> Iterator[dict[Blocks, Explained]]:
    """Of each layer, what every union of blocks explains; unions without the layer are fitted once."""
    task = Task.of(plan.labels_NK, plan.folding, plan.known)
    beside = {WORDS: material.words_NE, SOUND: material.sound_NF}
    blocks = {name: standardised(x[plan.known], device) for name, x in beside.items() if x is not None}
    fitted = fitting(task)
    fixed: dict[Blocks, Explained] = {}
    for names in subsets(tuple(blocks)):
        fixed[names] = explained(fitted(blocks), [best_start(names, fixed, k) for k in range(len(plan.names))])
    for place in range(len(material.layers)):
        own = {LAYER: standardised(material.states_NLD[plan.known, place], device)}
        fits = fitted({**own, **blocks})
        found = dict(fixed)
        for names in subsets((LAYER, *blocks)):
            if LAYER in names:
                found[names] = explained(fits, [best_start(names, found, k) for k in range(len(plan.names))])
        yield {names: found[names] for names in subsets((LAYER, *blocks))}


def fitting(task: Task) -> Callable[[Mapping[str, Tensor]], Fits]:
    """What fits probes of some blocks to a task: kernels or, of many utterances, sums."""
    if len(task.labels_MK) <= MOST_BY_KERNEL:
        return lambda blocks: Kernels(blocks, task)
    folds = by_fold(task)
    return lambda blocks: FoldSums(blocks, folds)


def groups_of(
    folding: Folding, places: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], tuple[str, ...], NDArray[np.int64]]:
    """Sizes, names and numbers of speakers of the groups: those of the folding or, in a large corpus, its folds.

    Args:
        folding: Who is predicted and left out together.
        places: Who is predicted at all.
        count: How many groups there were.
    """
    sizes_C = np.bincount(folding.groups_N[places], minlength=len(folding.names)).astype(float)
    if count == len(folding.names):
        return sizes_C, folding.names, folding.speakers_C
    folds, own_M = np.unique(folding.folds_N[places], return_inverse=True)
    speakers_F = [folding.speakers_C[np.unique(folding.groups_N[places[own_M == f]])].sum() for f in range(len(folds))]
    return np.bincount(own_M).astype(float), tuple(f"fold {fold}" for fold in folds), np.array(speakers_F)


def curve_rows(
    curve: Curve, target: str, part: str, measure: str, partition: str = CROSS_VALIDATED
) -> list[dict[str, object]]:
    """A row of contents.csv for each layer, with its interval."""
    low_L, high_L = curve.intervals()
    return [
        {
            "layer": layer,
            "target": target,
            "part": part,
            "measure": measure,
            "partition": partition,
            "value": value,
            "low": low,
            "high": high,
        }
        for layer, value, low, high in zip(curve.layers, curve.value_L, low_L, high_L, strict=True)
    ]
