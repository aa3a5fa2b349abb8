"""Which runs' scores stand beside what was measured: those named, or the latest of each corpus; corpora stay apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import damaged_words, entry_of, write_evaluation, write_fit, write_run

from probing.bench.operations import Size
from probing.bench.scores import PUBLISHED, scores_of
from probing.bench.subjects import Subject, subjects_of
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError, RunError
from probing.runs.records import FinetuneRecord, Score
from probing.runs.store import write_record

BOTH = Size("large+words", "system", 104_000_000, 1, False, {})
SYSTEM = Subject(system="large+words")


def rewritten(record: FinetuneRecord, month: int) -> FinetuneRecord:
    """A run's record with what opens its system, and another date."""
    system = replace(record.system, spec=("large", "words"))
    changed = replace(record, system=system, date=f"2026-{month:02d}-01T00:00:00")
    return write_record(changed, record.folder, list(record.files or {}))


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, FinetuneRecord]:
    """Runs of one system: on two corpora, an older and a newer one, on frozen encoders, on wrong words, permuted."""
    root, system = tmp_path / "runs", ("large", "words")
    found = {
        "old": write_run(root, *system, folder="old", noise=0.4),
        "new": write_run(root, *system, folder="new", noise=0.2),
        "frozen": write_run(root, *system, "FT⇒FRZ", folder="frozen"),
        "wrong": write_run(root, *system, folder="wrong", words=damaged_words(0.2)),
        "shuffled": write_run(root, *system, folder="shuffled", shuffled=True),
        "demo": write_run(root, *system, folder="demo", noise=0.1, corpus="demo", entry=entry_of("demo", 240)),
    }
    return {name: rewritten(record, month + 1) for month, (name, record) in enumerate(found.items())}


def test_the_latest_run_of_each_corpus_counts(runs: dict[str, FinetuneRecord]) -> None:
    """Test partitions alone; the built-in world is called synthetic, and its numbers are a corpus of their own."""
    found = scores_of([(SYSTEM, BOTH)], runs["old"].folder.parent)
    by_file = dict(list(found.groupby("file")))
    assert len(by_file) == 2 and set(found.partition) == {"test1", "test2"} and set(found.source) == {"measured"}
    for record in (runs["new"], runs["demo"]):
        own = by_file[record.corpus.file_name].set_index(["dimension", "partition"])
        expected = {(s.dimension, s.partition): (s.ccc, s.low) for s in record.scores if s.partition != "development"}
        assert {key: (own.ccc[key], own.low[key]) for key in own.index} == expected
    assert by_file["demo"].corpus.unique() == ["the built-in world (synthetic speech)"]


def test_runs_that_are_named_count_alone(runs: dict[str, FinetuneRecord]) -> None:
    """Also older ones and controls, each under a name that tells it from the others."""
    named = [runs[name] for name in ("old", "frozen", "wrong")]
    found = scores_of([(replace(SYSTEM, records=tuple(named)), BOTH)], runs["old"].folder.parent)
    assert len(set(found.run)) == 3 and set(found.subject) == {"large+words"}
    assert set(found.file) == {named[0].corpus.file_name}


def test_runs_of_another_folder_of_that_name_do_not_count(runs: dict[str, FinetuneRecord]) -> None:
    """Only those whose system is opened by the same names, and heard windows as long."""
    root = runs["old"].folder.parent
    assert not scores_of([(Subject(system="words+large"), BOTH)], root).empty
    for other in (Subject(system="elsewhere/large+words"), replace(SYSTEM, window=6.0), Subject(EncoderSpec("large"))):
        assert scores_of([(other, BOTH)], root).empty


def test_an_encoder_has_the_scores_of_its_probes(tmp_path: Path) -> None:
    """Of those that stand for the fit, the weighted sums: not of the best layer beside them."""
    scores = [Score("valence", "test2", 0.4, probe="weighted"), Score("valence", "test2", 0.9, probe="best layer: 3")]
    write_fit(tmp_path, "large", scores=tuple(scores))
    found = scores_of([(Subject(EncoderSpec("large")), replace(BOTH, name="large", kind="encoder"))], tmp_path)
    assert list(found.ccc) == [0.4] and list(found.run) == ["probes on large"]
    assert scores_of([(Subject(EncoderSpec("large", layers=3)), BOTH)], tmp_path).empty


def test_published_scores_are_of_the_paper_s_systems_alone(tmp_path: Path) -> None:
    """Marked as published and on its release; not of an encoder alone, nor of a folder of that name."""
    subjects = [Subject(system="hubert-base"), Subject(system="distilhubert+tinybert"), Subject(system="./hubert-base")]
    subjects.append(Subject(EncoderSpec("hubert-base")))
    sizes = [replace(BOTH, name=name) for name in ("alone", "both", "a folder", "encoder")]
    found = scores_of(list(zip(subjects, sizes, strict=True)), tmp_path)
    assert set(found.source) == set(found.file) == {PUBLISHED}
    valence = found[(found.dimension == "valence") & (found.partition == "test2")].set_index("subject").ccc
    assert valence.to_dict() == {"alone": 0.225, "both": 0.333}  # Table 1


def test_runs_of_one_system_are_one_subject(runs: dict[str, FinetuneRecord], tmp_path: Path) -> None:
    """As are an encoder and a fit of it; a run of another kind, and what could mean no encoder, are refused."""
    folders = [str(runs[name].folder) for name in ("old", "new")]
    (one,) = subjects_of([*folders, folders[0]])
    assert one.folder == runs["old"].folder / "seed0" and len(one.records) == 3
    fit = write_fit(tmp_path / "fits", "demo-hubert")
    first, second = subjects_of(["demo-hubert", str(fit.folder), "demo-hubert+demo-tinybert"])
    assert first.records == (fit,) and second.system == "demo-hubert+demo-tinybert"
    assert Subject.from_json(second.to_json()) == second
    evaluation = write_evaluation(runs["old"], "again")
    with pytest.raises(RunError) as kind:
        subjects_of([str(evaluation.folder)])
    assert kind.value.code == "run-kind"
    with pytest.raises(OptionError) as idle:
        subjects_of(folders, window=6.0)
    assert idle.value.code == "no-effect"
