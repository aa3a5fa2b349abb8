"""Dimensions and categories of one system: what is learned, its loss against NumPy's, and which outputs are whose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_systems import built, sounds

from probing.corpus.model import Corpus, Utterance
from probing.errors import RunError
from probing.statistics.concordance import ccc
from probing.systems.inference import opened
from probing.systems.targets import by_category, loss_of, split_targets, targets_of

EMOTION, STYLE = ("angry", "happy", "sad"), ("calm", "loud")
CORPUS = Corpus(
    "named",
    (1.0, 5.0),
    (
        Utterance("a", None, "train", "s", {"valence": 3.0}, categories={"emotion": "sad", "style": "loud"}),
        Utterance("b", None, "train", "s", {"valence": 5.0}, categories={"emotion": "angry"}),
        Utterance("c", None, "test1", "t", {}, categories={"emotion": "happy", "style": "calm"}),
    ),
)


def test_targets_are_ratings_and_places_of_classes() -> None:
    """Dimensions in the order asked for, then categories by name; NaN where there is nothing to learn."""
    dimensions, categories = split_targets(CORPUS, ("style", "valence", "emotion"))
    assert dimensions == ("valence",) and list(categories.items()) == [("emotion", EMOTION), ("style", STYLE)]
    found = targets_of(CORPUS, dimensions, categories)
    np.testing.assert_array_equal(found, [[0.5, 2, 1], [1, 0, np.nan], [np.nan, 1, 0]])
    np.testing.assert_array_equal(targets_of(CORPUS, (), {"emotion": ("sad", "angry")})[:, 0], [0, 1, np.nan])


@pytest.mark.parametrize("weights", [{}, {"emotion": [0.5, 2.0, 1.0]}])
def test_the_loss_is_the_mean_of_the_targets_losses(weights: dict[str, list[float]]) -> None:
    """1 − CCC of the dimension, and cross-entropies written out in NumPy, weighted by class."""
    rng = np.random.default_rng(0)
    outputs, valence = rng.normal(size=(6, 6)), rng.uniform(size=6)
    labels = np.stack([valence, [0, 2, 1, 1, 0, 2], [1, 1, 0, 1, 0, 0]], axis=1)
    expected = [1 - ccc(valence, outputs[:, 0])]
    for place, own, name in ((1, outputs[:, 1:4], "emotion"), (2, outputs[:, 4:], "style")):
        true = labels[:, place].astype(int)
        surprise = np.log(np.exp(own).sum(1)) - own[np.arange(6), true]
        expected.append(np.average(surprise, weights=np.array(weights.get(name, [1.0] * 3))[true]))
    tensors = torch.from_numpy(outputs).float(), torch.from_numpy(labels).float()
    found = loss_of(*tensors, 1, {"emotion": EMOTION, "style": STYLE}, weights)
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_system_keeps_its_categories(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Read back, it gives the same probabilities, which are those of its outputs; ratings are of dimensions alone."""
    categories = {"style": STYLE, "emotion": EMOTION}
    system, processor = built(checkpoints["hubert"], dimensions=["valence"], categories=categories, scale=(1, 5))
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, _ = opened(tmp_path)
    with torch.no_grad():
        outputs, same = (one.eval()(**processor(sounds())).logits for one in (system, again))
    assert torch.equal(outputs, same) and outputs.shape == (4, 6)
    assert again.config.categories == {"emotion": list(EMOTION), "style": list(STYLE)}
    assert torch.equal(again.ratings(outputs), 1 + 4 * outputs[:, :1])
    for name, own in (("emotion", outputs[:, 1:4]), ("style", outputs[:, 4:])):
        torch.testing.assert_close(again.probabilities(outputs)[name], own.exp() / own.exp().sum(1, keepdim=True))
        assert torch.equal(by_category(outputs, 1, again.config.categories)[name], own)


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": {"emotion": ["sad"]}},
        {"categories": {"emotion": ["sad", "sad", "glad"]}},
        {"categories": {"emotion": ["sad", "glad", 3]}},
        {"dimensions": [], "categories": {}},
        {"class_weights": {"emotion": [1.0]}},
        {"class_weights": {"style": [1.0, 1.0]}},
        {"class_weights": {"emotion": [1.0, -1.0, 1.0]}},
    ],
)
def test_a_received_configuration_with_impossible_categories_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path, changes: dict[str, object]
) -> None:
    """One class, a class twice, a class without a name, nothing to estimate, weights of other classes."""
    system, processor = built(checkpoints["hubert"], dimensions=["valence"], categories={"emotion": EMOTION})
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(described | changes))
    with pytest.raises(RunError) as caught:
        opened(tmp_path)
    assert caught.value.code == "run-incomplete"
