"""Runs of version 0.1.0 are read by the same reader; what their records do not say remains unknown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpora import names_all, refusal

from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import RunError
from probing.runs.printing import line
from probing.runs.records import Clusters, EvaluationRecord, FinetuneRecord, FitRecord, Record, Score, SystemEntry
from probing.runs.store import RECORD, all_records, missing_files, read_record

# As version 0.1.0 wrote them (probing/run_fit.py, run_finetune.py and run_evaluate.py of commit 9100665), shortened.
COMMON = {
    "date": "2026-05-01T10:00:00+02:00",
    "seconds": 3.5,
    "versions": {"python": "3.11.7", "probing": "0.1.0"},
    "git": {"commit": "9100665a5ce21d5c7863d91ae929110701749163", "changed": False},
    "machine": {"platform": "Linux", "processors": 2},
}
CORPUS = {
    "name": "labels",
    "title": "labels",
    "spec": "data/labels.csv",
    "scale": [1.0, 7.0],
    "utterances": {"train": 4, "development": 2, "test2": 2},
    "left_out": ["u9"],
}
FIT = COMMON | {
    "command": "fit",
    "typed": "probe fit data/labels.csv --scale 1 7",
    "configuration": {"labels": "0" * 64, "store": "pooled", "options": {"seeds": 2, "dims": ["valence"]}},
    "signature": "22a289d14440b7e6",
    "corpus": CORPUS,
    "encoder": {
        "name": "owner--model",
        "title": "owner/model",
        "identity": {"architecture": {"num_hidden_layers": 12}, "weights": "c77c"},
        "opened": {"name": "owner/model", "revision": "main"},
    },
    "cache": {"path": "cache/labels/owner--model-pooled-ad7f86a8.h5", "store": "pooled", "fingerprint": "ad7f86a8"},
    "device": "cpu",
    "threads": 1,
    "best_layers": {"valence": 11},
    "scores": [
        {
            "dimension": "valence",
            "probe": "weighted",
            "partition": "test2",
            "ccc": 0.5,
            "sd": None,
            "low": None,
            "high": None,
            "n": 2,
        },
        {
            "dimension": "valence",
            "probe": "best layer: 11",
            "partition": "test2",
            "ccc": 0.6,
            "sd": 0.1,
            "low": 0.1,
            "high": 0.9,
            "n": 2,
        },
    ],
    "best_epochs": [7, 9],
    "used": {"hidden": 64, "lr": 0.0012},
    "notes": ["test2: intervals are by utterance where no speaker is named, so they are too narrow"],
}
FINETUNE = COMMON | {
    "command": "finetune",
    "typed": "probe finetune data/labels.csv --scale 1 7 --system a+t",
    "configuration": {"system": "a+t", "labels": "0" * 64, "options": {"lr": None, "freeze": ["audio", "text"]}},
    "signature": "616423fd64fba994",
    "corpus": CORPUS,
    "encoder": {"name": "a+t", "title": "a+t"},
    "system": {
        "name": "a+t",
        "audio": "a",
        "text": "t",
        "modality": "audio+text",
        "parameters": 920979,
        "trainable": 8451,
        "frozen": ["audio", "text"],
        "regime": "FT⇒FRZ",
        "dimensions": ["arousal", "valence"],
        "random": False,
    },
    "seeds": [0, 1],
    "shuffled": True,
    "data_licence": None,
    "device": "cpu",
    "threads": 1,
    "used": {"lr": 0.0004, "bf16": False},
    "transcripts": {"method": "human", "file": None, "asr": None, "parameters": None, "rate": None, "wer": {}},
    "truncated_transcripts": 3,
    "trainings": [{"seed": 0, "steps": 60, "best_step": 60, "best_ccc": 0.56}],
    "scores": [{"dimension": "valence", "partition": "test2", "ccc": 0.5, "sd": 0.1, "low": 0.2, "high": 0.8, "n": 2}],
    "notes": [],
}
HEARD = {
    "method": "corrupted",
    "file": "asr/whisper.csv",
    "sha256": "1" * 64,
    "asr": "whisper-tiny",
    "parameters": 37_760_640,
    "rate": 0.3,
    "wer": {"test2": {"wer": 0.29, "words": 873, "substitutions": 140, "deletions": 72, "insertions": 40}},
    "empty": 1,
    "counted": "jiwer after transformers' English normaliser",
}
EVALUATE = COMMON | {
    "command": "evaluate",
    "typed": "probe evaluate runs/x --corrupt-words 0.3 --snr 10",
    "configuration": {"run": "616423fd64fba994", "corpus": "data/labels.csv", "transcripts": HEARD, "snr": 10.0},
    "signature": "d31c3f3023084922",
    "corpus": CORPUS,
    "encoder": {"name": "a+t", "title": "a+t"},
    "run": "/somewhere/else/runs/x",
    "seeds": [0, 1],
    "transcripts": HEARD,
    "snr": 10.0,
    "device": "cpu",
    "scores": FINETUNE["scores"],
    "notes": [],
}


def write(folder: Path, content: dict[str, Any]) -> Path:
    """A run's folder with a record and nothing else."""
    folder.mkdir(parents=True)
    (folder / RECORD).write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the runs' commands were typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def runs(root: Path) -> dict[str, Record]:
    """A run of each command."""
    run = write(root / "runs" / "x", FINETUNE)
    folders = {"fit": write(root / "runs" / "f", FIT), "finetune": run}
    folders["evaluate"] = write(run / "evaluations" / "labels-snr10", EVALUATE)
    return {name: read_record(folder) for name, folder in folders.items()}


