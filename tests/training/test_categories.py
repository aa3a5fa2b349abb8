"""Systems of categories: trained, stopped, resumed, scored on another corpus, carded, listed."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight
from small_systems import trained
from transformers import EvalPrediction

from probing.cli.printing import trained as shown
from probing.corpus.model import Corpus, Utterance
from probing.corpus.opening import open_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import FitError
from probing.runs.printing import line
from probing.runs.records import FinetuneRecord
from probing.systems.config import SystemConfig
from probing.systems.targets import class_weights
from probing.training.evaluate import evaluate
from probing.training.stopping import scores_of

CLASSES = ("angry", "calm")


@pytest.fixture(scope="module")
def run(places: Path) -> FinetuneRecord:
    """A text system of an emotion, which the words give away, and of arousal; the corpus has classes of its own."""
    rows = list(csv.DictReader((places / "table.csv").read_text().splitlines()))
    for number, row in enumerate(rows):
        row["emotion"] = CLASSES[number % 2]
        row["text"] = "some some" if number % 2 else "words words"
    with (places / "named.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(places)
        how = {"dims": ("emotion", "arousal"), "max_steps": 30, "evaluate_every": 15, "lr": 3e-3, "batch": 8}
        return trained("bert", "named", "named.csv", class_weights="balanced", **how)


def test_a_class_that_words_give_away_is_learned(run: FinetuneRecord) -> None:
    """UAR is 1 on every partition; the record has both kinds of scores, and the files of both."""
    assert {score.partition for score in run.category_scores} == {"train", "development", "test1", "test2"}
    assert all((score.uar, score.macro_f1, score.accuracy) == (1, 1, 1) for score in run.category_scores)
    assert {score.dimension for score in run.scores} == {"arousal"}
    assert (run.system.dimensions, dict(run.system.categories)) == (("arousal",), {"emotion": CLASSES})
    tables = {"scores.csv", "predictions.csv", "category_scores.csv", "categories.csv"}
    assert tables < {*run.required} and tables < {*(run.files or {})}
    found = run.classes.sample("emotion", "test2")
    assert (len(found.ids), found.classes, found.score) == (6, CLASSES, 1.0)


def test_a_training_of_categories_is_stopped_by_their_score(run: FinetuneRecord) -> None:
    """The mean of CCC and UAR, less what breaks ties; the history has both."""
    history = pd.read_csv(run.folder / "seed0/history.csv").dropna(subset="eval_score")
    mean = (history.eval_ccc_arousal + history.eval_uar_emotion) / 2
    assert ((mean - history.eval_score).between(0, 1e-6)).all()
    assert run.trainings[0]["best_score"] == pytest.approx(history.eval_score.max())


def test_of_two_states_with_one_uar_the_surer_is_the_better() -> None:
    """The score is UAR, which equals scikit-learn's, and a millionth of the cross-entropy at most."""
    config = SystemConfig(dimensions=[], categories={"emotion": CLASSES})
    truth, rng = np.array([0, 0, 0, 1, 1.0])[:, None], np.random.default_rng(0)
    outputs = rng.normal(size=(5, 2))
    found = [scores_of(EvalPrediction(scale * outputs, truth), config) for scale in (1, 3)]
    expected = balanced_accuracy_score(truth[:, 0], outputs.argmax(1))
    losses = [
        float(torch.nn.functional.cross_entropy(torch.tensor(k * outputs), torch.tensor(truth[:, 0]).long()))
        for k in (1, 3)
    ]
    assert found[0]["uar_emotion"] == found[1]["uar_emotion"] == pytest.approx(expected)
    assert all(0 < expected - one["score"] < 1e-6 for one in found)
    assert (found[0]["score"] < found[1]["score"]) == (losses[0] > losses[1]) and losses[0] != losses[1]
    with pytest.raises(FitError) as caught:
        scores_of(EvalPrediction(outputs * np.nan, truth), config)
    assert caught.value.code == "estimate-not-finite"


