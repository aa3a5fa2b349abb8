"""Options of training and evaluation: their bounds, and that spelling does not change them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from probing.errors import OptionError
from probing.training.options import EvaluateOptions, FinetuneOptions, FinetunePlace


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"patience": 0}, "option-bounds"),
        ({"seeds": 0}, "option-bounds"),
        ({"max_steps": 0}, "option-bounds"),
        ({"batch": 1}, "option-bounds"),  # the CCC of one utterance teaches nothing
        ({"lr": 0.0}, "option-bounds"),
        ({"lr": math.inf}, "option-bounds"),
        ({"lr": math.nan}, "option-bounds"),
        ({"dropout": 1.0}, "option-bounds"),
        ({"workers": -1}, "option-bounds"),
        ({"fusion": "max"}, "option-choice"),
        ({"precision": "int8"}, "option-choice"),
        ({"freeze": ("video",)}, "option-choice"),
        ({"init": (("video", "runs/x"),)}, "option-choice"),
        ({"dims": ()}, "no-dims"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(values: dict[str, Any], code: str) -> None:
    """In Python as on the command line."""
    with pytest.raises(OptionError) as caught:
        FinetuneOptions(**values)
    assert caught.value.code == code


def test_a_configuration_does_not_depend_on_spelling() -> None:
    """Encoders to freeze in any order, joined or apart; one dimension as a text; the path of a run as a path."""
    expected = ("audio", "text")
    for typed in ("text,audio", ("text", "audio"), ("audio, text",), ["audio", "text"]):
        assert FinetuneOptions(freeze=typed).freeze == expected  # type: ignore[arg-type]
    assert FinetuneOptions(dims="valence").dims == FinetuneOptions(dims=["valence"]).dims == ("valence",)  # type: ignore[arg-type]
    pairs = (("text", "b"), ("audio", "a"))
    assert FinetuneOptions(init=pairs).init == (("audio", "a"), ("text", "b"))


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/a"])
def test_a_run_s_name_is_one_visible_folder(name: str) -> None:
    """Whatever lists runs would not find it elsewhere."""
    with pytest.raises(OptionError) as caught:
        FinetunePlace(name=name)
    assert caught.value.code == "run-name"


def test_a_ratio_that_is_no_number_is_refused() -> None:
    """Negative ratios are meant: the noise is then louder."""
    assert EvaluateOptions(snr=-5).snr == -5
    with pytest.raises(OptionError) as caught:
        EvaluateOptions(snr=math.inf)
    assert caught.value.code == "option-bounds"
