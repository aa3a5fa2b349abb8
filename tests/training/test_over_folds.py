"""Trainings over all folds are pooled: every utterance is tested once, by the system of its fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from corpora import names_all, refusal
from sklearn.metrics import f1_score, recall_score
from small_systems import QUICK

from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import FitError, RunError
from probing.report.compare import compare
from probing.runs.records import FinetuneRecord
from probing.runs.store import all_records, missing_files, read_kind
from probing.statistics.concordance import ccc
from probing.training import over_folds
from probing.training.evaluate import evaluate
from probing.training.options import FinetunePlace
from probing.training.over_folds import finetune_folds

COUNT, FOLDS = 36, 3
TEXT = "some words"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> CorpusSpec:
    """A table of words without a split, with ratings and classes of nine speakers."""
    path, rng = tmp_path_factory.mktemp("table") / "said.csv", np.random.default_rng(2)
    rows = [
        f"u{i},s{i % 9},{rng.uniform():.3f},{'glad' if rng.uniform() < 0.5 else 'sad'},{TEXT}" for i in range(COUNT)
    ]
    path.write_text("\n".join(["id,speaker,valence,mood,text", *rows]) + "\n")
    return CorpusSpec.resolve(str(path), reading=Reading(split=f"speaker:{FOLDS}"))


def _run(spec: CorpusSpec, **changes: Any) -> FinetuneRecord:
    settings = {"dims": ("valence", "mood"), "max_steps": 1, "evaluate_every": 1, "runs": Path("pooled")}
    record = finetune_folds(spec, "bert", QUICK, FinetunePlace(), **{**settings, **changes})
    assert record is not None
    return record


@pytest.fixture(scope="module")
def pooled(spec: CorpusSpec, places: Path) -> FinetuneRecord:
    """What is left of all folds; for tests that only read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(places)
        return _run(spec)


def test_every_utterance_is_tested_once_by_the_system_of_its_fold(pooled: FinetuneRecord, places: Path) -> None:
    """Estimates are those of the folds' runs, scores are over the whole and, in folds.csv, of each fold."""
    members = [read_kind(places / "pooled" / pooled.folder.name / one.folder, FinetuneRecord) for one in pooled.members]
    folder = places / "pooled" / pooled.folder.name
    table = pd.read_csv(folder / "predictions.csv").set_index("id")
    parts = [pd.read_csv(member.folder / "predictions.csv") for member in members]
    own = pd.concat([part[part.partition == "test2"] for part in parts]).set_index("id").reindex(table.index)
    pd.testing.assert_frame_equal(table, own, atol=1e-6)
    assert len(table) == COUNT and table.index.is_unique
    scores = pd.read_csv(folder / "scores.csv").set_index("seed")
    assert scores.ccc[0] == pytest.approx(float(ccc(table.truth, table.seed0)), abs=1e-6)
    named = pd.read_csv(folder / "categories.csv")
    classes = pd.read_csv(folder / "category_scores.csv").set_index("seed")
    assert classes.uar[0] == pytest.approx(recall_score(named.truth, named.seed0, average="macro"), abs=1e-6)
    assert classes.macro_f1[0] == pytest.approx(f1_score(named.truth, named.seed0, average="macro"), abs=1e-6)
    folds = pd.read_csv(folder / "folds.csv").set_index("fold").ccc
    expected = [part.query("partition == 'test2'") for part in parts]
    assert folds.to_list() == pytest.approx([float(ccc(part.truth, part.seed0)) for part in expected], abs=1e-5)


def test_the_record_stands_for_all_folds(pooled: FinetuneRecord, places: Path) -> None:
    """It names its members, has scores of what they test, and no system."""
    assert [one.fold for one in pooled.members] == [1, 2, 3] and pooled.seeds == (0,)
    again = next(one for one in all_records(places / "pooled") if one.members)
    assert missing_files(again, digests=True) == [] and again.scores == pooled.scores
    assert {score.partition for score in (*pooled.scores, *pooled.category_scores)} == {"test2"}
    assert pooled.corpus.title == "said over 3 folds" and pooled.corpus.spec.fold is None
    assert pooled.corpus.utterances == {"test2": COUNT}
    refusal(RunError, "run-pooled", evaluate, again.folder)


def test_what_has_ended_is_not_trained_again(
    pooled: FinetuneRecord, spec: CorpusSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a loop that ended every fold is read back, and so is the pooled run."""
    trained = []
    monkeypatch.setattr("probing.training.finetune.train", lambda *args: trained.append(args))
    assert _run(spec).folder.name == pooled.folder.name and not trained


def test_a_name_is_that_of_each_fold(spec: CorpusSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds have folders of their own, and each is told which fold it is."""
    asked: list[tuple[int | None, str | None]] = []
    monkeypatch.setattr(
        over_folds, "finetune", lambda one, system, options, place: asked.append((one.fold, place.name))
    )
    assert finetune_folds(spec, "bert", name="mine") is None  # as in all but the first of several processes
    assert asked == [(1, "mine-fold1"), (2, "mine-fold2"), (3, "mine-fold3")]


def test_pooled_trainings_are_compared(pooled: FinetuneRecord, places: Path, tmp_path: Path) -> None:
    """On what all folds test, as any other."""
    found = compare([places / "pooled" / pooled.folder.name], tmp_path)
    table = found.table1[found.table1.dimension == "valence"]
    assert set(table.partition) == {"test2"}
    assert "said over 3 folds" in found.texts[next(name for name in found.texts if name.startswith("table1"))]


def test_a_fold_that_cannot_be_trained_stops_the_loop_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A speaker of one utterance makes a development partition that has no score; the fold is named."""
    path = tmp_path / "said.csv"
    rows = [f"u{i},s{i % 4},0.{i},{TEXT}" for i in range(8)]
    path.write_text("\n".join(["id,speaker,valence,text", *rows, f"u9,s9,0.5,{TEXT}"]) + "\n")
    alone = CorpusSpec.resolve(str(path), reading=Reading(split="leave-one-speaker-out"))
    monkeypatch.setattr(over_folds, "finetune", lambda *args: pytest.fail("a fold is trained"))
    error = refusal(FitError, "too-few", finetune_folds, alone, "bert", runs=tmp_path, dims=("valence",))
    assert names_all(error, "said fold 4", "development", "--split speaker:5")
