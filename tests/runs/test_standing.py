"""Which probes stand for a fit: one rule, whichever of its targets, scores or files is asked about."""

from __future__ import annotations

import pytest

from probing.runs.records import CategoryScore, Score
from probing.runs.standing import probe_name, probe_named, standing, standing_kind


@pytest.mark.parametrize(
    "probe", [("weighted", None), ("single", 0), ("single", -1), ("ridge", 12), ("shuffled", None)]
)
def test_a_name_is_read_as_it_was_written(probe: tuple[str, int | None]) -> None:
    """Also of the layer before the first, and of what never stands for a fit."""
    assert probe_named(probe_name(*probe)) == probe


@pytest.mark.parametrize("name", ["best layer: " + "9" * 5000, "ridge, layer x", "best layer"])
def test_a_name_of_none_of_them_has_no_layer(name: str) -> None:
    """Whatever a record says, reading it ends."""
    assert probe_named(name) == (name, None)
    assert standing([Score("valence", "test1", 0.5, probe=name)]) == []


def test_each_target_has_the_layer_of_its_own() -> None:
    """Of a fit of single layers, dimensions and categories alike, however the ridge probes stand among them."""
    one, other = (Score(name, "test1", 0.5, probe=f"best layer: {k}") for name, k in (("arousal", 2), ("valence", 7)))
    ridge = Score("arousal", "test1", 0.9, probe="ridge, layer 4")
    assert standing([ridge, one, other]) == [one, other]
    named = CategoryScore("emotion", "test1", 0.5, 0.5, 0.5, probe="ridge, layer 4")
    assert standing([named]) == [named]


def test_a_full_system_stands_for_itself() -> None:
    """Its scores name no probe; where nothing stands for anything, that is an error."""
    score = Score("valence", "test1", 0.5)
    assert standing([score]) == [score] and standing_kind([None]) is None
    with pytest.raises(ValueError, match="shuffled"):
        standing_kind(["shuffled"])
