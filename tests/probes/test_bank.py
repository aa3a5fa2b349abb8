"""A bank of probes: each is what it would be alone, written out with PyTorch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from probing.probes.bank import BY_SPEAKER, PERMUTED, REFIT, SINGLE, WEIGHTED, Probe, ProbeBank, count_probes, plan_bank
from probing.probes.features import Features
from probing.probes.heads import new_head
from probing.probes.options import LAYERS, POOLINGS, FitOptions
from probing.statistics.concordance import ccc_loss

L, D, H = 4, 6, 5


def bank_of(probes: list[Probe], pooling: str = "mean", head: str = "mlp") -> ProbeBank:
    """A bank of probes with heads of a kind."""
    seeds, learned = [probe.seed for probe in probes], sum(probe.learns_weights for probe in probes)
    return ProbeBank(probes, L, new_head(head, seeds, D, H, 1, learned), pooling)


def planned(*dims: str, layers: str = "both", seeds: int = 2, permutations: int = 0, refits: int = 0) -> list[Probe]:
    """The probes of a fit with these options."""
    return plan_bank(FitOptions(dims, layers=layers, seeds=seeds, permutations=permutations, refits=refits), L)


class PlainProbe(nn.Module):
    """One probe written out with PyTorch's own layers, frame by frame."""

    def __init__(self, layer: int | None, pooling: str) -> None:
        super().__init__()
        self.layer, self.pooling = layer, pooling
        self.logits = nn.Parameter(torch.zeros(L))
        self.head = nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 1))

    def forward(self, utterances: list[torch.Tensor]) -> torch.Tensor:
        weights = self.logits.softmax(0) if self.layer is None else torch.eye(L)[self.layer]
        pooled = []
        for states_TLD in utterances:
            mixed_TD = (states_TLD * weights[None, :, None]).sum(1)
            parts = {"mean": mixed_TD.mean(0), "max": mixed_TD.max(0).values}
            pooled.append(sum(parts[name] for name in self.pooling.split("+")))
        return self.head(torch.stack(pooled))


def features(utterances: list[torch.Tensor], pooling: str) -> Features:
    mean, maximum = torch.stack([x.mean(0) for x in utterances]), torch.stack([x.amax(0) for x in utterances])
    return Features(mean if "mean" in pooling else None, maximum if "max" in pooling else None, utterances)


def data(seed: int = 0, count: int = 12) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 9, (count,), generator=generator).tolist()
    return [torch.randn(t, L, D, generator=generator) for t in lengths], torch.rand(count, generator=generator)


def steps(module: nn.Module, parameters: list[dict], inputs: object, truth: torch.Tensor, count: int) -> torch.Tensor:
    optimizer = torch.optim.Adam(parameters)
    for _ in range(count):
        optimizer.zero_grad()
        ccc_loss(module(inputs).squeeze(-1), truth).sum().backward()
        optimizer.step()
    return module(inputs).squeeze(-1).detach()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layer", [None, 2])
