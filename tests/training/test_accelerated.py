"""Accelerate's environment: what has an option means that option, what cannot be done is refused, the rest recorded."""

from __future__ import annotations

from typing import Any

import pytest
from small_systems import QUICK, trained

from probing.errors import FitError, RunError
from probing.training.accelerated import (
    by_the_first,
    held_by_the_first,
    other_settings,
    precision_of,
    refuse_conflicts,
    shown_settings,
)
from probing.training.start import uses_bf16

LAUNCHED = {  # what `accelerate launch` sets where it is asked for nothing
    "MIXED_PRECISION": "no",
    "DYNAMO_BACKEND": "NO",
    "DYNAMO_MODE": "default",
    "DYNAMO_USE_FULLGRAPH": "False",
    "GRADIENT_ACCUMULATION_STEPS": "1",
    "USE_CPU": "False",
    "CPU_AFFINITY": "1",
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that sets accelerate's variables."""

    def tell(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ACCELERATE_{name}", value)

    return tell


def test_a_launcher_that_is_asked_for_nothing_changes_nothing(told: Any) -> None:
    """No conflict, no setting, no number format."""
    told(**LAUNCHED)
    refuse_conflicts("cpu")
    refuse_conflicts("cuda:0")
    assert (precision_of(None), precision_of("bf16"), other_settings(), shown_settings()) == (None, "bf16", {}, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("USE_DEEPSPEED", "true"), ("USE_FSDP", "1"), ("DYNAMO_BACKEND", "INDUCTOR")),
        *(("GRADIENT_ACCUMULATION_STEPS", "4"), ("USE_CPU", "yes"), ("TORCH_DEVICE", "cpu")),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(told: Any, name: str, value: str) -> None:
    """Rather than being left undone, or done without a word."""
    told(**{name: value})
    with pytest.raises(FitError) as caught:
        refuse_conflicts("cuda:0")
    assert caught.value.code == "environment" and f"ACCELERATE_{name}={value}" in caught.value.what


def test_the_device_may_be_named_twice(told: Any) -> None:
    """If it is the same."""
    told(USE_CPU="true", TORCH_DEVICE="cpu")
    refuse_conflicts("cpu")


def test_mixed_precision_means_the_option(told: Any) -> None:
    """It is that number format, with the same bounds; both at once must agree."""
    told(MIXED_PRECISION="bf16")
    assert precision_of(None) == precision_of("bf16") == "bf16"
    assert shown_settings() == ("the environment variable ACCELERATE_MIXED_PRECISION is bf16",)
    with pytest.raises(FitError) as caught:
        uses_bf16(QUICK, "cpu")
    assert caught.value.code == "precision"
    with pytest.raises(FitError) as caught:
        precision_of("float32")
    assert caught.value.code == "environment"
    told(MIXED_PRECISION="fp16")
    with pytest.raises(FitError) as caught:
        precision_of(None)
    assert caught.value.code == "environment"


def test_no_training_is_made_in_another_number_format(told: Any) -> None:
    """Not a file is written: the record would say float32."""
    told(MIXED_PRECISION="bf16")
    with pytest.raises(FitError):
        trained("bert", "mixed", device="cpu")


def test_what_else_is_set_is_part_of_the_run(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown and recorded, and whoever resumes without it is refused."""
    told(NEW_THING="7")
    record = trained("bert", "told", max_steps=1, evaluate_every=1)
    assert record.configuration["accelerate"] == {"ACCELERATE_NEW_THING": "7"}
    assert "ACCELERATE_NEW_THING is 7" in capsys.readouterr().err
    assert any("ACCELERATE_NEW_THING is 7" in note for note in record.notes)
    told(NEW_THING="8")
    with pytest.raises(RunError) as caught:
        trained("bert", "told", max_steps=1, evaluate_every=1)
    assert caught.value.code == "run-other-configuration" and "ACCELERATE_NEW_THING" in caught.value.why


def test_alone_a_process_looks_and_holds_for_itself() -> None:
    """Without asking others."""
    held = []

    class Held:
        def __enter__(self) -> None:
            held.append("held")

        def __exit__(self, *_: object) -> None:
            held.append("released")

    with held_by_the_first(Held):  # type: ignore[arg-type]
        assert by_the_first(lambda: held) == ["held"]
    assert held == ["held", "released"]
