"""The probes of a fit on another corpus, against the fit's own estimates; and in `probe predict`, with categories."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from corpora import names_all, refusal

from probing.corpus.spec import CorpusSpec
from probing.errors import CacheError, CorpusError, OptionError, RunError
from probing.extraction.extract import extract
from probing.predict.predictor import open_run
from probing.probes.fit import fit
from probing.runs.folds import Member
from probing.runs.records import FitRecord
from probing.statistics.concordance import ccc
from probing.training.evaluate import evaluate
from probing.training.options import EvaluatePlace

CACHE: dict[str, Any] = {"store": "pooled", "dtype": "float32", "cache": Path("cache")}
TARGETS = ("arousal", "valence", "emotion")


@pytest.fixture(scope="module")
def fitted(places: Path) -> dict[str, FitRecord]:
    """Fits of two dimensions and an emotion on `named.csv`; `other.csv` is split otherwise, with another scale."""
    rows = list(csv.DictReader((places / "table.csv").read_text().splitlines()))
    for row in rows:
        row["emotion"] = "angry" if float(row["arousal"]) > 0.5 else "calm"
    _write(places / "named.csv", rows)
    others = [{**row, "arousal": str(1 + 4 * float(row["arousal"])), "partition": "held-out"} for row in rows[::-1]]
    _write(
        places / "other.csv", [{key: row[key] for key in row if key not in ("valence", "dominance")} for row in others]
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(places)
        extract("named.csv", "hubert", **CACHE)
        how: dict[str, Any] = {
            "dims": TARGETS,
            "permutations": 0,
            "cache": Path("cache"),
            "dtype": "float32",
            "runs": Path("fits"),
        }
        settings = {"weighted": {"seeds": 2, "epochs": 3}, "ridge": {"head": "ridge"}}
        return {name: fit("named.csv", "hubert", **how, **own) for name, own in settings.items()}


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def standing(record: FitRecord, file: str, target: str, kind: str) -> pd.DataFrame:
    """The columns of a fit's own estimates that stand for it, by utterance."""
    table = pd.read_csv(record.folder / file, index_col="id")
    own = table[table[table.columns[2]] == target]
    if kind == "ridge":
        return own[[f"ridge-layer{record.layers[target].best_layer}"]].set_axis(["seed0"], axis=1)
    return own[["weighted-seed0", "weighted-seed1"]].set_axis(["seed0", "seed1"], axis=1)


@pytest.mark.parametrize("kind", ["weighted", "ridge"])
def test_a_fit_s_probes_give_on_another_corpus_what_they_gave_at_first(
    fitted: dict[str, FitRecord], kind: str, places: Path
) -> None:
    """The same recordings, in another order, under another split and scale: the fit's own estimates, and their CCC."""
    extract(CorpusSpec.resolve("other.csv", (1, 5)), "hubert", **CACHE)
    record = evaluate(fitted[kind].folder, CorpusSpec.resolve("other.csv", (1, 5)), allow_leaks=True)
    assert record.folder.parent == fitted[kind].folder / "evaluations" and record.title.startswith("probes on")
    own = standing(fitted[kind], "predictions.csv", "arousal", kind)
    found = pd.read_csv(record.folder / "predictions.csv", index_col="id")
    assert {*found.dimension} == {"arousal"}
    np.testing.assert_allclose(found[own.columns], 1 + 4 * own.loc[found.index], atol=1e-4)
    (score,) = record.scores
    expected = np.mean([ccc(found.truth, found[column]) for column in own])
    assert score.partition == "held-out" and score.ccc == pytest.approx(expected, abs=1e-5)
    classes = pd.read_csv(record.folder / "categories.csv", index_col="id")
    assert (classes[own.columns] == standing(fitted[kind], "categories.csv", "emotion", kind).loc[classes.index]).all(
        None
    )
    assert any("mapped from 0 to 1" in note for note in record.notes)
    assert record.corpus.leaks == ("20 recordings of held-out were learned from (named)",)
    again = evaluate(fitted[kind].folder, CorpusSpec.resolve("other.csv", (1, 5)), allow_leaks=True)
    assert again.date == record.date


def test_a_corpus_without_a_cache_is_refused_with_the_command(fitted: dict[str, FitRecord], places: Path) -> None:
    """What makes it is named: the corpus, the encoder and the store that the probes were fitted on."""
    with pytest.raises(CacheError) as caught:
        evaluate(fitted["ridge"].folder, "table.csv", place=EvaluatePlace(cache=places / "nowhere"))
    assert "probe extract" in caught.value.remedy and "--store pooled" in caught.value.remedy


def test_what_changes_nothing_for_a_fit_is_refused(fitted: dict[str, FitRecord], places: Path) -> None:
    """Noise, since nothing is heard; a run that is neither a fit nor a training, or pools several."""
    with pytest.raises(OptionError) as caught:
        evaluate(fitted["ridge"].folder, snr=10)
    assert caught.value.code == "no-effect"
    pooled = replace(fitted["ridge"], members=(Member(1, "../other", "x"),))
    with pytest.raises(RunError) as refused:
        pooled.demand_single()
    assert refused.value.code == "run-pooled"
    inner = evaluate(fitted["ridge"].folder)
    with pytest.raises(RunError) as refused:
        evaluate(inner.folder)
    assert refused.value.code == "run-kind"


