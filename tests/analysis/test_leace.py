"""Behaviour: LEACE takes out exactly what a concept tells, as little else as can be, and chance takes as many."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from concept_erasure import LeaceFitter

from probing.analysis.leace import Eraser, Whitened, leace
from probing.probes.closed_form import LayerStates

SIZES = {"plain": (300, 12, 3), "more units than utterances": (30, 50, 2), "more concept than units": (200, 6, 10)}


@pytest.fixture(params=SIZES, scope="module")
def told(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """States that tell a concept, one of them constant, and the concept, on no particular scale."""
    count, width, numbers = SIZES[request.param]
    rng = np.random.default_rng(0)
    z_NK = rng.normal(size=(count, numbers)) * 10.0 ** np.arange(-1, numbers - 1).clip(max=2) + 3
    x_ND = rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) + 5
    x_ND += (z_NK / z_NK.std(0)) @ rng.normal(size=(numbers, width))
    x_ND[:, 1] = 7
    return x_ND.astype(np.float32), z_NK


def covariance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of columns."""
    return (x - x.mean(0)).T @ (y - y.mean(0)) / len(x)


def test_the_map_is_that_of_the_authors_package(told: tuple[np.ndarray, np.ndarray]) -> None:
    """A second implementation, concept-erasure, moves every state alike."""
    x, z = torch.from_numpy(told[0]).double(), torch.from_numpy(told[1])
    theirs = LeaceFitter.fit(x, z, shrinkage=False, constrain_cov_trace=False, svd_tol=1e-8).eraser
    torch.testing.assert_close(leace(*told)(x), theirs(x), rtol=0, atol=1e-9)


def test_nothing_linear_is_left_and_nothing_moves_twice(told: tuple[np.ndarray, np.ndarray]) -> None:
    """Erased states do not covary with the concept; the mean and constant features stay; erasing again is no change."""
    eraser, x, z = leace(*told), torch.from_numpy(told[0]).double(), torch.from_numpy(told[1])
    erased = eraser(x)
    assert covariance(x, z).abs().max() > 0.1
    torch.testing.assert_close(covariance(erased, z / z.std(0)), torch.zeros(x.shape[1], z.shape[1]).double())
    torch.testing.assert_close(eraser(erased), erased)
    torch.testing.assert_close(erased.mean(0), x.mean(0))
    assert (erased[:, 1] == 7).all()
    assert eraser.rank == min(told[1].shape[1], x.shape[1] - 1)


def test_no_other_map_that_erases_changes_less() -> None:
    """Among maps that leave no covariance, LEACE has the smallest mean square change, whitened or not."""
    rng = np.random.default_rng(1)
    z_NK = rng.normal(size=(400, 2))
    x_ND = (rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + z_NK @ rng.normal(size=(2, 5))).astype(np.float32)
    x, z = torch.from_numpy(x_ND).double(), torch.from_numpy(z_NK)
    change, x = leace(x_ND, z_NK)(x) - x, x - x.mean(0)
    values, vectors = torch.linalg.eigh(covariance(x, x))
    free = x @ torch.linalg.svd(covariance(x, z)).U[:, 2:]  # maps that erase are linear in these
    best = free @ torch.linalg.lstsq(free, x).solution
    others = [free @ torch.from_numpy(np.random.default_rng(seed).normal(size=(3, 5))) for seed in range(20)]
    for metric in (torch.eye(5).double(), vectors @ torch.diag(values.rsqrt()) @ vectors.T):
        size = float((change @ metric).square().sum())
        assert size == pytest.approx(float(((best - x) @ metric).square().sum()))
        assert all(float(((other - x) @ metric).square().sum()) > size for other in others)


def test_a_constant_or_unrelated_concept_erases_nothing() -> None:
    """Rank 0 changes no bit, in the states' own number format."""
    x_ND = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    eraser = leace(x_ND, np.full((50, 2), 0.1))
    assert eraser.rank == 0
    assert torch.equal(eraser(torch.from_numpy(x_ND)), torch.from_numpy(x_ND))


def test_numbers_that_repeat_each_other_count_once() -> None:
    """The rank is that of the concept, not the number of its columns: of one-hot classes one less."""
    rng = np.random.default_rng(3)
    one_hot = np.eye(4)[rng.integers(0, 4, 100)]
    x_ND = (rng.normal(size=(100, 9)) + one_hot @ rng.normal(size=(4, 9))).astype(np.float32)
    assert leace(x_ND, one_hot).rank == 3
    assert leace(x_ND, np.column_stack([one_hot[:, 0]] * 3)).rank == 1


def test_chance_takes_as_many_directions_of_the_same_space() -> None:
    """A random eraser removes as much whitened variance as LEACE, its rank; no other draw is the same."""
    rng = np.random.default_rng(4)
    x_ND = (rng.normal(size=(200, 10)) * 10.0 ** rng.uniform(-2, 2, 10)).astype(np.float32)
    everybody = np.arange(200)
    whitened = Whitened(LayerStates(x_ND, everybody, "cpu"), everybody)
    x = torch.from_numpy(x_ND).double()
    precision = torch.linalg.inv(covariance(x, x))

    def taken(eraser: Eraser) -> float:
        change = eraser(x) - x
        return float((change @ precision * change).sum() / len(x))

    draws = [whitened.eraser(whitened.random(3, (0, number))) for number in range(3)]
    assert [taken(draw) for draw in draws] == pytest.approx([3.0] * 3)
    assert taken(leace(x_ND, x_ND[:, :3].astype(float))) == pytest.approx(3.0)
    assert not torch.allclose(draws[0](x), draws[1](x))
    assert whitened.random(99, (0,)).shape[1] == 10
