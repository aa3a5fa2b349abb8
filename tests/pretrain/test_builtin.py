"""The encoders that come with the package: are they the ones of their cards, and do they show what the README says?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probing.demo.script import COUNTS, plan
from probing.demo.truth import bounds
from probing.encoders.checkpoints import load_checkpoint
from probing.encoders.opening import open_encoder
from probing.encoders.presets import BUILT_IN
from probing.pretrain import bert, distil, hubert
from probing.pretrain.make import HELD_OUT_SEED
from probing.pretrain.profile import depth_profile
from probing.pretrain.speech import Speech, open_speech

NAMES = ("demo-hubert", "demo-distilhubert", "demo-tinybert")
TESTS = ("test1", "test2")
ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (known bound|`demo-\w+`) \|[^|]*\| ([-.0-9 |]+) \|$", re.MULTILINE)


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BUILT_IN / name / "figures.json").read_text("utf-8"))
    return found


def profile(name: str, partition: str, dimension: str) -> np.ndarray:
    return np.array(figures(name)["profile"][partition][dimension])


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return open_speech(tmp_path_factory.mktemp("held-out"), 40, HELD_OUT_SEED)


# --- are they what their cards say?


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_encoder_opens_by_name_and_has_a_card(name: str) -> None:
    """Weights in float16, all together at most 6 MB; the card says data, seed, steps, losses, device and command."""
    encoder = open_encoder(name)
    assert not encoder.random and encoder.title == name and encoder.width == 64
    card = (BUILT_IN / name / "README.md").read_text("utf-8")
    for fact in ("seed", "steps", "loss from first to last", "made on", f"python -m probing.pretrain {name[5:]}"):
        assert fact in card
    assert sum(file.stat().st_size for file in BUILT_IN.rglob("*.safetensors")) < 6e6


def test_demo_hubert_still_hears_words_that_were_masked(held_out: Speech) -> None:
    """Masked accuracy on held-out speech is the card's, on a part of the speech that the card's was measured on."""
    found, card = hubert.masked_accuracy(BUILT_IN / "demo-hubert", held_out), figures("demo-hubert")
    assert found["unmasked"] == pytest.approx(card["unmasked"], abs=0.04)
    assert found["masked"] == pytest.approx(card["masked"], abs=0.06)
    assert card["unmasked"] > 2 * card["masked"] > 0.3


def test_demo_distilhubert_still_predicts_its_teacher(held_out: Speech) -> None:
    """The similarity of each head's prediction and the teacher's layer is the card's."""
    found = distil.similarities(BUILT_IN / "demo-distilhubert", load_checkpoint("demo-hubert").model, held_out)
    card = figures("demo-distilhubert")
    assert set(found) == {"cosine_4", "cosine_8", "cosine_12"}
    for layer, similarity in found.items():
        assert similarity == pytest.approx(card[layer], abs=0.02)


def test_demo_tinybert_still_guesses_masked_words() -> None:
    """Masked accuracy on held-out sentences is the card's."""
    found = bert.masked_accuracy(BUILT_IN / "demo-tinybert", bert.sentences(200, HELD_OUT_SEED))
    assert found == pytest.approx(figures("demo-tinybert")["masked"], abs=0.03)
    assert found > 0.2


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if "hubert" in n else n for n in NAMES])
def test_the_depth_profile_is_the_card_s(name: str) -> None:
    """Ridge probes on development give what the card says."""
    found = depth_profile(open_encoder(name), ("development",), COUNTS)["development"]
    for dimension, scores in found.items():
        assert scores == pytest.approx(profile(name, "development", dimension), abs=0.02)


# --- do they show what the built-in world was made to show?


@pytest.mark.parametrize("partition", TESTS)
def test_arousal_is_in_shallow_layers_and_lost_in_deep_ones(partition: str) -> None:
    """CCC at least .85 at a layer up to 4, and lower by .05 at the last."""
    arousal = profile("demo-hubert", partition, "arousal")
    assert arousal[:5].max() >= 0.85
    assert arousal[-1] <= arousal[:5].max() - 0.05


