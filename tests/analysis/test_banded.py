"""Banded ridge probes: exact left-out folds and speakers, by kernels and by sums alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probing.analysis.banded import Kernels, Penalties, Task, standardised
from probing.analysis.banded_sums import FoldSums, by_fold
from probing.analysis.penalties import HIGHEST, LOWEST, explained

M, FOLDS = 60, 5


def world(widths: dict[str, int], seed: int = 0) -> tuple[dict[str, torch.Tensor], Task]:
    """Blocks of random features, and two labels that the first features of each block tell of."""
    rng = np.random.default_rng(seed)
    blocks = {name: standardised(rng.standard_normal((M, width))) for name, width in widths.items()}
    told = sum(x_MD[:, :2].numpy().sum(1) for x_MD in blocks.values())
    labels_MK = np.stack([told + rng.standard_normal(M), rng.standard_normal(M)], axis=1)
    groups_M = np.sort(rng.integers(0, 12, M))
    groups_M[:12] = np.arange(12)  # nobody is absent
    folds_M = groups_M % FOLDS
    return blocks, Task(labels_MK, folds_M, groups_M, np.bincount(groups_M).astype(float))


def direct(
    blocks: dict[str, torch.Tensor], penalties: Penalties, task: Task, learned: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Errors [M, K] of probes of some utterances, by the normal equations with an intercept."""
    x_MD = np.concatenate([blocks[name].numpy() for name, _ in penalties], axis=1)
    alpha_D = np.concatenate([np.full(blocks[name].shape[1], alpha) for name, alpha in penalties])
    x, y = x_MD[learned], task.labels_MK[learned]
    left = (x - x.mean(0)).T @ (x - x.mean(0)) + M * np.diag(alpha_D)
    w_DK = np.linalg.solve(left, (x - x.mean(0)).T @ (y - y.mean(0)))
    return task.labels_MK - y.mean(0) - (x_MD - x.mean(0)) @ w_DK


PENALTIES: list[Penalties] = [
    (("layer", 0.1),),
    (("sound", 1.0), ("words", 0.01)),
    (("layer", 0.03), ("sound", 3.0), ("words", 0.2)),
]


@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("width", [7, 90])
def test_left_out_folds_are_what_a_fit_without_them_gives(penalties: Penalties, width: int) -> None:
    """The closed form is exact, with fewer features than utterances and with more."""
    blocks, task = world({"layer": width, "words": 11, "sound": 4})
    found = Kernels(blocks, task).errors(penalties).numpy()
    for place, fold in enumerate(task.folds):
        own = task.folds_M == fold
        expected = np.square(direct(blocks, penalties, task, ~own)[own]).sum(0)
        np.testing.assert_allclose(found[place], expected, rtol=1e-9)


@pytest.mark.parametrize("penalties", PENALTIES)
def test_left_out_speakers_are_neither_predicted_nor_learned_from(penalties: Penalties) -> None:
    """A fold without a group of another fold is what a fit without both gives; without its own, fewer are predicted."""
    blocks, task = world({"layer": 90, "words": 11, "sound": 4})
    found = Kernels(blocks, task).without_groups(penalties, range(FOLDS)).numpy()
    for place, fold in enumerate(task.folds):
        own = task.folds_M == fold
        for group in range(len(task.sizes_C)):
            missed = direct(blocks, penalties, task, ~own & (task.groups_M != group))
            expected = np.square(missed[own & (task.groups_M != group)]).sum(0)
            np.testing.assert_allclose(found[place, group], expected, rtol=1e-8)


@pytest.mark.parametrize("penalties", [(), *PENALTIES])
def test_sums_give_what_kernels_give(penalties: Penalties) -> None:
    """Both ways agree on folds, and on folds left out beside a fold."""
    blocks, task = world({"layer": 30, "words": 11, "sound": 4})
    task = by_fold(task)
    kernels, sums = Kernels(blocks, task), FoldSums(blocks, task)
    np.testing.assert_allclose(sums.errors(penalties), kernels.errors(penalties), rtol=1e-8)
    np.testing.assert_allclose(
        sums.without_groups(penalties, [0, 3]), kernels.without_groups(penalties, [0, 3]), rtol=1e-8
    )