def test_between_equal_recalls_classes_count_as_in_training() -> None:
    """Of two states of one UAR that of the lower cross-entropy is kept: scikit-learn's, weighted like the loss."""
    config = SystemConfig(dimensions=(), categories={"e": ["a", "b"]}, class_weights={"e": [0.5, 4.0]})
    truth = np.array([[0.0]] * 8 + [[1.0]])
    sure_of_a = np.array([[3.0, 0.0]] * 8 + [[0.0, 0.1]])
    sure_of_b = np.array([[0.2, 0.0]] * 8 + [[0.0, 3.0]])
    states = {"a": sure_of_a, "b": sure_of_b}
    kept = {name: scores_of(EvalPrediction(own, truth), config)["score"] for name, own in states.items()}
    weights = np.where(truth[:, 0] == 1, 4.0, 0.5)
    losses = {name: log_loss(truth[:, 0], softmax(own, 1), sample_weight=weights) for name, own in states.items()}
    plain = {name: log_loss(truth[:, 0], softmax(own, 1)) for name, own in states.items()}
    assert losses["b"] < losses["a"] and plain["a"] < plain["b"]
    assert kept["b"] > kept["a"] and kept["a"] == pytest.approx(1 - 1e-6 * np.tanh(losses["a"]), abs=1e-12)


def test_balanced_weights_are_scikit_learn_s() -> None:
    """Of the classes of train; one that is not there weighs nothing."""
    names = ["a"] * 5 + ["b"] * 2 + ["d"]
    own = [Utterance(f"{i}", None, "train", categories={"e": name}) for i, name in enumerate(names)]
    corpus = Corpus("c", (0, 1), (*own, Utterance("x", None, "test1", categories={"e": "c"})))
    a, b, c, d = class_weights(corpus, "e")
    assert [a, b, d] == pytest.approx(compute_class_weight("balanced", classes=np.array(["a", "b", "d"]), y=names))
    assert c == 0


def test_another_corpus_s_known_classes_are_scored(places: Path, run: FinetuneRecord) -> None:
    """A class that the system does not know is left out and noted; one without any known class is refused."""
    text = (places / "named.csv").read_text()
    (places / "other.csv").write_text(
        "\n".join(
            re.sub("calm$", "bored", one) if one.startswith("u0") else one
            for one in text.replace("arousal", "joy").splitlines()
        )
    )
    record = evaluate(run.folder, CorpusSpec.resolve(str(places / "other.csv"), (0, 1)))
    assert not record.scores and {score.category for score in record.category_scores} == {"emotion"}
    assert any("emotion: 5 utterances" in note and "bored" in note for note in record.notes)
    assert not (record.folder / "predictions.csv").exists() and record.classes.sample("emotion", "test1").score == 1
    unknown = text.replace("arousal", "joy").replace(",calm", ",glad").replace(",angry", ",bored")
    (places / "unknown.csv").write_text(unknown)
    with pytest.raises(FitError) as caught:
        evaluate(run.folder, CorpusSpec.resolve(str(places / "unknown.csv"), (0, 1)))
    assert caught.value.code == "no-ratings"


def test_a_card_and_a_listing_show_categories(run: FinetuneRecord, places: Path) -> None:
    """The card's code gives the classes of categories.csv; printed are UAR, macro-F1 and accuracy."""
    text = (run.folder / "README.md").read_text("utf-8")
    assert "emotion: angry, calm" in text and "cross-entropy with balanced class weights" in text
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.folder)
        exec(code.replace("what is said", open_corpus(str(places / "named.csv")).utterances[0].text or ""), names)
    assert CLASSES[int(names["probabilities"]["emotion"][0].argmax())] == "angry" and "ratings" in names
    assert "emotion test2 UAR 1.000" in line(run) and "arousal test2" in line(run)
    printed = shown(run)
    (row,) = [one for one in printed.splitlines() if one.startswith("emotion") and "macro-F1" in one]
    assert row.split()[2:] == ["1.000"] * 4 and "categories.csv" in printed
