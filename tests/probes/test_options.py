"""Options of a fit: those of version 0.1.0, checked wherever they are made, and light to load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from probing.errors import OptionError
from probing.probes.options import FitOptions
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
    """Fields and defaults are part of the signature, by which runs of both versions are compared."""
    options = FitOptions(layers="both", seeds=2, normalize="layer", pooling="mean+max")
    settled = replace(options, dims=("arousal", "valence", "dominance"))
    assert signature(OLD_CONFIGURATION) == OLD_SIGNATURE
    assert signature(OLD_CONFIGURATION | {"options": asdict(settled)}) == OLD_SIGNATURE


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
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
        ({"dims": ()}, "no-dims"),
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
    ("layers", "shuffled", "learns"), [("weighted", False, True), ("each", False, False), ("each", True, True)]
)
def test_controls_learn_layer_weights_too(layers: str, shuffled: bool, learns: bool) -> None:
    """Only single layers without a control learn no weights; then pooled maxima are exact."""
    assert FitOptions(layers=layers, shuffled=shuffled).learns_weights is learns


def test_options_load_nothing_heavy() -> None:
    """A wrong option is answered before NumPy, pandas, torch or h5py is loaded."""
    code = "import sys, probing.probes.options; assert not {'torch', 'numpy', 'pandas', 'h5py'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
