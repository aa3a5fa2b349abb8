"""Fine-tuning: what a run leaves, when it is finished, what is made again, and what frozen parts save."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from small_systems import as_version_1, contents, same_weights, trained

from probing.audio.decode import load
from probing.corpus.opening import open_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError, EncoderError, FitError, OptionError, ProbingError, RunError
from probing.extraction.extract import extract
from probing.files import sealed
from probing.predict.estimators import open_trained
from probing.runs.records import FinetuneRecord
from probing.runs.store import SEAL, missing_files, read_record
from probing.statistics.concordance import ccc
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training import finetune as module
from probing.training.resume import sole_writer


@pytest.fixture(scope="module")
def finished(places: Path) -> FinetuneRecord:
    """A run of two encoders and two seeds; read only."""
    with chdir(places):
        return trained("hubert+bert", "whole", seeds=2)


@pytest.fixture
def copied(finished: FinetuneRecord) -> Callable[[str], FinetuneRecord]:
    """A function that copies it to a name, for what changes it."""
    return lambda name: read_record(Path(shutil.copytree(finished.folder, finished.folder.with_name(name))))


# --- what a run leaves


def test_a_run_leaves_a_system_that_gives_its_predictions(places: Path, finished: FinetuneRecord) -> None:
    """Three lines of Python give what predictions.csv says, and its CCC is that of scores.csv and of the record."""
    from probing import load

    folder = places / "runs/whole"
    system, processor = EmotionSystem.from_pretrained(folder / "seed1"), Processor.from_pretrained(folder / "seed1")
    found = pd.read_csv(folder / "predictions.csv").query("dimension == 'valence'").reset_index(drop=True)
    with torch.no_grad():
        estimates = system(**processor([load(places / "30.wav")], ["some words"])).logits[0]
    row = found[found.id == "u30"].iloc[0]
    assert row.seed1 == pytest.approx(float(estimates[1]), abs=1e-5) and row.seed0 != row.seed1
    scores = pd.read_csv(folder / "scores.csv").query("dimension == 'valence' and partition == 'test1' and seed == 1")
    own = found[found.partition == "test1"]
    assert scores.ccc.item() == pytest.approx(float(ccc(own.truth, own.seed1)), abs=1e-6)
    assert finished == read_record(Path("runs/whole")) and finished.system.modality == "audio+text"
    assert finished.seeds == (0, 1) and [one["seed"] for one in finished.trainings] == [0, 1]
    assert not list(folder.glob(".seed*"))


def test_a_record_names_every_file_but_the_cards(finished: FinetuneRecord) -> None:
    """Users edit those."""
    there = {str(path.relative_to(finished.folder)) for path in finished.folder.rglob("*") if path.is_file()}
    cards = {"README.md", "seed0/README.md", "seed1/README.md"}
    assert finished.files is not None and there - {*finished.files} == {"record.json", *cards}
    assert not missing_files(finished, digests=True)


def test_a_record_s_paths_hold_from_every_directory(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the corpus, its transcripts, and the encoders."""
    pd.DataFrame({"id": pd.read_csv("table.csv").id, "text": "words"}).to_csv("words.csv", index=False)
    record = trained("bert", "absolute", CorpusSpec.resolve("table.csv", transcripts="words.csv"))
    assert record.corpus.spec.source == str(places / "table.csv")
    assert record.corpus.spec.transcripts == record.words.file == str(places / "words.csv")
    assert record.system.spec == (str(places / "bert"),)


# --- a finished run