@pytest.mark.parametrize("partition", TESTS)
def test_valence_is_in_deep_layers(partition: str) -> None:
    """Best at layer 5 or deeper, .15 above layer 0."""
    valence = profile("demo-hubert", partition, "valence")
    assert valence.argmax() >= 5
    assert valence.max() >= valence[0] + 0.15


@pytest.mark.slow
def test_random_weights_hear_no_valence() -> None:
    """Valence of demo-hubert is at least .30 above the best layer of random weights, whose scores are the card's."""
    random = depth_profile(open_encoder("demo-hubert@random"), ("test2",), COUNTS)["test2"]
    for dimension, scores in figures("demo-hubert")["random"]["profile"]["test2"].items():
        assert random[dimension] == pytest.approx(scores, abs=0.02)
    assert profile("demo-hubert", "test2", "valence").max() >= max(random["valence"]) + 0.30


@pytest.mark.parametrize("partition", TESTS)
def test_the_distilled_encoder_keeps_arousal_and_loses_valence(partition: str) -> None:
    """Best arousal no more than .03 below the teacher's, best valence at least .10 below."""
    student, teacher = (
        {d: profile(name, partition, d).max() for d in ("arousal", "valence")}
        for name in ("demo-distilhubert", "demo-hubert")
    )
    assert student["arousal"] >= teacher["arousal"] - 0.03
    assert student["valence"] <= teacher["valence"] - 0.10


@pytest.mark.parametrize("partition", TESTS)
def test_text_gives_valence_back(partition: str) -> None:
    """demo-tinybert on the true transcripts comes within .05 of the bound for words, and hears no arousal."""
    known = bounds([line for line in plan() if line.partition == partition])
    assert profile("demo-tinybert", partition, "valence").max() >= known["valence"]["words"] - 0.05
    assert np.abs(profile("demo-tinybert", partition, "arousal")).max() < 0.2


def test_no_probe_beats_the_known_bounds() -> None:
    """What cannot be known is not: every profile stays below the printed truth, up to chance."""
    for name, by in (("demo-hubert", "both"), ("demo-distilhubert", "both"), ("demo-tinybert", "words")):
        for partition in TESTS:
            known = bounds([line for line in plan() if line.partition == partition])
            for dimension, best in known.items():
                assert profile(name, partition, dimension).max() <= best[by] + (0.02 if best[by] else 0.2)


def test_the_learned_weights_of_the_figure_lie_deeper_for_valence() -> None:
    """In each of five seeds valence's centre of mass is at least one layer deeper than arousal's."""
    drawn = pd.read_csv(ROOT / "figures" / "figure2-demo-demo-hubert.csv")
    weights = drawn[drawn.panel.eq("weight") & drawn.source.eq("encoder")]
    depth = weights.assign(depth=weights.layer * weights.value).groupby(["dimension", "seed"]).depth.sum()
    assert len(depth["valence"]) == 5
    assert (depth["valence"] - depth["arousal"] >= 1).all()


def test_the_readme_s_table_is_the_cards() -> None:
    """Each row holds the best layer's CCC on test2, and the first row the known bounds."""
    readme = (ROOT / "README.md").read_text("utf-8")
    table = {name: [float(n) for n in row.split("|")] for name, row in ROW.findall(readme)}
    known = bounds([line for line in plan() if line.partition == "test2"])
    assert table["known bound"] == pytest.approx([best["both"] for best in known.values()], abs=6e-4)
    for name in NAMES:
        assert table[f"`{name}`"] == pytest.approx([profile(name, "test2", d).max() for d in known], abs=6e-3)


def test_the_package_carries_them() -> None:
    """Every file of the encoders lies inside the package, where a wheel takes it along."""
    for name in NAMES:
        assert {"config.json", "model.safetensors", "README.md", "figures.json"} <= {
            file.name for file in (BUILT_IN / name).iterdir()
        }