def test_no_block_at_all_predicts_the_mean_label_of_the_others() -> None:
    """Without features a probe is the mean of what it has learned from."""
    blocks, task = world({"layer": 5})
    found = Kernels(blocks, task).errors(()).numpy()
    for place, fold in enumerate(task.folds):
        own = task.folds_M == fold
        expected = np.square(task.labels_MK[own] - task.labels_MK[~own].mean(0)).sum(0)
        np.testing.assert_allclose(found[place], expected, rtol=1e-9)


def test_a_constant_feature_tells_nothing() -> None:
    """It is 0, whatever its value, and does not disturb."""
    x_MD = np.random.default_rng(0).standard_normal((M, 3))
    x_MD[:, 1] = 1e6
    found = standardised(x_MD).numpy()
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found[:, [0, 2]].std(0), 1)


def test_penalties_are_chosen_without_the_fold_that_they_serve() -> None:
    """A nested search by brute force over what was tried finds the same R², and every penalty stays on the grid."""
    blocks, task = world({"layer": 30, "words": 11})
    kernels = Kernels(blocks, task)
    tried: dict[Penalties, NDArray[np.float64]] = {}

    class Spy:
        def errors(self, penalties: Penalties) -> torch.Tensor:
            found = kernels.errors(penalties)
            tried[penalties] = found.numpy()
            return found

        without_groups = kernels.without_groups

    start = (("layer", 1.0), ("words", 1.0))
    found = explained(Spy(), [start, start])
    around = tried.pop(())
    table = np.stack(list(tried.values()))
    for column in range(2):
        total = 0.0
        for fold in range(FOLDS):
            others = [other for other in range(FOLDS) if other != fold]
            best = int(table[:, others, column].sum(1).argmin())
            total += table[best, fold, column]
        assert found.r2_K[column] == pytest.approx(1 - total / around[:, column].sum())
    assert all(LOWEST <= alpha <= HIGHEST for one in found.penalties for _, alpha in one)
    assert found.r2_K[0] > 0.3 > 0.1 > found.r2_K[1]


def test_a_penalty_a_block_keeps_a_large_block_from_drowning_a_small_one() -> None:
    """Two features that tell everything, beside 90 that tell nothing, keep their R² in the union."""
    rng = np.random.default_rng(1)
    small, large = rng.standard_normal((M, 2)), rng.standard_normal((M, 90))
    labels_MK = (small.sum(1) + 0.3 * rng.standard_normal(M))[:, None]
    groups_M = np.arange(M) % 12
    task = Task(labels_MK, groups_M % FOLDS, groups_M, np.bincount(groups_M).astype(float))
    blocks = {"layer": standardised(large), "words": standardised(small)}
    kernels = Kernels(blocks, task)
    alone = explained(kernels, [(("words", 1.0),)]).r2_K[0]
    union = explained(kernels, [(("layer", 1.0), ("words", 1.0))]).r2_K[0]
    assert alone > 0.9
    assert union == pytest.approx(alone, abs=0.02)


@pytest.mark.parametrize("voices", [1, 2])
@pytest.mark.parametrize("penalties", [(), *PENALTIES])
def test_without_anybody_to_learn_from_nothing_is_known(penalties: Penalties, voices: int) -> None:
    """Of two speakers neither can be left out, and of one none: by kernels and by sums there is no number."""
    blocks, task = world({"layer": 20, "words": 11, "sound": 4})
    folds_M = np.arange(M) % 2
    groups_M = folds_M * (voices - 1)
    task = Task(task.labels_MK, folds_M, groups_M, np.bincount(groups_M).astype(float))
    for fits in (Kernels(blocks, task), FoldSums(blocks, by_fold(task))):
        assert torch.isfinite(fits.errors(penalties)).all()
        found = fits.without_groups(penalties, [0, 1])
        assert found.shape == (2, voices, 2)
        nobody = torch.tensor([[fold != group or voices == 1 for group in range(voices)] for fold in (0, 1)])
        assert found[nobody].isnan().all() and (found[~nobody] == 0).all()
        assert np.isnan(explained(fits, [(("layer", 1.0),)] * 2).left_out_CK).all()
