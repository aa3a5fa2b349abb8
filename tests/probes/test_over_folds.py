"""A fit over all folds tests every utterance once: its scores are over the whole, and a killed loop goes on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from corpora import names_all, refusal
from hidden_states import planted_layer, write_cache
from sklearn.metrics import recall_score

from probing.cli.figure import control_commands, figure
from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import CorpusError, FitError, RunError
from probing.extraction.options import CacheOptions
from probing.predict.predictor import open_run
from probing.probes import over_folds
from probing.probes.cost import forecast
from probing.probes.options import FitOptions, FitPlace
from probing.probes.over_folds import fit_folds
from probing.probes.prepared import prepare
from probing.report.figure2 import figure2
from probing.runs.pooling import whole_of
from probing.runs.records import FitRecord
from probing.runs.store import all_records, latest, missing_files, read_record
from probing.statistics.concordance import ccc

FOLDS, COUNT = 3, 63
SHORT: dict[str, Any] = {"dims": ("valence", "mood"), "epochs": 1, "seeds": 2, "permutations": 0, "refits": 1}
World = tuple[CorpusSpec, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The planted world as a table without a split, with a category beside its dimension; and a cache file of it."""
    folder = tmp_path_factory.mktemp("folds")
    corpus, states = planted_layer(2, count=COUNT)
    cache = write_cache(folder / "cache/planted", states, "pooled", audio=list(range(1, COUNT + 1)))
    ratings = [u.labels["valence"] for u in corpus.utterances]
    moods = np.array(["low", "middle", "high"])[np.digitize(ratings, [0.3, 0.6])]
    rows = [f"u{i},s{i % 9},{rating!r},{mood}" for i, (rating, mood) in enumerate(zip(ratings, moods, strict=True))]
    table = folder / "planted.csv"
    table.write_text("\n".join(["id,speaker,valence,mood", *rows]) + "\n")
    return CorpusSpec.resolve(str(table), reading=Reading(split=f"speaker:{FOLDS}")), cache.path


@pytest.fixture(scope="module")
def fitted() -> list[FitRecord]:
    """The folds that were fitted, in turn."""
    return []


