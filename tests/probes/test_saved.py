"""Probes as files: read back as they were written, those of version 0.1.0 too, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, WIDTH, planted_layer
from safetensors.torch import load_file, save_file

from probing.errors import RunError
from probing.probes.bank import SINGLE, WEIGHTED, Probe, ProbeBank
from probing.probes.features import Features
from probing.probes.heads import new_head
from probing.probes.ridge import ridge_look
from probing.probes.saved import PROBES, RIDGE_PROBES, load_bank, ridge_banks, save_bank

HIDDEN = 5


def saved(path: Path, kind: str = "mlp") -> ProbeBank:
    """A bank with parameters that are not those it starts with, in a file."""
    probes = [Probe("valence", WEIGHTED, 0), Probe("arousal", SINGLE, 1, 4)]
    head = new_head(kind, [0, 1], WIDTH, HIDDEN, outputs=1, learned=1)
    bank = ProbeBank(probes, N_LAYERS, head, "mean+max")
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    save_bank(bank, "layer", (1.0, 7.0), path)
    return bank


@pytest.mark.parametrize("kind", ["mlp", "linear"])
def test_a_bank_is_read_back_as_it_was_written(tmp_path: Path, kind: str) -> None:
    """Same probes, same kind of head, same answers."""
    bank = saved(tmp_path / PROBES, kind)
    again, normalize, _ = load_bank(tmp_path / PROBES)
    assert (again.probes, again.pooling, normalize) == (bank.probes, "mean+max", "layer")
    assert (again.head.kind, again.head.sizes) == (kind, bank.head.sizes)
    x = Features(torch.randn(3, N_LAYERS, WIDTH), torch.randn(3, N_LAYERS, WIDTH))
    torch.testing.assert_close(again(x), bank(x), rtol=0, atol=0)


def old_file(path: Path, folder_seed: int = 0) -> dict[str, torch.Tensor]:
    """A file as version 0.1.0 wrote it: other names, one output without an axis, a control of permuted labels."""
    generator = torch.Generator().manual_seed(folder_seed)
    shapes = {
        "inner_PDH": (3, WIDTH, HIDDEN),
        "inner_bias_PH": (3, HIDDEN),
        "logits_WL": (2, N_LAYERS),
        "outer_PH": (3, HIDDEN),
        "outer_bias_P": (3,),
    }
    parameters = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    probes = [["valence", "weighted", 0, None], ["valence", "shuffled", 0, None], ["valence", "single", 1, 4]]
    metadata = {"probes": json.dumps(probes), "pooling": "mean", "normalize": "none", "scale": "[1.0, 7.0]"}
    save_file(parameters, path, metadata=metadata)
    return parameters


def test_probes_of_version_0_1_0_are_read(tmp_path: Path) -> None:
    """They estimate what the paper's head gives, written out in NumPy: v · tanh(Uᵀ Σ_l w_l x_l + b) + c."""
    held = {name: tensor.double().numpy() for name, tensor in old_file(tmp_path / PROBES).items()}
    bank, normalize, _ = load_bank(tmp_path / PROBES)
    assert [(probe.kind, probe.seed, probe.layer) for probe in bank.probes] == [
        ("weighted", 0, None),
        ("shuffled", 0, None),
        ("single", 1, 4),
    ]
    assert (bank.pooling, normalize) == ("mean", "none")
    x_BLD = torch.randn(2, N_LAYERS, WIDTH)
    found = bank(Features(x_BLD, None)).detach()
    weights = np.exp(held["logits_WL"])
    weights = np.concatenate([weights / weights.sum(1, keepdims=True), np.eye(N_LAYERS)[[4]]])
    for p in range(3):
        mixed = np.tensordot(x_BLD.double().numpy(), weights[p], axes=(1, 0))
        inner = np.tanh(mixed @ held["inner_PDH"][p] + held["inner_bias_PH"][p])
        np.testing.assert_allclose(found[p, :, 0], inner @ held["outer_PH"][p] + held["outer_bias_P"][p], rtol=1e-4)


def test_ridge_probes_are_read_back_as_a_bank(tmp_path: Path) -> None:
    """Pooled states, times the coefficients, plus the intercept: what the look itself predicts, layer by layer."""
    corpus, states = planted_layer(2, count=40)
    look = ridge_look(corpus, states.mean(1), ("valence",), permutations=0)
    save_bank(ridge_banks(look, "mean")[0][0], "none", corpus.scale, tmp_path / RIDGE_PROBES)
    bank, *_ = load_bank(tmp_path / RIDGE_PROBES)
    assert [(probe.kind, probe.layer) for probe in bank.probes] == [("ridge", layer) for layer in range(N_LAYERS)]
    found = bank(Features(torch.from_numpy(states.mean(1)), None)).detach()[..., 0]
    np.testing.assert_allclose(found, look.predictions["valence"], atol=1e-5)


def test_probes_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    """No file, half a file, one without the probes, of other shapes, an unknown head, half a head, no such layer.

    Or NaN, more layers or probes than there is memory for, and seeds that are none.
    """
    path = tmp_path / PROBES
    with pytest.raises(RunError) as caught:
        load_bank(path)
    assert caught.value.code == "run-incomplete"
    saved(path)
    parameters = load_file(path)
    metadata = {"head": "mlp", "pooling": "mean", "normalize": "none"}
    one, two = '[["valence", "weighted", 0, null]]', '[["valence", "weighted", 0, null], ["valence", "single", 1, 4]]'
    half = {name: tensor for name, tensor in parameters.items() if "outer" not in name}
    for held, said in (
        (parameters, {}),
        (parameters, metadata | {"probes": one}),
        (parameters, metadata | {"probes": two, "head": "forest"}),
        (parameters, metadata | {"probes": two, "head": "linear"}),
        (half, metadata | {"probes": two}),
        (parameters, metadata | {"probes": two.replace("4]", f"{N_LAYERS}]")}),
        (parameters, metadata | {"probes": two.replace("4]", "-1]")}),
        (parameters, metadata | {"probes": two.replace('"valence"', "7")}),
        (parameters, metadata | {"probes": two, "pooling": "median"}),
        (parameters, metadata | {"probes": two, "normalize": "batch"}),
        (parameters | {"logits_WL": parameters["logits_WL"][0]}, metadata | {"probes": two}),
        (parameters | {"head.outer_bias_PO": torch.full((2, 1), torch.nan)}, metadata | {"probes": two}),
        (parameters | {"logits_WL": torch.zeros(0, 50_000)}, metadata | {"probes": two.replace("weighted", "single")}),
        (parameters, metadata | {"probes": two.replace("]]", "], " + ", ".join([two[39:-1]] * 1000) + "]")}),
        (parameters, metadata | {"probes": two.replace("0, null", "-1, null")}),
        (parameters, metadata | {"probes": two.replace("0, null", '"0", null')}),
        (parameters, metadata | {"probes": "[" * 10_000}),
        (None, {}),
    ):
        if held is None:
            path.write_bytes(path.read_bytes()[:50])
        else:
            save_file(held, path, metadata=said)
        with pytest.raises(RunError) as caught:
            load_bank(path)
        assert caught.value.code == "run-damaged"
