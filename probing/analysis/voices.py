"""How well a layer tells voices apart: linear discriminant analysis, with chance beside it.

Nobody can tell a voice that was never heard, so here folds are made within speakers: every speaker is in every fold.
Features are standardised, and their covariance within speakers is shrunk towards the identity (Friedman, 1989); how far
is chosen, for each fold, by the accuracy on all others.

Shape legend: M utterances · S speakers · F folds · D hidden size · L layers.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from numpy.typing import NDArray

from probing.analysis.banded import standardised
from probing.analysis.material import SPEAKER, Material
from probing.analysis.shares import curve_rows
from probing.probes.folds import FOLDS
from probing.statistics.curves import Curve

SHRINKAGE = (0.03, 0.1, 0.3, 0.6)  # shares of the identity
_MOST, _FEWEST = 100, 5  # speakers to tell apart; utterances of each


def told_apart(material: Material, places: NDArray[np.int64], device: str = "cpu") -> list[dict[str, object]]:
    """Accuracy of naming the speaker from each layer, with intervals over speakers, and chance.

    Args:
        material: States, and who speaks.
        places: The utterances to use; of them those of the speakers who have the most, at least five each.
        device: PyTorch's name of a device with float64.

    Returns:
        Rows of contents.csv; none for fewer than two such speakers.
    """
    names = [material.corpus.utterances[place].speaker for place in places]
    counts = Counter(name for name in names if name is not None)
    kept = sorted(name for name, n in counts.most_common(_MOST) if n >= _FEWEST)
    if len(kept) < 2:
        return []
    own = np.array([name in kept for name in names])
    speaker_M = np.array([kept.index(str(name)) for name in names if name in kept])
    folds_M = _folds(speaker_M)
    right_LM = np.stack(
        [
            named_right(standardised(material.states_NLD[places[own], place], device), speaker_M, folds_M)
            for place in range(len(material.layers))
        ]
    )
    sizes_S = np.bincount(speaker_M).astype(float)
    by_speaker_LS = np.stack([np.bincount(speaker_M, right_M) for right_M in right_LM])
    left_SL = (by_speaker_LS.sum(1)[:, None] - by_speaker_LS).T / (len(speaker_M) - sizes_S)[:, None]
    curve = Curve(material.layers, right_LM.mean(1), left_SL, sizes_S, tuple(kept))
    partition = "cross-validated within speakers"
    chance: dict[str, object] = {"target": SPEAKER, "measure": "chance", "partition": partition}
    chance["value"] = sizes_S.max() / sizes_S.sum()  # of always naming the speaker who has the most utterances
    return [*curve_rows(curve, SPEAKER, "", "accuracy", partition), chance]


def named_right(x_MD: torch.Tensor, speaker_M: NDArray[np.int64], folds_M: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether each utterance's speaker is named, by discriminants of the other folds, [M]: 0 or 1.

    Args:
        x_MD: Standardised states.
        speaker_M: Each utterance's speaker, 0…S − 1; each has utterances in at least two folds.
        folds_M: Each utterance's fold.
    """
    folds = np.unique(folds_M)
    products_DD = x_MD.T @ x_MD
    right_GM = np.zeros((len(SHRINKAGE), len(folds_M)))
    for fold in folds:
        own, train = np.flatnonzero(folds_M == fold), np.flatnonzero(folds_M != fold)
        one_hot_BS = torch.nn.functional.one_hot(torch.from_numpy(speaker_M[train])).to(x_MD)
        count_S = one_hot_BS.sum(0)
        means_SD = one_hot_BS.T @ x_MD[train] / count_S[:, None]
        # What is left about the speakers' means, without another product of all utterances.
        within_DD = (products_DD - x_MD[own].T @ x_MD[own] - (means_SD * count_S[:, None]).T @ means_SD) / len(train)
        scale = within_DD.diagonal().mean().clamp_min(1e-12)  # where no state varies within a speaker
        for row, share in enumerate(SHRINKAGE):
            shrunk_DD = (1 - share) * within_DD
            shrunk_DD.diagonal().add_(share * scale)
            toward_DS = torch.cholesky_solve(means_SD.T, torch.linalg.cholesky(shrunk_DD))
            offset_S = (count_S / len(train)).log() - (means_SD.T * toward_DS).sum(0) / 2
            named_B = (x_MD[own] @ toward_DS + offset_S).argmax(1).cpu().numpy()
            right_GM[row, own] = named_B == speaker_M[own]
    right_GF = np.stack([right_GM[:, folds_M == fold].sum(1) for fold in folds], axis=1)
    best_F = (right_GF.sum(1, keepdims=True) - right_GF).argmax(0)
    return right_GM[best_F[np.searchsorted(folds, folds_M)], np.arange(len(folds_M))]


def _folds(speaker_M: NDArray[np.int64]) -> NDArray[np.int64]:
    """Folds that each speaker's utterances are spread over."""
    folds_M = np.empty(len(speaker_M), np.int64)
    for speaker in np.unique(speaker_M):
        own = np.flatnonzero(speaker_M == speaker)
        folds_M[own] = np.random.default_rng(int(speaker)).permutation(len(own)) % FOLDS
    return folds_M