def test_what_every_record_says_is_kept(runs: dict[str, Record], root: Path) -> None:
    """Command, date, versions, signature, scores and notes, word by word."""
    for record, content in ((runs["fit"], FIT), (runs["finetune"], FINETUNE), (runs["evaluate"], EVALUATE)):
        for name in ("command", "typed", "date", "seconds", "versions", "git", "machine", "signature", "configuration"):
            assert getattr(record, name) == content[name]
        assert record.notes == tuple(content["notes"])
        assert record.scores == tuple(Score(**row) for row in content["scores"])
        assert (record.version, record.files, record.corpus.identity) == (1, None, None)


def test_the_corpus_can_be_opened_again(runs: dict[str, Record], root: Path) -> None:
    """By its absolute path and with its scale."""
    corpus = runs["fit"].corpus
    assert corpus.spec == CorpusSpec(str(root / "data/labels.csv"), (1.0, 7.0))
    assert (corpus.name, corpus.title, corpus.scale, corpus.left_out) == ("labels", "labels", (1.0, 7.0), ("u9",))
    assert corpus.utterances == CORPUS["utterances"]
    assert corpus.file_name == "labels"


@pytest.mark.parametrize(
    ("typed", "spec"),
    [
        ("demo", CorpusSpec("demo")),
        ("/d/x.tsv", CorpusSpec("/d/x.tsv", (1.0, 7.0))),
        ("/d/X.CSV", CorpusSpec("/d/X.CSV", (1.0, 7.0))),
        ("iemocap:/d/I --fold 3", CorpusSpec("iemocap:/d/I", None, 3)),
        ("msp-podcast:/d/M", CorpusSpec("msp-podcast:/d/M")),
    ],
)
def test_a_table_keeps_its_scale_and_a_release_its_fold(root: Path, typed: str, spec: CorpusSpec) -> None:
    """Whatever the table's ending; releases know their scales."""
    record = read_record(write(root / "f", FIT | {"corpus": CORPUS | {"spec": typed}}))
    assert record.corpus.spec == spec


def test_a_fit_knows_its_encoder_its_cache_and_its_layers(runs: dict[str, Record]) -> None:
    """The encoder can be opened again, with as many layers."""
    fit = runs["fit"]
    assert isinstance(fit, FitRecord)
    assert fit.encoder.spec == EncoderSpec("owner/model", 12, "main", False)
    assert (fit.encoder.name, fit.encoder.title, fit.encoder.random) == ("owner--model", "owner/model", False)
    assert (fit.cache.store, fit.cache.fingerprint) == ("pooled", "ad7f86a8")
    assert (fit.best_layers, fit.best_epochs, fit.used) == ({"valence": 11}, (7, 9), {"hidden": 64, "lr": 0.0012})
    assert fit.corpus.clusters == {"test2": Clusters("utterance", 2)}


@pytest.mark.parametrize(
    ("changes", "random"),
    [
        ({"name": "demo-hubert@random", "title": "demo-hubert@random"}, True),
        ({"name": "model", "title": "model (random weights)"}, True),
        ({"name": "random-model", "title": "random model"}, False),
    ],
)
def test_random_weights_are_known_by_the_encoder_s_name_or_title(root: Path, changes: Any, random: bool) -> None:
    """As version 0.1.0 said it."""
    record = read_record(write(root / "f", FIT | {"encoder": FIT["encoder"] | changes}))
    assert isinstance(record, FitRecord) and record.encoder.random is random


def test_a_fit_from_a_cache_file_knows_no_encoder_to_open(root: Path) -> None:
    """Only what its cache said."""
    record = read_record(write(root / "f", FIT | {"encoder": FIT["encoder"] | {"opened": None}}))
    assert isinstance(record, FitRecord) and record.encoder.spec is None


def test_an_encoder_in_a_folder_is_found_where_it_was_typed(root: Path) -> None:
    """By its absolute path."""
    (root / "model").mkdir()
    opened = {"name": "model", "revision": None}
    identity = FIT["encoder"]["identity"] | {"convolution": True}
    record = read_record(
        write(root / "f", FIT | {"encoder": FIT["encoder"] | {"opened": opened, "identity": identity}})
    )
    assert isinstance(record, FitRecord)
    assert record.encoder.spec == EncoderSpec(str(root / "model"), 12, None, True)


