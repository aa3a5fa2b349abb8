"""Options of a fit: settled and checked wherever they are made, the paper's by one word, and light to load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from probing.errors import OptionError
from probing.probes.options import FitOptions, paper_words
from probing.runs.store import signature

# What version 0.1.0 recorded of `probe fit demo --store pooled --layers both --seeds 2 --normalize layer
# --pooling mean+max`, word for word, with the signature that it gave.
OLD_CONFIGURATION = {
    "corpus": "demo",
    "labels": "30169b493b0541648a02965d1263c728a66c78dc1bd8b0c9a96fa62b539c2419",
    "scale": [1.0, 7.0],
    "fingerprint": "ad7f86a8e2996e0f3a8859e512e9ce387186eb7af3527048ff86dfda3e556f97",
    "store": "pooled",
    "options": {
        "dims": ["arousal", "valence", "dominance"],
        "layers": "both",
        "seeds": 2,
        "normalize": "layer",
        "pooling": "mean+max",
        "hidden": None,
        "lr": None,
        "layer_lr": 0.01,
        "batch": 32,
        "epochs": 100,
        "patience": 15,
        "shuffled": True,
        "data_seed": 0,
        "workers": 0,
    },
}
OLD_SIGNATURE = "22a289d14440b7e6"


def test_a_configuration_has_the_signature_that_version_0_1_0_gave_it() -> None:
    """By signatures runs are told apart, so those of older runs must stay theirs."""
    assert signature(OLD_CONFIGURATION) == OLD_SIGNATURE


def test_every_setting_is_part_of_the_signature() -> None:
    """Today's fields in their order: what a reader of record.json sees, and what two fits may differ in."""
    settled = asdict(FitOptions(dims=("valence",)))
    assert " ".join(settled) == (
        "dims class_weights head layers seeds normalize pooling hidden lr layer_lr dropout batch epochs patience "
        "permutations refits data_seed workers"
    )
    own = signature(OLD_CONFIGURATION | {"options": settled})
    for name, value in {"head": "linear", "permutations": 0, "refits": 0, "dropout": 0.1}.items():
        assert signature(OLD_CONFIGURATION | {"options": settled | {name: value}}) != own


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"head": "lasso"}, "option-choice"),
        ({"layers": "all"}, "option-choice"),
        ({"normalize": "batch"}, "option-choice"),
        ({"pooling": "median"}, "option-choice"),
        ({"seeds": 0}, "option-bounds"),
        ({"hidden": 0}, "option-bounds"),
        ({"batch": 1}, "option-bounds"),
        ({"epochs": 0}, "option-bounds"),
        ({"patience": 0}, "option-bounds"),
        ({"workers": -1}, "option-bounds"),
        ({"data_seed": -1}, "option-bounds"),
        ({"lr": 0.0}, "option-bounds"),
        ({"lr": float("inf")}, "option-bounds"),
        ({"layer_lr": float("nan")}, "option-bounds"),
        ({"dropout": 1.0}, "option-bounds"),
        ({"dropout": -0.1}, "option-bounds"),
        ({"permutations": -1}, "option-bounds"),
        ({"refits": -1}, "option-bounds"),
        ({"dims": ()}, "no-dims"),
        ({"layers": "both", "head": "ridge"}, "exclusive"),
        ({"layers": "weighted", "head": "ridge"}, "exclusive"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object], code: str) -> None:
    """An option out of its choices or bounds is an error that names it as it is typed."""
    with pytest.raises(OptionError) as caught:
        FitOptions(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == code
    flag = "--dim" if "dims" in wrong else f"--{next(iter(wrong)).replace('_', '-')}"
    assert caught.value.what.split()[0] == flag


def test_dimensions_are_the_same_however_they_are_written() -> None:
    """A notebook may name one dimension as a text, or several in a list."""
    assert FitOptions(dims="valence") == FitOptions(dims=["valence"]) == FitOptions(dims=("valence",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "layers", "learns", "single"),
    [
        ({}, "weighted", True, False),
        ({"layers": "both"}, "both", True, True),
        ({"layers": "each", "permutations": 20, "refits": 10}, "each", False, True),
        ({"head": "linear"}, "weighted", True, False),
        ({"head": "ridge"}, "each", False, False),
    ],
)
def test_what_is_trained_follows_from_head_and_layers(
    settings: dict[str, Any], layers: str, learns: bool, single: bool
) -> None:
    """Where no sum of layers is learned, none is learned on permuted labels; then pooled maxima are exact."""
    options = FitOptions(**settings)
    assert (options.layers, options.learns_weights, options.trains_single_layers) == (layers, learns, single)


# The paper's settings, typed from its sections 3.3 and 4 and from what its systems do.
PAPERS = {"lr": 1e-5, "layer_lr": 1e-5, "dropout": 0.1, "batch": 16, "normalize": "none", "pooling": "mean+max"}


def test_the_paper_s_settings_are_one_word() -> None:
    """What it does not state is the default's or the user's; what it states may be repeated."""
    found = FitOptions.paper(dims="valence", seeds=5, batch=16)
    assert found == FitOptions(dims=("valence",), head="mlp", seeds=5, **PAPERS)  # type: ignore[arg-type]
    words = paper_words()
    assert all(f"{flag} {value}" in words for flag, value in (("--layer-lr", "1e-05"), ("--pooling", "mean+max")))


@pytest.mark.parametrize("other", [{"batch": 32}, {"normalize": "layer"}, {"head": "ridge"}, {"dropout": 0.0}])
def test_a_setting_that_contradicts_the_paper_s_is_refused(other: dict[str, Any]) -> None:
    """One of the two is a mistake, also where it is the default of a fit."""
    with pytest.raises(OptionError) as caught:
        FitOptions.paper(seeds=2, **other)
    assert caught.value.code == "exclusive" and next(iter(other)) in caught.value.what


def test_what_changes_nothing_is_known() -> None:
    """Ridge probes are not trained, a linear map has no hidden units, single layers have no weights."""
    assert FitOptions(layers="both").without_effect == ()
    assert FitOptions(head="linear").without_effect == ("hidden",)
    assert set(FitOptions(layers="each").without_effect) == {"layer_lr", "refits"}
    ridge = FitOptions(head="ridge").without_effect
    assert {"seeds", "epochs", "refits", "dropout"} < set(ridge)
    assert not {"permutations", "normalize", "pooling", "dims", "workers"} & set(ridge)


def test_options_load_nothing_heavy() -> None:
    """A wrong option is answered before NumPy, pandas, torch or h5py is loaded."""
    code = "import sys, probing.probes.options; assert not {'torch', 'numpy', 'pandas', 'h5py'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