@pytest.fixture(scope="module")
def runs(world: World, fitted: list[FitRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs that a loop over all folds has left that was killed after two of them."""
    folder, made = tmp_path_factory.mktemp("runs"), over_folds.make

    def killed(*args: Any) -> FitRecord:
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(made(*args))
        return fitted[-1]

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(over_folds, "make", killed)
        fit_folds(world[0], None, cache=world[1], runs=folder, **SHORT)
    return folder


@pytest.fixture(scope="module")
def pooled(world: World, runs: Path, fitted: list[FitRecord]) -> FitRecord:
    """The fit over all folds that went on from there; for tests that only read it."""
    made = over_folds.make
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(over_folds, "make", lambda *args: fitted.append(made(*args)) or fitted[-1])
        return fit_folds(world[0], None, cache=world[1], runs=runs, **SHORT)


def _members(record: FitRecord) -> list[FitRecord]:
    """The runs of its folds, by their folders."""
    found = [read_record((record.folder / member.folder).resolve()) for member in record.members]
    return [one for one in found if isinstance(one, FitRecord)]


def test_every_utterance_is_tested_once_by_the_run_of_its_fold(pooled: FitRecord) -> None:
    """Estimates are those that the folds' runs wrote of what they test, and the scores are over the whole."""
    table = pd.read_csv(pooled.folder / "predictions.csv").set_index("id")
    assert len(table) == COUNT and table.index.is_unique and set(table.partition) == {"test2"}
    parts = [pd.read_csv(member.folder / "predictions.csv") for member in _members(pooled)]
    own = pd.concat([part[part.partition == "test2"] for part in parts]).set_index("id").reindex(table.index)
    pd.testing.assert_frame_equal(table, own, atol=1e-6)
    scores = pd.read_csv(pooled.folder / "scores.csv")
    for row in scores.itertuples():
        column = f"weighted-seed{row.seed}" if row.kind == "weighted" else f"ridge-layer{row.layer:.0f}"
        assert row.ccc == pytest.approx(float(ccc(table.truth, table[column])), abs=1e-5) and row.n == COUNT
    named = pd.read_csv(pooled.folder / "categories.csv")
    uar = pd.read_csv(pooled.folder / "category_scores.csv").query("kind == 'ridge'").set_index("layer").uar
    expected = {
        layer: recall_score(named.truth, named[f"ridge-layer{layer:.0f}"], average="macro") for layer in uar.index
    }
    assert uar.to_dict() == pytest.approx(expected, abs=1e-6)


def test_each_fold_has_its_own_scores_too(pooled: FitRecord) -> None:
    """They are those of the fold's run on its test partition."""
    folds = pd.read_csv(pooled.folder / "folds.csv")
    assert sorted(set(folds.fold)) == [1, 2, 3]
    for number, member in enumerate(_members(pooled), 1):
        own = pd.read_csv(member.folder / "scores.csv").query("partition == 'test2'")
        found = folds[folds.fold == number]
        np.testing.assert_allclose(found[["ccc", "low", "high"]], own[["ccc", "low", "high"]], atol=1e-4)
        named = pd.read_csv(member.folder / "category_scores.csv").query("partition == 'test2'")
        found = pd.read_csv(pooled.folder / "category_folds.csv").query(f"fold == {number}")
        np.testing.assert_allclose(found[["uar", "macro_f1"]], named[["uar", "macro_f1"]], atol=1e-6)


def test_the_importance_is_that_of_all_speakers_together(pooled: FitRecord) -> None:
    """R² by its definition, of every utterance; it names the planted layer of both targets."""
    table = pd.read_csv(pooled.folder / "crossvalidated.csv").query("dimension == 'valence'")
    assert len(table) == COUNT and set(table.partition) == {"test2"}
    importance = pd.read_csv(pooled.folder / "importance.csv").set_index(["dimension", "layer"]).r2
    r2 = 1 - np.square(table.truth - table.layer2).sum() / np.square(table.truth - table.baseline).sum()
    assert importance["valence", 2] == pytest.approx(r2, abs=1e-5)
    assert [importance[name].idxmax() for name in ("valence", "mood")] == [2, 2]
    assert {name: found.best_layer for name, found in pooled.layers.items()} == {"valence": 2, "mood": 2}


def test_weights_are_those_of_all_folds(pooled: FitRecord) -> None:
    """The mean over folds for each seed, and the refits of every fold."""
    weights = pd.read_csv(pooled.folder / "weights.csv")
    assert weights.refit.dropna().unique().tolist() == [1, 2, 3]
    keys = ["dimension", "seed", "layer"]
    parts = pd.concat([pd.read_csv(member.folder / "weights.csv").query("refit.isna()") for member in _members(pooled)])
    own = weights[weights.refit.isna()].set_index(keys).weight.sort_index()
    pd.testing.assert_series_equal(own, parts.groupby(keys).weight.mean(), atol=1e-6)


def test_the_record_names_its_members(pooled: FitRecord) -> None:
    """By fold, folder and signature; it is whole, and says what it pools, of which corpus."""
    members = _members(pooled)
    assert [(one.fold, one.signature) for one in pooled.members] == [
        (number, member.signature) for number, member in enumerate(members, 1)
    ]
    assert missing_files(pooled, digests=True) == [] and read_record(pooled.folder).members == pooled.members
    assert pooled.corpus.utterances == {"test2": COUNT} and pooled.corpus.clusters["test2"].number == 9
    assert pooled.corpus.spec.fold is None and pooled.corpus.spec.reading.split == "speaker:3"
    assert not any(pooled.same_corpus(member) for member in members)
    assert [member.corpus.title for member in members] == [f"planted fold {number}" for number in (1, 2, 3)]
    assert all(score.partition == "test2" for score in (*pooled.scores, *pooled.category_scores))
    assert "split by speaker:3" in pooled.notes[0] and "all folds, cross-validated" in {
        one.on for one in pooled.findings
    }
    assert not any(note.startswith(("train:", "development:")) for note in pooled.notes)


def test_figure_2_is_drawn_over_all_folds(pooled: FitRecord, tmp_path: Path) -> None:
    """Its caption says so."""
    paths = figure2(pooled, tmp_path)
    said = paths[-1].read_text("utf-8")
    assert "all 3 folds together" in said and "Each of 3 folds tests a part" in said and "2 seeds and 3 folds" in said


@pytest.mark.parametrize("of_a_fold", [True, False])
def test_confusion_is_drawn_over_all_folds(of_a_fold: bool, pooled: FitRecord, tmp_path: Path) -> None:
    """Of the run that pools a fold's, or of the latest one: every utterance is counted once."""
    named = [str(_members(pooled)[0].folder)] if of_a_fold else ["--runs", str(pooled.folder.parent)]
    typed = ["confusion", *named, "--folds", "all", "--name", "mine", "--out", str(tmp_path)]
    figure.main(typed, standalone_mode=False)
    assert pd.read_csv(tmp_path / "confusion-mine.csv")["count"].sum() == COUNT * 2  # seeds


def test_a_loop_that_was_killed_goes_on(
    world: World, pooled: FitRecord, fitted: list[FitRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds that have a run are not fitted again, and what has ended is read back."""
    assert len(fitted) == FOLDS and [one.signature for one in pooled.members] == [one.signature for one in fitted]
    monkeypatch.setattr(over_folds, "make", lambda *args: pytest.fail("it is fitted again"))
    again = fit_folds(world[0], None, cache=world[1], runs=pooled.folder.parent, **SHORT)
    assert (again.folder, again.date) == (pooled.folder, pooled.date)
    assert len(all_records(pooled.folder.parent)) == FOLDS + 1


def test_a_fold_whose_file_has_changed_is_fitted_again(
    world: World, pooled: FitRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file has kept its size; the others are not, and the pooled run is made of whole files."""
    runs, made = tmp_path / "runs", over_folds.make
    shutil.copytree(pooled.folder.parent, runs)
    damaged = runs / _members(pooled)[1].folder.name / "predictions.csv"
    content = bytearray(damaged.read_bytes())
    content[-3] = ord("1") if content[-3] != ord("1") else ord("2")
    damaged.write_bytes(content)
    again: list[FitRecord] = []
    monkeypatch.setattr(over_folds, "make", lambda *args: again.append(made(*args)) or again[-1])
    found = fit_folds(world[0], None, cache=world[1], runs=runs, **SHORT)
    assert [record.corpus.spec.fold for record in again] == [2]
    assert not missing_files(found, digests=True) and all(not missing_files(m, digests=True) for m in _members(found))
    assert found.scores == pooled.scores


def test_a_fold_leads_to_the_run_that_pools_it(pooled: FitRecord, tmp_path: Path) -> None:
    """Which is itself one; a run that nobody pools has none, and controls of a pooled run are over all folds too."""
    member = _members(pooled)[1]
    assert whole_of(member).folder == whole_of(pooled).folder == pooled.folder
    assert latest(FitRecord, pooled.folder.parent, pooled=True).folder == pooled.folder
    assert latest(FitRecord, pooled.folder.parent).folder == pooled.folder  # what `probe figure 2` draws
    alone = replace(member, folder=tmp_path / "runs/alone")
    refusal(RunError, "no-run", whole_of, alone)
    refusal(RunError, "no-run", latest, FitRecord, tmp_path, True)
    encoder = replace(pooled.encoder, spec=EncoderSpec("demo-hubert"))
    commands = control_commands(replace(pooled, encoder=encoder))
    assert [("--folds all" in line, "--fold " in line) for line in commands[:2]] == [(False, False), (True, False)]


def test_a_pooled_run_has_no_weights_of_its_own(pooled: FitRecord) -> None:
    """Whoever would use them is told to name the run of a fold."""
    refusal(RunError, "run-pooled", open_run, pooled.folder)


def test_a_corpus_without_folds_has_none_to_go_through(world: World) -> None:
    """And one fold is not all of them."""
    whole = replace(world[0], reading=Reading())
    assert open_corpus(whole).fold is None
    refusal(CorpusError, "no-folds", fit_folds, whole, None, cache=world[1])
    refusal(CorpusError, "exclusive", fit_folds, replace(world[0], fold=2), None, cache=world[1])


def test_a_fold_that_cannot_be_fitted_stops_the_loop_before_the_first(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, with what to do: speakers whose mood never changes cannot be left out one by one."""
    table, count = tmp_path / "planted.csv", COUNT
    rows = [f"u{i},s{i % 9},{'low' if i % 9 == 4 else ('low', 'high')[i // 9 % 2]}" for i in range(count)]
    table.write_text("\n".join(["id,speaker,mood", *rows]) + "\n")
    spec = CorpusSpec.resolve(str(table), reading=Reading(split="leave-one-speaker-out"))
    monkeypatch.setattr(over_folds, "make", lambda *args: pytest.fail("a fold is fitted"))
    monkeypatch.setattr(over_folds, "prepare", lambda *args: pytest.fail("something is extracted"))
    error = refusal(CorpusError, "folds", fit_folds, spec, None, cache=world[1], runs=tmp_path, dims=("mood",))
    assert names_all(error, "fold 4 of 9", "development", "--split speaker:5")
    refusal(CorpusError, "folds", forecast, spec, None, FitOptions(dims=("mood",)), all_folds=True)
    with pytest.raises(FitError) as caught:
        prepare(replace(spec, fold=4), None, FitOptions(dims=("mood",)), CacheOptions(cache=world[1]), FitPlace())
    assert caught.value.code == "constant-labels" and names_all(caught.value, "planted fold 4", "--split speaker:5")