def test_a_probe_of_a_bank_is_the_plain_module(pooling: str, layer: int | None) -> None:
    """After 50 steps a probe within a bank equals one written out with nn.Linear and trained by itself."""
    utterances, truth = data()
    probes = planned("valence")
    bank = bank_of(probes, pooling)
    row = next(i for i, probe in enumerate(probes) if probe.layer == layer and probe.seed == 1)
    plain = PlainProbe(layer, pooling)
    with torch.no_grad():
        plain.head[0].weight.copy_(bank.head.inner_PDH[row].T)
        plain.head[0].bias.copy_(bank.head.inner_bias_PH[row])
        plain.head[2].weight.copy_(bank.head.outer_PHO[row].T)
        plain.head[2].bias.copy_(bank.head.outer_bias_PO[row])
    rates = {"logits": 1e-2, "head": 1e-3}
    together = steps(
        bank,
        [
            {"params": [bank.logits_WL], "lr": rates["logits"]},
            {"params": list(bank.head.parameters()), "lr": rates["head"]},
        ],
        features(utterances, pooling),
        truth,
        50,
    )
    alone = steps(
        plain,
        [{"params": [plain.logits], "lr": rates["logits"]}, {"params": plain.head.parameters(), "lr": rates["head"]}],
        utterances,
        truth,
        50,
    )
    torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 1000),
    keep=st.integers(0, 100),
    pooling=st.sampled_from(POOLINGS),
    head=st.sampled_from(["mlp", "linear"]),
)
def test_a_bank_gives_each_probe_what_it_gets_alone(seed: int, keep: int, pooling: str, head: str) -> None:
    """A bank of one ends, after 50 steps, where the same probe ends among many."""
    utterances, truth = data(seed)
    probes = planned("arousal", "valence", permutations=1, refits=1)
    keep %= len(probes)
    ends = []
    for chosen in (probes, [probes[keep]]):
        bank = bank_of(chosen, pooling, head)
        groups = [{"params": [bank.logits_WL], "lr": 1e-2}, {"params": list(bank.head.parameters()), "lr": 1e-3}]
        ends.append((steps(bank, groups, features(utterances, pooling), truth, 50), bank.weights().detach()))
    row = keep
    torch.testing.assert_close(ends[0][0][row], ends[1][0][0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ends[0][1][row], ends[1][1][0], rtol=1e-5, atol=1e-5)


def test_the_maximum_from_frames_is_exact_and_from_pooled_it_is_not() -> None:
    """The maximum of a weighted sum needs the frames; the weighted sum of maxima is larger or equal."""
    utterances, _ = data()
    bank = bank_of([Probe("valence", WEIGHTED, 0)], "max")
    exact = bank._pool(features(utterances, "max"))
    pooled = bank._pool(Features(None, torch.stack([x.amax(0) for x in utterances])))
    by_hand = torch.stack([x.mean(1).amax(0) for x in utterances])
    torch.testing.assert_close(exact[0], by_hand)
    assert bool((pooled >= exact - 1e-6).all()) and not torch.allclose(pooled, exact)


def test_weights_start_uniform_and_sum_to_one() -> None:
    """Zero logits are the uniform weighting; single-layer probes are one-hot and never move."""
    weights = bank_of(planned("valence", seeds=1)).weights()
    np.testing.assert_allclose(weights[0].detach(), 1 / L)
    np.testing.assert_array_equal(weights[1:].detach(), np.eye(L))


def test_the_bank_holds_what_was_asked_for() -> None:
    """Dimensions × seeds × {weighted, each layer}, two kinds of permutations, refits; learned weights first."""
    probes = planned("arousal", "valence", seeds=3, permutations=4, refits=5)
    kinds = [probe.kind for probe in probes]
    counted = [kinds.count(kind) for kind in (WEIGHTED, SINGLE, PERMUTED, BY_SPEAKER, REFIT)]
    assert counted == [6, 2 * 3 * L, 8, 8, 10]
    learned = [probe.learns_weights for probe in probes]
    assert learned == sorted(learned, reverse=True) == [kind != SINGLE for kind in kinds]
    assert len(set(probes)) == len(probes)
    assert {probe.seed for probe in probes if probe.kind == REFIT} == {0, 1, 2}
    only = planned("valence", layers="each", seeds=1, permutations=4, refits=5)
    assert [probe.layer for probe in only] == list(range(L))
    assert bank_of(only)(features(data()[0], "mean")).shape == (L, 12, 1)


def test_equal_seeds_start_equal() -> None:
    """With the same seed, probes of different layers and dimensions start from the same head."""
    probes = planned("arousal", "valence", layers="each")
    bank = bank_of(probes)
    first = [i for i, probe in enumerate(probes) if probe.seed == 0]
    other = next(i for i, probe in enumerate(probes) if probe.seed == 1)
    assert all(torch.equal(bank.head.inner_PDH[first[0]], bank.head.inner_PDH[i]) for i in first)
    assert not torch.equal(bank.head.inner_PDH[first[0]], bank.head.inner_PDH[other])


def test_a_narrowed_bank_keeps_its_probes() -> None:
    """Taking probes out leaves the others' weights and answers as they are."""
    utterances, _ = data()
    probes = planned("arousal", "valence", permutations=1)
    bank = bank_of(probes, "mean+max")
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter.add_(torch.randn_like(parameter))
    rows = np.array([1, 3, 6, 9, len(probes) - 1])
    smaller = bank.narrow(rows)
    assert smaller.probes == [probes[row] for row in rows]
    x = features(utterances, "mean+max")
    torch.testing.assert_close(smaller(x), bank(x)[rows])
    torch.testing.assert_close(smaller.weights(), bank.weights()[rows])


@pytest.mark.parametrize("permutations", [0, 2])
@pytest.mark.parametrize("layers", LAYERS)
def test_the_number_of_probes_is_known_without_planning_them(layers: str, permutations: int) -> None:
    """Whether a bank fits into memory is told before any of it is made."""
    options = FitOptions(("arousal", "valence"), layers=layers, seeds=3, permutations=permutations, refits=4)
    assert count_probes(options, L) == len(plan_bank(options, L))
