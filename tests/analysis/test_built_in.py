"""What was planted in the built-in world is what `make layers` and `make inside` find there, by the figures' CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "figures"
DEEP = range(9, 13)  # the deepest third of demo-hubert's states


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The numbers behind figures/layers-demo.png."""
    return pd.read_csv(FIGURES / "layers-demo.csv")


@pytest.fixture(scope="module")
def inside() -> pd.DataFrame:
    """Those behind figures/layers-demo-finetuned.png, of a system that runs."""
    found = pd.read_csv(FIGURES / "layers-demo-finetuned.csv")
    return found[found.analysis == "inside"]


def values(table: pd.DataFrame, measure: str, target: str, part: str) -> pd.Series[float]:
    """Values by layer."""
    own = table[(table.measure == measure) & (table.target == target) & (table.part == part)]
    assert len(own)
    return own.set_index("layer").value


def test_arousal_is_sound_and_valence_is_words_at_every_layer(table: pd.DataFrame) -> None:
    """No layer shares more than .05 of arousal with words, or of valence with sound."""
    assert values(table, "share", "arousal", "layer&words").max() <= 0.05
    assert values(table, "share", "valence", "layer&sound").max() <= 0.05
    assert values(table, "share", "arousal", "layer&sound").loc[0] >= 0.7
    assert values(table, "share", "valence", "layer&words").loc[12] >= 0.7


def test_dominance_is_both(table: pd.DataFrame) -> None:
    """Words and sound explain at least .2 of it each, of the ratings and of what the first layers tell."""
    assert values(table, "r2", "dominance", "words").loc[0] >= 0.2
    assert values(table, "r2", "dominance", "sound").loc[0] >= 0.2
    both = values(table, "share", "dominance", "layer&words&sound").loc[:4]
    for part in ("layer&words", "layer&sound"):
        assert (values(table, "share", "dominance", part).loc[:4] + both >= 0.2).all()


def test_erasing_words_takes_valence_and_leaves_arousal(table: pd.DataFrame) -> None:
    """At deep layers at least .8 of valence's CCC, and at most .05 of arousal's; random subspaces take little."""
    assert (values(table, "fall", "valence", "words").loc[DEEP] >= 0.8).all()
    assert (values(table, "fall", "arousal", "words").loc[DEEP] <= 0.05).all()
    assert (values(table, "random", "valence", "words").loc[DEEP] <= 0.2).all()


def test_erasing_sound_takes_arousal_and_leaves_valence(table: pd.DataFrame) -> None:
    """At least .8 of arousal's CCC at every layer, and at most .10 of valence's wherever there is some."""
    assert (values(table, "fall", "arousal", "sound") >= 0.8).all()
    assert (values(table, "fall", "valence", "sound").dropna() <= 0.1).all()


def test_inside_a_running_system_the_last_layer_says_the_same(inside: pd.DataFrame) -> None:
    """Erased while the system runs, words take valence and sound takes arousal, and hardly anything else does."""
    last = inside.layer.max()
    assert values(inside, "fall", "valence", "words").loc[last] >= 0.8
    assert values(inside, "fall", "arousal", "sound").loc[last] >= 0.8
    assert values(inside, "fall", "arousal", "words").loc[last] <= 0.1
    assert values(inside, "fall", "valence", "sound").loc[last] <= 0.1
    assert values(inside, "random", "valence", "words").max() <= 0.1
