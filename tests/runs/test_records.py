"""Records say what a run is, and whether two runs are on one corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from builders import entry_of, write_evaluation, write_fit, write_run

from probing.corpus.identity import Identity
from probing.encoders.spec import EncoderSpec
from probing.runs.records import Record


def test_a_record_is_named_by_what_it_ran(tmp_path: Path) -> None:
    """The encoder of a fit, the system of a training and of its evaluations."""
    run = write_run(tmp_path, "large", "words")
    assert run.title == write_evaluation(run, "other").title == "large+words"
    assert write_fit(tmp_path, "owner/model").title == "owner/model"


def test_a_record_names_the_files_that_every_run_of_its_kind_has(tmp_path: Path) -> None:
    """Scores and predictions; of a fit its probes, of a training each seed's system."""
    run, fit = write_run(tmp_path, "large", seeds=2), write_fit(tmp_path)
    assert set(fit.required) == {"scores.csv", "predictions.csv", "weights.csv", "probes.safetensors"}
    assert set(write_evaluation(run, "e").required) == {"scores.csv", "predictions.csv"}
    assert {f"seed{seed}/model.safetensors" for seed in (0, 1)} < set(run.required)
    assert set(run.required) <= set(run.files) and set(fit.required) <= set(fit.files)


def test_a_record_s_options_are_those_of_its_configuration(tmp_path: Path) -> None:
    """An evaluation has none."""
    run = write_run(tmp_path, "large", options={"epochs": 7})
    assert run.options["epochs"] == 7
    assert write_evaluation(run, "e").options == {}


def test_an_encoder_in_a_folder_has_its_digest_in_file_names(tmp_path: Path) -> None:
    """Folders share names, hub repositories do not."""
    fit = write_fit(tmp_path, "owner/model")
    assert fit.encoder_file_name == "owner--model"
    weights = str(fit.encoder.identity["weights"])
    local = replace(fit, encoder=replace(fit.encoder, name="model", spec=EncoderSpec("/data/model")))
    assert local.encoder_file_name == f"model-{weights[:8]}"


# One corpus or two


def on(root: Path, folder: str, identity: Identity | None = None, version: int = 2, **changes: object) -> Record:
    """A run on a corpus of some identity."""
    entry = None if identity is None else entry_of("made-up", 240, identity=identity)
    return write_run(root, "large", folder=folder, entry=entry, version=version, **changes)


def test_runs_are_on_one_corpus_if_their_digests_agree(tmp_path: Path) -> None:
    """As far as both were read; the title does not count."""
    whole = Identity("1" * 16, "2" * 16, "3" * 16)
    run = on(tmp_path, "a", whole)
    assert run.same_corpus(on(tmp_path, "b", replace(whole, text=None)))
    assert not run.same_corpus(on(tmp_path, "c", replace(whole, labels="0" * 16)))
    assert not run.same_corpus(on(tmp_path, "d", replace(whole, audio="0" * 16)))
    assert not run.same_corpus(on(tmp_path, "e", replace(whole, text="0" * 16)))


def test_a_run_of_version_1_is_told_apart_by_its_labels_and_title(tmp_path: Path) -> None:
    """All that it knows of its corpus; both ways round."""
    old, new = on(tmp_path, "old", version=1), on(tmp_path, "new")
    other_labels, other_title = on(tmp_path, "labels", n=120), on(tmp_path, "title", corpus="another")
    assert old.corpus.identity is None and old.same_corpus(new) and new.same_corpus(old)
    for other in (other_labels, other_title):
        assert not old.same_corpus(other) and not other.same_corpus(old)


def test_runs_that_know_nothing_of_their_labels_are_never_on_one_corpus(tmp_path: Path) -> None:
    """Evaluations of version 0.1.0, say."""
    run = on(tmp_path, "old", version=1)
    evaluation = write_evaluation(run, "e", version=1)
    assert not evaluation.same_corpus(run) and not evaluation.same_corpus(evaluation)
