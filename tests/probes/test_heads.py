"""Heads of many probes: PyTorch's own layers, drawn from each probe's seed, with dropout that none of them notices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, Held, planted_layer
from torch import nn

from probing.probes.heads import HEADS, Head, SharedDropout, new_head, numbers_of
from probing.probes.train import Fit, train_bank

D, H = 6, 5


def plain(head: Head, row: int) -> nn.Sequential:
    """One probe's head written with PyTorch's own layers."""
    own = [nn.Parameter(parameter[row].detach().clone()) for parameter in head.parameters()]
    layers: list[nn.Module] = []
    for weight, bias in zip(own[::2], own[1::2], strict=True):
        linear = nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("kind", HEADS)
def test_several_outputs_are_learned_as_by_plain_layers(kind: str) -> None:
    """Three outputs trained by cross-entropy end where PyTorch's own layers end that are trained by themselves."""
    generator = torch.Generator().manual_seed(0)
    x_BD, classes_B = torch.randn(20, D, generator=generator), torch.randint(3, (20,), generator=generator)
    head = new_head(kind, [0, 1, 0], D, H, outputs=3, learned=1)
    alone = plain(head, 1)
    for module in (head, alone):
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(30):
            optimizer.zero_grad()
            estimates = module(x_BD.expand(3, -1, -1)) if module is head else module(x_BD)[None]
            sum(nn.functional.cross_entropy(one, classes_B) for one in estimates).backward()
            optimizer.step()
    found_PBO = head(x_BD.expand(3, -1, -1))
    torch.testing.assert_close(found_PBO[1], alone(x_BD), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found_PBO[0], found_PBO[2], rtol=1e-5, atol=1e-5)
    assert nn.functional.cross_entropy(found_PBO[1], classes_B).item() < np.log(3)


@pytest.mark.parametrize("learned", [0, 2, 4])
@pytest.mark.parametrize("kind", HEADS)
def test_states_that_something_learns_get_the_gradient_of_the_plain_expression(kind: str, learned: int) -> None:
    """For the first W probes it is autograd's, for the others zero; parameters get theirs in any case."""
    generator = torch.Generator().manual_seed(1)
    x_PBD = torch.randn(4, 7, D, generator=generator, requires_grad=True)
    factor_PBO = torch.randn(4, 7, 2, generator=generator)
    head = new_head(kind, [0, 1, 2, 3], D, H, outputs=2, learned=learned)
    own, *ours = torch.autograd.grad((head(x_PBD) * factor_PBO).sum(), [x_PBD, *head.parameters()])
    for row in range(4):
        module = plain(head, row)
        given = [x_PBD, *module.parameters()]
        whole, *theirs = torch.autograd.grad((module(x_PBD[row]) * factor_PBO[row]).sum(), given)
        torch.testing.assert_close(own[row], whole[row] if row < learned else torch.zeros(7, D))
        for name, one in enumerate(ours):
            torch.testing.assert_close(one[row], theirs[name].T if theirs[name].ndim == 2 else theirs[name])


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("kind", HEADS)
def test_heads_are_drawn_from_their_seeds_alone(kind: str, outputs: int) -> None:
    """The company changes nothing; numbers lie within ±1/√n of nn.Linear, and there are as many as is said before."""
    many = new_head(kind, [3, 8, 3], 50, 40, outputs, learned=1)
    alone = many.like([8], learned=0)
    assert type(alone) is type(many) and (alone.sizes, alone.learned) == (many.sizes, 0)
    for (name, parameter), own in zip(many.named_parameters(), alone.parameters(), strict=True):
        assert torch.equal(parameter[1], own[0]) and torch.equal(parameter[0], parameter[2])
        assert not torch.equal(parameter[0], parameter[1])
        bound = (40 if name.startswith("outer") else 50) ** -0.5
        assert parameter.abs().max().item() <= bound
        if parameter[0].numel() > 1000:
            assert parameter[0].std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert sum(parameter.numel() for parameter in alone.parameters()) == numbers_of(kind, 50, 40, outputs)