def test_a_training_knows_its_system_and_its_words(runs: dict[str, Record]) -> None:
    """Parts, parameters, regime, seeds; transcripts that were cut off."""
    run = runs["finetune"]
    assert isinstance(run, FinetuneRecord)
    dims, frozen = ("arousal", "valence"), ("audio", "text")
    assert run.system == SystemEntry("a+t", "a", "t", "audio+text", 920979, 8451, frozen, "FT⇒FRZ", dims)
    assert (run.seeds, run.shuffled, run.truncated, run.data_licence) == ((0, 1), True, 3, None)
    assert run.words.human and run.trainings[0]["best_ccc"] == 0.56


@pytest.mark.parametrize("entry", [None, "absent"])
def test_a_system_without_words_has_the_corpus_own(root: Path, entry: str | None) -> None:
    """Whether the record says null or nothing of transcripts."""
    content = FINETUNE | {"transcripts": None}
    if entry == "absent":
        del content["transcripts"]
    record = read_record(write(root / "x", content))
    assert isinstance(record, FinetuneRecord) and record.words.human


def test_an_evaluation_knows_its_run_s_system_its_words_and_its_noise(runs: dict[str, Record], root: Path) -> None:
    """Also where the whole run has been copied elsewhere: it is two folders above, not where it once was."""
    shutil.copytree(root / "runs" / "x", root / "copied")
    for record in (runs["evaluate"], read_record(root / "copied" / "evaluations" / "labels-snr10")):
        assert isinstance(record, EvaluationRecord) and isinstance(runs["finetune"], FinetuneRecord)
        assert (record.folder / record.run / RECORD).is_file()
        assert record.system == runs["finetune"].system
        assert (record.run_signature, record.snr, record.seeds) == ("616423fd64fba994", 10.0, (0, 1))
        words = record.words
        assert (words.method, words.asr, words.rate, words.empty) == ("corrupted", "whisper-tiny", 0.3, 1)
        assert words.wer["test2"]["wer"] == 0.29 and words.sha256 == "1" * 64
        assert record.corpus.spec.corrupt_words == 0.3
        assert record.corpus.spec.transcripts == str(root / "asr/whisper.csv")


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("{"), lambda path: path.write_text("{}")])
def test_an_evaluation_without_its_run_is_told(root: Path, harm: Callable[[Path], Any]) -> None:
    """It is not damaged itself: the run's record is missing or damaged."""
    place = write(write(root / "x", FINETUNE) / "evaluations" / "e", EVALUATE)
    harm(root / "x" / RECORD)
    assert names_all(refusal(RunError, "run-incomplete", read_record, place), str(root / "x" / RECORD))


def test_a_run_is_complete_if_the_files_that_its_command_writes_are_there(runs: dict[str, Record]) -> None:
    """Presence is all that is known."""
    for record in runs.values():
        assert missing_files(record) == list(record.required)
        for name in record.required:
            (record.folder / name).parent.mkdir(exist_ok=True)
            (record.folder / name).touch()
        assert missing_files(record, digests=True) == []
        (record.folder / "predictions.csv").unlink()
        assert missing_files(record) == ["predictions.csv"]


def test_reading_never_writes(runs: dict[str, Record], root: Path) -> None:
    """No record is rewritten in today's form."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert len(all_records(root / "runs")) == 2
    for record in runs.values():
        read_record(record.folder)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_listing_says_that_there_is_no_digest(runs: dict[str, Record]) -> None:
    """So that nobody takes the name for the corpus."""
    assert all("0.1.0" in line(record) for record in runs.values())


@pytest.mark.parametrize("name", ["corpus", "encoder", "configuration", "date"])
def test_a_record_that_lacks_something_is_damaged(root: Path, name: str) -> None:
    """For each command."""
    for content in (FIT, FINETUNE, EVALUATE):
        run = write(root / content["command"], FINETUNE)
        place = write(run / "evaluations" / "e", {key: value for key, value in content.items() if key != name})
        refusal(RunError, "run-damaged", read_record, place)


@pytest.mark.parametrize(
    "changes",
    [
        {"corpus": CORPUS | {"spec": 3}},
        {"corpus": CORPUS | {"spec": "iemocap:/d --fold last"}},
        {"corpus": CORPUS | {"scale": 7}},
        {"corpus": CORPUS | {"scale": [1]}},
        {"corpus": CORPUS | {"utterances": [1]}},
        {"corpus": []},
        {"encoder": "model"},
        {"encoder": {"name": 1, "title": "x"}},
        {"encoder": FIT["encoder"] | {"opened": "model"}},
        {"encoder": FIT["encoder"] | {"identity": []}},
        {"notes": [1]},
        {"notes": None},
        {"scores": [{"dimension": "valence"}]},
        {"cache": {}},
        {"best_epochs": "7"},
    ],
)
def test_a_record_with_a_wrong_type_is_damaged(root: Path, changes: dict[str, Any]) -> None:
    """Never a traceback."""
    refusal(RunError, "run-damaged", read_record, write(root / "f", FIT | changes))
