"""Categories in figures: skill and recall over the layers, chance, and which classes are taken for which."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from builders import write_fit
from hidden_states import N_LAYERS, planted_layer, write_cache
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from probing.cli.printing_fit import fitted
from probing.corpus.model import Corpus
from probing.errors import OptionError, RunError
from probing.probes.fit import fit
from probing.report.atlas_table import charted, table_of
from probing.report.confusion import drawn_of as drawn_matrix
from probing.report.confusion import figure_confusion
from probing.report.figure2 import figure2
from probing.report.fit_scores import UAR, fit_scores_of
from probing.report.importance import drawn_of
from probing.report.located import located
from probing.report.ridge import curves_of
from probing.runs.records import FitRecord

PEAK, NAMES = 3, np.array(["anger", "joy", "neutral"])


def written(corpus: Corpus, path: Path) -> Path:
    """The corpus as a table of names, which one layer tells, and of ratings that no layer tells."""
    rng = np.random.default_rng(5)
    lines = ["id,partition,speaker,emotion,arousal"]
    for i, u in enumerate(corpus.utterances):
        name = NAMES[int(np.digitize(u.labels["valence"], (0.3, 0.6)))]
        lines.append(f"{u.id},{u.partition},{u.partition}{i % 9},{name},{rng.uniform():.3f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> FitRecord:
    """Ridge probes of a category and of a dimension."""
    folder = tmp_path_factory.mktemp("named")
    corpus, states = planted_layer(PEAK, seed=1, count=150)
    cache = write_cache(folder / "cache/planted", states, "pooled", audio=list(range(1, 151)))
    table = written(corpus, folder / "planted.csv")
    settings = {"dims": ("emotion", "arousal"), "head": "ridge", "runs": folder / "runs"}
    return fit(str(table), None, cache=cache.path, **settings)


def test_a_fit_of_names_says_what_it_found(both: FitRecord) -> None:
    """Scores of both kinds, what is carried and where; the terminal shows UAR, F1 and accuracy."""
    verdicts = {(one.claim, one.verdict) for one in both.findings}
    assert ("some layer carries emotion", "holds") in verdicts
    assert both.layers["emotion"].best_layer == PEAK and both.layers["arousal"].carried == "undecided"
    (score,) = (one for one in both.category_scores if one.partition == "test2")
    assert score.probe == f"ridge, layer {PEAK}" and score.classes == 3 and score.uar > 0.5
    table = pd.read_csv(both.folder / "categories.csv").query("partition == 'test2'")
    assert score.uar == pytest.approx(balanced_accuracy_score(table.truth, table[f"ridge-layer{PEAK}"]), abs=1e-6)
    text = fitted(both)
    assert all(word in text for word in ("CCC", "UAR", "macro-F1", "accuracy", "UAR by chance on test2"))
    files = {path.name for path in both.folder.iterdir()}
    assert {"categories.csv", "category_scores.csv", "category_nulls.csv", "ridge-2.safetensors"} < files


def test_findings_read_back_are_those_of_the_fit(both: FitRecord) -> None:
    """From its files: curves, what is carried, where."""
    findings, places = located(both)
    assert [(f.claim, f.on, f.verdict) for f in findings] == [(f.claim, f.on, f.verdict) for f in both.findings]
    np.testing.assert_allclose([f.value or 0 for f in findings], [f.value or 0 for f in both.findings], atol=1e-7)
    assert places["emotion"].confidence_set == both.layers["emotion"].confidence_set
    curve, kept = curves_of(both)["emotion"], pd.read_csv(both.folder / "importance.csv")
    np.testing.assert_allclose(curve.value_L, kept[kept.dimension == "emotion"].r2, atol=1e-5)


def test_figure_2_shows_recall_beside_what_guessing_reaches(both: FitRecord, tmp_path: Path) -> None:
    """A panel of UAR with its own range of permuted labels; CCC has another; the caption says what each is."""
    drawn = drawn_of(both)
    assert list(dict.fromkeys(drawn.panel)) == ["importance", "CCC test2", "UAR test2"]
    own = drawn[drawn.panel == "UAR test2"]
    assert own.value[own.source == "chance"].tolist() == pytest.approx([1 / 3])
    kept = pd.read_csv(both.folder / "category_scores.csv").query("partition == 'test2'")
    np.testing.assert_allclose(own.value[own.source == "encoder"], kept.uar)
    nulls = pd.read_csv(both.folder / "category_nulls.csv").query("partition == 'test2' and labels == 'permuted'")
    (low, high) = own[own.source == "permuted"][["low", "high"]].to_numpy()[0]
    assert (low, high) == (nulls.uar.min(), nulls.uar.max())
    paths = figure2(both, tmp_path)
    said = paths[-1].read_text("utf-8")
    assert "guessing" in said and "Brier" in said and "UAR" in said


def test_a_fit_of_names_alone_has_no_table_of_numbers(tmp_path: Path) -> None:
    """Neither scores.csv nor predictions.csv; figure and terminal need neither; learned weights are drawn."""
    corpus, states = planted_layer(PEAK, count=60)
    cache = write_cache(tmp_path / "cache/planted", states, "pooled", audio=list(range(1, 61)))
    short = {"epochs": 2, "permutations": 0, "refits": 0, "class_weights": "balanced", "runs": tmp_path / "runs"}
    record = fit(str(written(corpus, tmp_path / "planted.csv")), None, cache=cache.path, dims="emotion", **short)
    files = {path.name for path in record.folder.iterdir()}
    assert not files & {"scores.csv", "predictions.csv", "nulls.csv"} and set(record.required) < files
    assert record.scores == () and [measured.measure for measured in fit_scores_of(record)] == [UAR]
    assert list(dict.fromkeys(drawn_of(record).panel)) == ["importance", "UAR test2", "weight"]
    assert fitted(record).startswith("UAR, macro-F1, accuracy, mean over 1 seed")
    assert set(drawn_matrix(record).probe) == {"weighted"}
    assert record.options["class_weights"] == "balanced"


@pytest.mark.usefixtures("every_format")
def test_the_confusion_matrix_is_scikit_learns(both: FitRecord, tmp_path: Path) -> None:
    """Of the estimates that stand for the fit; shares are of the true class; CSV and caption stand beside it."""
    drawn = drawn_matrix(both)
    table = pd.read_csv(both.folder / "categories.csv").query("partition == 'test2'")
    expected = confusion_matrix(table.truth, table[f"ridge-layer{PEAK}"], labels=NAMES)
    np.testing.assert_array_equal(drawn["count"].to_numpy().reshape(3, 3), expected)
    np.testing.assert_allclose(drawn.share.to_numpy().reshape(3, 3), expected / expected.sum(1, keepdims=True))
    assert drawn.estimate.tolist()[:3] == NAMES.tolist() and set(drawn.partition) == {"test2"}
    paths = figure_confusion(both, tmp_path, name="mine")
    assert paths[0].name == "confusion-mine.pdf"
    assert [path.suffix for path in paths] == [".pdf", ".png", ".svg", ".csv", ".md"]
    assert f"ridge, layer {PEAK}" in paths[-1].read_text("utf-8")


@pytest.mark.usefixtures("every_format")
def test_nothing_of_a_confusion_matrix_is_cut_off(both: FitRecord, tmp_path: Path) -> None:
    """The outermost dots of the picture are white on every side: no title or label reaches beyond it."""
    picture = mpl.image.imread(figure_confusion(both, tmp_path)[1])[..., :3]
    for side in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (side == 1).all()


@pytest.mark.parametrize("category", [None, "accent"])
def test_without_a_category_there_is_no_matrix(category: str | None, both: FitRecord, tmp_path: Path) -> None:
    """A run of dimensions alone, or one of other categories, is refused."""
    record = both if category else write_fit(tmp_path)
    with pytest.raises(RunError) as caught:
        drawn_matrix(record, category)
    assert caught.value.code == "no-category"


def test_a_fit_of_dimensions_alone_is_told_as_before(tmp_path: Path) -> None:
    """Its configuration says nothing of classes, so that its signature is that of earlier versions."""
    corpus, states = planted_layer(PEAK, count=60)
    cache = write_cache(tmp_path / "cache/planted", states, "pooled", audio=list(range(1, 61)))
    table = written(corpus, tmp_path / "planted.csv")
    record = fit(str(table), None, cache=cache.path, dims="arousal", head="ridge", permutations=0, runs=tmp_path)
    assert "class_weights" not in record.options and record.category_scores == ()
    with pytest.raises(OptionError) as caught:
        fit(str(table), None, cache=cache.path, dims="arousal", class_weights="balanced", runs=tmp_path)
    assert caught.value.code == "no-effect"
    assert drawn_of(record).layer.nunique() == N_LAYERS


def test_an_atlas_has_the_recall_of_a_category(both: FitRecord) -> None:
    """Of the recommended layer, in a column beside the CCC of dimensions."""
    rows = {row["dimension"]: row for row in table_of(charted([both], both.folder.parent)).to_dict("records")}
    kept = pd.read_csv(both.folder / "category_scores.csv").query(f"partition == 'test2' and layer == {PEAK}")
    assert rows["emotion"]["best_layer"] == PEAK and rows["emotion"]["test2_uar"] == kept.uar.item()
    assert np.isnan(rows["emotion"]["test2_ccc"]) and np.isfinite(rows["arousal"]["test2_ccc"])