def test_a_fit_is_not_evaluated_on_what_it_learned_from(
    fitted: dict[str, FitRecord], places: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its cache knows that a recording of a test partition was in train; allowed, the record says so.

    Other classes of the same recordings are another evaluation.
    """
    monkeypatch.chdir(places)
    rows = list(csv.DictReader((places / "named.csv").read_text().splitlines()))
    (places / "twin.wav").write_bytes((places / rows[0]["path"]).read_bytes())
    leaking = [*rows[:-1], {**rows[-1], "path": "twin.wav"}]
    _write(places / "leaking.csv", leaking)
    extract("leaking.csv", "hubert", **CACHE)
    how: dict[str, Any] = {"dims": "emotion", "head": "ridge", "permutations": 0, "dtype": "float32"}
    record = fit("leaking.csv", "hubert", allow_leaks=True, cache=Path("cache"), runs=tmp_path, **how)
    with pytest.raises(CorpusError) as caught:
        evaluate(record.folder)
    assert caught.value.code == "leaks"
    allowed = evaluate(record.folder, allow_leaks=True)
    assert allowed.corpus.leaks == record.corpus.leaks == ("1 recording of test2 is also in train or development",)
    other = {"angry": "calm", "calm": "angry"}[rows[20]["emotion"]]
    _write(places / "leaking.csv", [*leaking[:20], {**rows[20], "emotion": other}, *leaking[21:]])
    assert evaluate(record.folder, allow_leaks=True).folder != allowed.folder


def test_recordings_that_a_fit_learned_from_are_known_by_other_names_and_in_other_formats(
    places: Path, tmp_path: Path
) -> None:
    """A copy of the bytes, the same samples as FLAC, one of test1 that is none; then by the cache's checksums alone."""
    rows = list(csv.DictReader((places / "named.csv").read_text().splitlines()))
    _write(places / "mine.csv", rows)
    extract("mine.csv", "hubert", **CACHE)
    how: dict[str, Any] = {"dims": "arousal", "head": "ridge", "permutations": 0, "dtype": "float32"}
    record = fit("mine.csv", "hubert", cache=Path("cache"), runs=tmp_path, **how)
    used = [row for row in rows if row["partition"] == "train"][:2] + [r for r in rows if r["partition"] == "test1"][:1]
    (places / "x.wav").write_bytes((places / used[0]["path"]).read_bytes())
    soundfile.write(places / "y.flac", *soundfile.read(places / used[1]["path"], dtype="int16"))
    (places / "z.wav").write_bytes((places / used[2]["path"]).read_bytes())
    files = ["x.wav", "y.flac", "z.wav"]
    told = [
        {"id": f"n{i}", "path": file, "partition": "test", "speaker": f"q{i}", "arousal": row["arousal"]}
        for i, (file, row) in enumerate(zip(files, used, strict=True))
    ]
    _write(places / "foreign.csv", told)
    extract("foreign.csv", "hubert", **CACHE)
    error = refusal(CorpusError, "leaks", evaluate, record.folder, "foreign.csv")
    assert names_all(error, "2 recordings of test", f"n0 is {used[0]['id']} of mine", f"n1 is {used[1]['id']} of mine")
    assert "n2" not in str(error)
    (places / "mine.csv").unlink()
    error = refusal(CorpusError, "leaks", evaluate, record.folder, "foreign.csv")
    assert names_all(error, "1 recording of test", f"n0 is {used[0]['id']} of mine")
    allowed = evaluate(record.folder, "foreign.csv", allow_leaks=True)
    assert allowed.corpus.leaks == ("1 recording of test was learned from (mine)",)
    _write(places / "apart.csv", [{**told[2], "id": f"m{i}"} for i in range(2)])
    extract("apart.csv", "hubert", **CACHE)
    assert evaluate(record.folder, "apart.csv").corpus.leaks == ()


@pytest.mark.parametrize("kind", ["weighted", "ridge"])
def test_a_recording_gets_the_class_that_the_fit_estimated(
    fitted: dict[str, FitRecord], kind: str, places: Path
) -> None:
    """With probabilities of all classes, which sum to 1, and ratings as before."""
    predictor = open_run(fitted[kind].folder)
    tables = pd.concat([predictor.predict(places / f"{number:02d}.wav") for number in (0, 7, 31)])
    assert list(tables) == ["start", "end", "arousal", "valence", "emotion", "emotion=angry", "emotion=calm"]
    assert list(tables)[2:] == predictor.columns and predictor.drawn == (["arousal", "valence"], (0.0, 1.0))
    np.testing.assert_allclose(tables[["emotion=angry", "emotion=calm"]].sum(axis=1), 1)
    assert (tables.emotion == np.where(tables["emotion=angry"] > 0.5, "angry", "calm")).all()
    rated = standing(fitted[kind], "predictions.csv", "valence", kind).loc[["u00", "u07", "u31"]].mean(axis=1)
    np.testing.assert_allclose(tables.valence, rated, atol=1e-4)
    if kind == "ridge":
        named = standing(fitted[kind], "categories.csv", "emotion", kind).loc[["u00", "u07", "u31"]].seed0
        assert list(tables.emotion) == list(named)