def test_a_finished_run_is_not_made_again(
    places: Path, copied: Callable[[str], FinetuneRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is returned; nothing is computed, and no file is touched, whatever its owner has put beside them."""
    first = copied("again")
    (first.folder / "README.md").write_text("mine")
    before = contents(places / "runs/again")
    monkeypatch.setattr(module, "train", lambda *_: pytest.fail("it was trained"))
    monkeypatch.setattr(module, "estimates", lambda *_: pytest.fail("it was scored"))
    for seeds in (2, 1):
        assert trained("hubert+bert", "again", seeds=seeds) == first
    assert contents(places / "runs/again") == before and not (places / "runs/.again.lock").exists()


def test_more_seeds_are_added(places: Path) -> None:
    """Only the new ones are trained, and the record is written anew, of all of them."""
    first = trained("bert", "more", data_licence="CC0-1.0")
    before = contents(places / "runs/more/seed0")["model.safetensors"]
    record = trained("bert", "more", seeds=2)
    assert contents(places / "runs/more/seed0")["model.safetensors"] == before
    assert record.seeds == (0, 1) and record.signature == first.signature and record.data_licence == "CC0-1.0"
    assert not same_weights(places / "runs/more/seed0", places / "runs/more/seed1")
    assert trained("bert", "more") == record  # fewer seeds than it has


@pytest.mark.parametrize("version", [1, 2])
def test_a_seed_whose_weights_are_gone_is_trained_again_and_no_other(
    places: Path, version: int, copied: Callable[[str], FinetuneRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes out as it was, the rest is not touched; also a run of version 0.1.0 is mended."""
    name = f"mended-{version}"
    first = copied(name)
    if version == 1:
        as_version_1(first)
    kept = shutil.copytree(first.folder / "seed1", places / f"kept-{version}")
    before = contents(first.folder / "seed0")["model.safetensors"]
    (first.folder / "seed1/model.safetensors").unlink()
    record = trained("hubert+bert", name)  # with fewer seeds than the run has
    assert "seed1/model.safetensors" in capsys.readouterr().err
    assert record.seeds == (0, 1) and record.scores == first.scores and not missing_files(record, digests=True)
    assert same_weights(record.folder / "seed1", kept)
    assert contents(first.folder / "seed0")["model.safetensors"] == before


def test_tables_that_are_damaged_are_written_again_without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the trained systems."""
    first = trained("bert", "tables")
    (first.folder / "predictions.csv").write_text("id\n")
    (first.folder / "scores.csv").unlink()
    monkeypatch.setattr(module, "train", lambda *_: pytest.fail("it was trained"))
    record = trained("bert", "tables")
    assert record.files == first.files and record.scores == first.scores


def test_a_run_of_version_0_1_0_is_finished_and_stays_as_it_is(
    places: Path, copied: Callable[[str], FinetuneRecord]
) -> None:
    """It is shown as one without digests."""
    first = copied("old")
    as_version_1(first)
    before = contents(places / "runs/old")
    record = trained("hubert+bert", "old", seeds=2)
    assert (record.version, record.files, record.corpus.identity) == (1, None, None)
    assert record.scores == first.scores and record.seeds == (0, 1)
    assert contents(places / "runs/old") == before


def test_a_finished_run_stays_so_when_its_latents_are_gone(places: Path) -> None:
    """A cache may be deleted at any time; only what is still to be trained depends on it."""
    extract("table.csv", "hubert", store="latents", cache=Path("lost"))
    first = trained("hubert", "latent", cache=Path("lost"))
    assert first.configuration["latents"] is not None
    shutil.rmtree("lost")
    assert trained("hubert", "latent", cache=Path("lost")) == first
    with pytest.raises(RunError) as caught:
        trained("hubert", "latent", cache=Path("lost"), seeds=2)
    assert caught.value.code == "run-other-configuration" and "latents" in caught.value.why


def test_a_licence_stated_later_is_put_on_the_cards_and_into_the_record(places: Path) -> None:
    """Nothing else is written, and not while another process writes the run."""
    first = trained("bert", "licensed")
    before = contents(places / "runs/licensed")
    with sole_writer(places / "runs/licensed"), pytest.raises(RunError) as caught:
        trained("bert", "licensed", data_licence="CC-BY-4.0")
    assert caught.value.code == "run-busy" and contents(places / "runs/licensed") == before
    stated = trained("bert", "licensed", data_licence="CC-BY-4.0")
    assert stated == replace(first, data_licence="CC-BY-4.0") == read_record(Path("runs/licensed"))
    after = contents(places / "runs/licensed")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"README.md", "seed0/README.md", "record.json"}
    assert trained("bert", "licensed") == trained("bert", "licensed", data_licence="CC-BY-4.0") == stated
    assert contents(places / "runs/licensed") == after


def test_another_configuration_is_refused_and_named(places: Path) -> None:
    """What differs is named as it is typed, and the run stays as it was."""
    trained("bert", "mine")
    before = contents(places / "runs/mine")
    for system, changes, said in (
        ("bert", {"patience": 9, "dropout": 0.3}, ("--patience was 5, is now 9", "--dropout was 0.2, is now 0.3")),
        ("hubert", {}, ("system was bert, is now hubert",)),
    ):
        with pytest.raises(RunError) as caught:
            trained(system, "mine", **changes)
        assert caught.value.code == "run-other-configuration" and "--name" in caught.value.remedy
        assert all(part in caught.value.why for part in said)
    assert contents(places / "runs/mine") == before


def test_two_tables_of_one_name_are_two_runs(places: Path) -> None:
    """`labels.csv` is everybody's name."""
    frame = pd.read_csv("table.csv")
    frame["path"] = [str(places / name) for name in frame.path]
    records = []
    for place, ratings in (("a", frame.arousal), ("b", 1 - frame.arousal)):
        (places / place).mkdir()
        frame.assign(arousal=ratings).to_csv(places / place / "labels.csv", index=False)
        records.append(trained("bert", None, f"{place}/labels.csv"))
    assert records[0].folder != records[1].folder and not records[0].same_corpus(records[1])
    assert all(record.folder.name.startswith("finetune-labels-") for record in records)


def test_a_run_that_is_being_made_is_not_made_twice(places: Path) -> None:
    """The second process is refused at once; it has written nothing."""
    with sole_writer(places / "runs/busy"), pytest.raises(RunError) as caught:
        trained("bert", "busy")
    assert caught.value.code == "run-busy" and not (places / "runs/busy").exists()


def test_a_run_that_another_process_has_finished_meanwhile_is_read(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets the claim later computes and writes nothing."""
    made: list[Any] = []

    @contextmanager
    def after_another(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(module, "sole_writer", sole_writer)
        made.append(trained("bert", "raced"))
        for name in ("train", "estimates", "fed_for_training"):
            monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("it was made again"))
        made.append(contents(places / "runs/raced"))
        with sole_writer(folder):
            yield

    monkeypatch.setattr(module, "sole_writer", after_another)
    assert trained("bert", "raced") == made[0]
    assert contents(places / "runs/raced") == made[1]


def test_half_a_configuration_does_not_spoil_a_name_for_ever(places: Path) -> None:
    """A kill while it was written leaves a file that is nobody's."""
    (places / "runs/begun").mkdir(parents=True)
    (places / "runs/begun/configuration.json.partial").write_text('{"sys')
    assert trained("bert", "begun").seeds == (0,)


@pytest.mark.slow
def test_several_processes_train_one_system(places: Path) -> None:
    """Under torchrun one of them writes and prints; and when it has finished, the same command prints it again."""
    words = "-m probing finetune table.csv --system hubert --batch 4 --max-steps 4 --evaluate-every 2 --name shared"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *words.split()]
    for _ in range(2):
        ran = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.count("runs/shared/record.json") == 1
        (note,) = [note for note in read_record(places / "runs/shared").notes if "processes" in note]
        assert "2 processes: each step's CCC is over 4 utterances on each of them" in note


# --- what is frozen is computed once


@pytest.mark.parametrize("steps", [12, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("dtype", "lr"), [("float32", 2e-4), ("float16", 1e-5)])
def test_latents_give_the_losses_of_waveforms(
    dtype: str, lr: float, steps: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over 50 steps without dropout the losses agree to 1e-4, rounded to float16 at the paper's rate."""
    cache = tmp_path / "cache"
    how: dict[str, Any] = {"lr": lr, "max_steps": steps, "evaluate_every": 1, "patience": 99, "dropout": 0.0}
    how["runs"] = tmp_path
    plain = trained("w2v2", f"{dtype}-plain", cache=cache, **how)
    assert f"probe extract table.csv --encoder w2v2 --store latents --cache {cache}" in capsys.readouterr().err
    extract("table.csv", "w2v2", store="latents", dtype=dtype, cache=cache)
    cached = trained("w2v2", f"{dtype}-cached", cache=cache, **how)
    assert "s per step" in capsys.readouterr().err
    losses = [pd.read_csv(record.folder / "seed0/history.csv").loss.dropna() for record in (plain, cached)]
    assert len(losses[0]) == steps
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-4)
    assert plain.configuration["latents"] is None and cached.configuration["latents"] is not None
    without = trained("w2v2", f"{dtype}-without", cache=cache, latents=False, **how)
    assert same_weights(without.folder / "seed0", plain.folder / "seed0")


def test_a_frozen_system_trains_its_head_alone_on_vectors_computed_once(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FT⇒FRZ: the audio encoder is that of the same seed of the fine-tuned run, the text encoder as it came."""
    trained("hubert", "tuned", seeds=2)
    calls = []
    pool = EmotionSystem.pool
    monkeypatch.setattr(EmotionSystem, "pool", lambda self, *a, **k: calls.append(1) or pool(self, *a, **k))
    record = trained("hubert+bert", "frozen", seeds=2, freeze="audio,text", init=(("audio", "runs/tuned"),))
    assert len(calls) == 8 * 2 * 2  # 32 utterances in 8 batches, once to train and once to predict, for two seeds
    for seed in ("seed0", "seed1"):
        tuned, frozen = (load_file(places / "runs" / name / seed / "model.safetensors") for name in ("tuned", "frozen"))
        assert all(torch.equal(frozen[key], value) for key, value in tuned.items() if key.startswith("audio."))
        text = load_file(places / "bert/model.safetensors")
        assert all(torch.equal(value, text[key[5:]]) for key, value in frozen.items() if key.startswith("text."))
    assert record.system.regime == "FT⇒FRZ" and record.system.trainable == 32 * 64 + 32 + 3 * 32 + 3


def test_seeds_of_one_frozen_system_share_its_vectors(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over the corpus, to train and to predict with both; estimates are those of the saved systems."""
    calls, pool = [], EmotionSystem.pool
    with monkeypatch.context() as counted:
        counted.setattr(EmotionSystem, "pool", lambda self, *a, **k: calls.append(1) or pool(self, *a, **k))
        record = trained("hubert+bert", "shared", seeds=2, freeze="audio,text")
    assert len(calls) == 8
    corpus = open_corpus("table.csv")
    sounds, texts = zip(*((load(u.path), u.text or "") for u in corpus.utterances), strict=True)
    expected = open_trained(record, "cpu").estimate(list(sounds), list(texts))
    written = pd.read_csv(record.folder / "predictions.csv")
    for k, dimension in enumerate(record.system.dimensions):
        own = written[written.dimension == dimension].set_index("id").loc[[u.id for u in corpus.utterances]]
        assert own[["seed0", "seed1"]].mean(axis=1).to_numpy() == pytest.approx(expected[:, k], abs=1e-5)


def test_a_head_of_an_earlier_default_rate_is_another_run(places: Path) -> None:
    """Version 0.1.0 left ten times the rate unsaid: it is named, and whoever types it finds the run."""
    record = trained("bert", "head", freeze="text", lr=2.4e-3)
    content = json.loads((record.folder / "record.json").read_text())
    content["configuration"]["options"]["lr"] = None
    (record.folder / "record.json").write_text(json.dumps(sealed(content, SEAL)))
    before = contents(record.folder)
    with pytest.raises(RunError) as caught:
        trained("bert", "head", freeze="text", lr=None)
    assert caught.value.code == "run-other-configuration" and "--lr was 0.0024, is now 0.00024" in caught.value.why
    assert trained("bert", "head", freeze="text", lr=2.4e-3).seeds == (0,) and contents(record.folder) == before


def test_a_training_that_ends_too_early_says_so() -> None:
    """Its best state on development is its last one; a training that stopped by itself says nothing."""
    last = trained("bert", "short", max_steps=1, evaluate_every=1)
    assert any("seed 0" in note and "--epochs" in note for note in last.notes)
    stopped = trained("bert", "stopped", max_steps=60, evaluate_every=1, patience=1, lr=0.5)
    assert stopped.trainings[0]["best_step"] < stopped.trainings[0]["steps"]
    assert not any("--epochs" in note for note in stopped.notes)


# --- words and controls


def test_words_in_place_of_a_corpus_s_own_are_remembered() -> None:
    """A run on damaged words is another run, and its record says how damaged they are."""
    record = trained("bert", None, CorpusSpec.resolve("table.csv", corrupt_words=1))
    assert record.folder.name.endswith("-corrupted-1") and record.words.rate == 1
    assert 0.5 < record.words.wer["test1"]["wer"] <= 1
    with pytest.raises(OptionError) as caught:
        trained("hubert", None, CorpusSpec.resolve("table.csv", corrupt_words=0.5))
    assert caught.value.code == "no-effect"


def test_a_shuffled_control_says_so() -> None:
    """Its record and its notes do, and its truth stays the truth."""
    record = trained("bert", None, shuffled=True)
    assert record.shuffled and record.folder.name.endswith("-shuffled")
    assert any(note.startswith("control") for note in record.notes)
    truth = pd.read_csv(record.folder / "predictions.csv").query("dimension == 'arousal'").set_index("id").truth
    assert truth["u00"] == pytest.approx(open_corpus("table.csv").utterances[0].labels["arousal"])


def test_long_transcripts_are_truncated_only_if_told_so(places: Path) -> None:
    """Else they are counted and named; a table without texts stops a system that takes them before any work."""
    frame = pd.read_csv("table.csv")
    frame["path"] = [str(places / name) for name in frame.path]
    frame.drop(columns="text").to_csv("mute.csv", index=False)
    with pytest.raises(CorpusError) as caught:
        trained("hubert+bert", None, "mute.csv")
    assert "32" in str(caught.value)
    frame.assign(text=[("some words " * 40 if row % 8 == 0 else "words") for row in range(32)]).to_csv(
        "long.csv", index=False
    )
    with pytest.raises(CorpusError) as caught:
        trained("bert", None, "long.csv")
    assert caught.value.code == "transcript-too-long" and "u00, u08, u16, u24" in caught.value.what
    record = trained("bert", None, "long.csv", truncate_text=True)
    assert record.truncated == 4 and any(note.startswith("4 transcripts") for note in record.notes)


# --- errors


@pytest.mark.parametrize(
    ("system", "changes", "kind", "code"),
    [
        ("hubert+bert+bert", {}, EncoderError, "system-name"),
        ("hubert+hubert", {}, EncoderError, "system-kinds"),
        ("hubert", {"freeze": "text"}, EncoderError, "freeze-absent"),
        ("bert", {"init": (("text", "nowhere"),)}, EncoderError, "init"),
        ("hubert", {"precision": "bf16"}, FitError, "precision"),
        ("hubert", {"device": "cuda:99"}, EncoderError, "device"),
        ("bert", {"dims": ("joy",)}, CorpusError, None),
    ],
)
def test_a_mistake_is_refused_before_any_work(
    places: Path, system: str, changes: dict[str, Any], kind: type[ProbingError], code: str | None
) -> None:
    """No folder is left behind."""
    with pytest.raises(kind) as caught:
        trained(system, "refused", **changes)
    assert code is None or caught.value.code == code
    assert not (places / "runs/refused").exists()


def test_a_corpus_without_ratings_cannot_be_learned(places: Path) -> None:
    """Nor one without a development partition."""
    frame = pd.read_csv("table.csv").drop(columns="path")
    frame.drop(columns=["arousal", "valence", "dominance"]).to_csv("unrated.csv", index=False)
    frame[frame.partition != "development"].to_csv("endless.csv", index=False)
    for table, code in (("unrated.csv", "no-labels"), ("endless.csv", "too-few")):
        with pytest.raises(FitError) as caught:
            trained("bert", None, table)
        assert caught.value.code == code


def test_runs_are_kept_as_json(places: Path) -> None:
    """What settled the numbers can be read without this package."""
    record = trained("bert", "json")
    kept = json.loads((places / "runs/json/configuration.json").read_text("utf-8"))
    assert kept == record.configuration and replace(record, configuration=kept).options["max_steps"] == 7
