"""Options are checked wherever they are made, and an error names the option as it is typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from corpora import names_all, refusal

from probing.errors import OptionError
from probing.options import (
    allow_missing_option,
    cache_option,
    device_option,
    flag_of,
    option,
    runs_option,
    validate,
)


@dataclass(frozen=True)
class Made:
    """Options of every kind."""

    store: str = option("frames", "What is kept.", choices=("frames", "pooled"))
    epochs: int = option(10, "Maximum number of epochs.", at_least=1)
    lr: float | None = option(None, "Learning rate.", above=0, below=10, shown_default="by width")
    layer_lr: float = option(0.1, "Learning rate of the layer weights.", above=0)
    encoder_depth: int = option(3, "Layers.", flag="--encoder-layers", at_least=1)
    loud: bool = option(False, "Say more.")
    cache: Path = cache_option()
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()
    runs: Path = runs_option()
    free: object = None  # a field that is no option

    def __post_init__(self) -> None:
        """Check all of them."""
        validate(self)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"store": "pooled", "epochs": 1, "lr": 9.99, "layer_lr": 1e-9},
        {"lr": None, "loud": True, "cache": Path("/x"), "device": "cuda:1", "free": float("nan")},
    ],
)
def test_what_is_within_bounds_is_taken(chosen):
    """None stands for what depends on something else."""
    made = Made(**chosen)
    assert all(getattr(made, name) == value or value != value for name, value in chosen.items())


@pytest.mark.parametrize(
    ("chosen", "code", "flag"),
    [
        ({"store": "latents"}, "option-choice", "--store latents"),
        ({"store": ""}, "option-choice", "--store"),
        ({"epochs": 0}, "option-bounds", "--epochs 0"),
        ({"lr": 0.0}, "option-bounds", "--lr 0.0"),
        ({"lr": 10}, "option-bounds", "--lr 10"),
        ({"lr": float("nan")}, "option-bounds", "--lr nan"),
        ({"lr": float("inf")}, "option-bounds", "--lr inf"),
        ({"layer_lr": float("-inf")}, "option-bounds", "--layer-lr -inf"),
        ({"encoder_depth": -1}, "option-bounds", "--encoder-layers -1"),
        ({"allow_missing": -1}, "option-bounds", "--allow-missing -1"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_its_flag(chosen, code, flag):
    """As it is typed, with the value."""
    assert names_all(refusal(OptionError, code, Made, **chosen), flag)


def test_a_refused_choice_names_those_there_are():
    """So that the user need not look them up."""
    assert names_all(refusal(OptionError, "option-choice", Made, store="x"), "frames", "pooled")


def test_defaults_are_those_of_the_fields():
    """A dataclass made of options is made like any other."""
    made = Made()
    assert (made.store, made.epochs, made.lr, made.cache, made.runs) == (
        "frames",
        10,
        None,
        Path("cache"),
        Path("runs"),
    )
    assert (made.device, made.allow_missing) == (None, 0)


def test_a_flag_is_the_field_s_name_unless_it_has_another():
    """With hyphens."""
    fields = Made.__dataclass_fields__
    assert flag_of("layer_lr", fields["layer_lr"].metadata) == "--layer-lr"
    assert flag_of("encoder_depth", fields["encoder_depth"].metadata) == "--encoder-layers"