def test_one_mask_is_drawn_for_all_probes_and_another_for_each_batch() -> None:
    """Equal seeds give equal masks; those of neighbouring epochs, batches and data seeds are not correlated."""
    x = torch.ones(2, 40, 50)
    seeds = [(data, epoch, batch) for data in range(2) for epoch in (1, 2) for batch in range(3)]
    masks = [SharedDropout(0.5, seed)(x) for seed in seeds]
    assert all(torch.equal(mask[0], mask[1]) for mask in masks)
    assert torch.equal(masks[0], SharedDropout(0.5, seeds[0])(x))
    correlation = np.corrcoef([mask[0].flatten().numpy() for mask in masks]) - np.eye(len(masks))
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    scaled = SharedDropout(0.25, (5,))(x)
    assert sorted(scaled.unique().tolist()) == pytest.approx([0, 4 / 3]) and scaled.mean().item() == pytest.approx(
        1, abs=0.05
    )
    twice = SharedDropout(0.5, seeds[0])
    assert not torch.equal(twice(x), twice(x))  # what the head's second layer sees is dropped by a mask of its own


@pytest.mark.parametrize("kind", HEADS)
def test_every_layer_sees_what_dropout_leaves(kind: str) -> None:
    """The states, and of two layers the hidden units too, each by a mask of its own; nothing else is dropped."""
    head = new_head(kind, [0, 1], D, H, outputs=2, learned=1)
    x_PBD = torch.randn(2, 7, D, generator=torch.Generator().manual_seed(2))
    drop, found = SharedDropout(0.4, (1,)), head(x_PBD, SharedDropout(0.4, (1,)))
    masks = [drop(torch.ones(1, 7, width))[0] for width in (D, H)]
    for row in range(2):
        seen = x_PBD[row] * masks[0]
        layers = list(plain(head, row))
        seen = nn.Sequential(*layers[:-1])(seen) * masks[1] if kind == "mlp" else seen
        torch.testing.assert_close(found[row], layers[-1](seen))


@pytest.mark.parametrize("head", HEADS)
def test_a_fit_with_dropout_gives_each_probe_what_it_gets_alone(head: str) -> None:
    """Whatever stands beside it, and whatever was taken out of the bank; and dropout has an effect."""
    corpus, states = planted_layer(1, count=80)
    options = replace(OPTIONS, head=head, dropout=0.3, epochs=25, patience=3)

    def fit(**settings: object) -> Fit:
        return train_bank(corpus, Held(states), N_LAYERS, WIDTH, replace(options, **settings))

    many, few, without = fit(), fit(layers="weighted", seeds=1), fit(dropout=0.0)
    assert np.isnan(np.stack(many.curve)).any()
    row = many.bank.probes.index(few.bank.probes[0])
    assert many.best_epoch[row] == few.best_epoch[0]
    np.testing.assert_allclose(many.predictions[row], few.predictions[0], atol=1e-5)
    assert np.abs(many.predictions - without.predictions).max() > 1e-2


@pytest.mark.parametrize("kind", HEADS)
def test_a_gradient_is_written_where_the_last_one_was(kind: str) -> None:
    """Of the largest parameter, in the same memory step after step, and it is what it is without."""
    generator = torch.Generator().manual_seed(4)
    x_PBD = torch.randn(3, 7, D, generator=generator)
    head = new_head(kind, [0, 1, 2], D, H, outputs=2, learned=1)
    largest = next(head.parameters())
    found = []
    for step in range(3):
        (head(x_PBD) * (step + 1)).sum().backward()
        found.append((largest.grad.data_ptr(), largest.grad.clone()))
        head.reuse_gradient()
        head.zero_grad()
    assert len({place for place, _ in found}) == 1
    for step, (_, gradient) in enumerate(found):
        torch.testing.assert_close(gradient, found[0][1] * (step + 1))
