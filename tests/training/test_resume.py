"""What a run's folder holds: only what is whole counts, and a look writes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_systems import as_version_1, contents, trained

from probing.errors import RunError
from probing.runs.records import FinetuneRecord
from probing.training.resume import (
    There,
    begin,
    demand_same,
    files_of,
    finish_seed,
    look,
    sole_writer,
    trainings,
)

CONFIGURATION = {"system": "a", "weights": {"audio": "12"}, "latents": None, "options": {"lr": 1e-4, "dims": ["v"]}}


@pytest.fixture(scope="session")
def made(bert: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneRecord:
    """A finished run of two seeds, to copy."""
    return trained(str(bert), "it", str(table), seeds=2, runs=tmp_path_factory.mktemp("made"))


@pytest.fixture
def run(made: FinetuneRecord, tmp_path: Path) -> FinetuneRecord:
    """A finished run of two seeds, of its own."""
    return replace(made, folder=Path(shutil.copytree(made.folder, tmp_path / "it")))


def test_a_finished_run_is_known_by_its_record_and_its_files(run: FinetuneRecord) -> None:
    """For as many seeds as it has, or fewer; its README is a user's."""
    (run.folder / "README.md").write_text("mine")
    before = contents(run.folder)
    there = look(run.folder)
    assert there == There(run.configuration, run, (), frozenset({0, 1}))
    assert [there.finished(seeds) for seeds in (1, 2, 3)] == [True, True, False]
    assert contents(run.folder) == before


@pytest.mark.parametrize(
    "name",
    ["seed1/model.safetensors", "seed1/tokenizer.json", "seed1/training.json", "predictions.csv", "configuration.json"],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_missing_file_is_named(run: FinetuneRecord, name: str, version: int) -> None:
    """Of a seed, that seed is not whole; the tables are made again without training."""
    if version == 1:
        as_version_1(run)
    (run.folder / name).unlink()
    there = look(run.folder)
    known = version == 2 or "tokenizer" not in name  # which version 0.1.0 names nowhere
    assert there.damaged == ((name,) if known else ()) and there.finished(2) is not known
    assert there.seeds == ({0} if known and name.startswith("seed1") else {0, 1})


def test_a_changed_file_is_named(run: FinetuneRecord) -> None:
    """Of its size or not."""
    path = run.folder / "seed0/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert look(run.folder).damaged == ("seed0/model.safetensors",)
    path.write_bytes(content[:-8])
    there = look(run.folder)
    assert there.damaged == ("seed0/model.safetensors",) and there.seeds == {1}


def test_weights_of_version_0_1_0_that_are_cut_are_named(run: FinetuneRecord) -> None:
    """There is no digest to compare; the header says how long the file is."""
    as_version_1(run)
    assert look(run.folder).finished(2) and look(run.folder).seeds == {0, 1}
    path = run.folder / "seed1/model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    assert look(run.folder).damaged == ("seed1/model.safetensors",)


def test_seeds_of_a_run_that_has_not_ended_are_known_by_their_own_digests(run: FinetuneRecord) -> None:
    """A run killed between two seeds: the whole one is kept, the half one is not."""
    (run.folder / "record.json").unlink()
    there = look(run.folder)
    assert (there.record, there.configuration, there.seeds) == (None, run.configuration, {0, 1})
    (run.folder / "seed1/config.json").write_text("{}")
    assert look(run.folder).seeds == {0} and not look(run.folder).finished(1)


def test_a_seed_that_was_being_added_does_not_spoil_the_finished_run(run: FinetuneRecord) -> None:
    """The run is finished for the seeds that its record names."""
    (run.folder / "seed2").mkdir()
    there = look(run.folder)
    assert there.finished(2) and not there.finished(3) and there.seeds == {0, 1}


def test_a_record_that_cannot_be_read_is_made_again(run: FinetuneRecord, capsys: pytest.CaptureFixture[str]) -> None:
    """The trained seeds stay; one of a later version is refused, since it may say more."""
    (run.folder / "record.json").write_text('{"command": ')
    there = look(run.folder)
    assert there.record is None and there.seeds == {0, 1} and "record.json" in capsys.readouterr().err
    (run.folder / "record.json").write_text(json.dumps({"command": "finetune", "version": 99}))
    with pytest.raises(RunError) as caught:
        look(run.folder)
    assert caught.value.code == "run-version"


def test_what_has_not_begun_holds_nothing(tmp_path: Path) -> None:
    """No folder, an empty one, and what a kill left of the first file, of this version or of 0.1.0."""
    assert look(tmp_path / "none") == There()
    for name in ("configuration.json.partial", "configuration.json.host-12.partial"):
        (tmp_path / name).write_text('{"sys')
        assert look(tmp_path) == There()


def test_somebody_else_s_folder_is_refused(tmp_path: Path) -> None:
    """Other files, or a configuration that cannot be read."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError) as caught:
        look(tmp_path)
    assert caught.value.code == "run-foreign"
    (tmp_path / "configuration.json").write_text('{"sys')
    with pytest.raises(RunError) as caught:
        look(tmp_path)
    assert caught.value.code == "run-damaged"


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Options are named as they are typed."""
    demand_same(tmp_path, None, CONFIGURATION)
    demand_same(tmp_path, CONFIGURATION, CONFIGURATION)
    changes = {"system": "b", "weights": {"audio": "34"}, "options": {"lr": 1e-3, "dims": ["a"]}}
    with pytest.raises(RunError) as caught:
        demand_same(tmp_path, CONFIGURATION, CONFIGURATION | changes)
    assert caught.value.code == "run-other-configuration"
    for part in ("system was a, is now b", "weights of audio was 12", "--lr was 0.0001, is now 0.001", "--dim was"):
        assert part in caught.value.why
    with pytest.raises(RunError):
        demand_same(tmp_path, CONFIGURATION, CONFIGURATION | {"latents": "56"})


def test_latents_do_not_count_where_they_are_not_named(tmp_path: Path) -> None:
    """A finished run stays finished, whatever has become of the cache since."""
    now = {key: value for key, value in CONFIGURATION.items() if key != "latents"}
    demand_same(tmp_path, CONFIGURATION | {"latents": "56"}, now)


def test_what_version_0_1_0_did_not_record_is_not_held_against_its_runs(tmp_path: Path) -> None:
    """Its finished bf16 run is found again; one of today's with other arithmetic is refused."""
    now = CONFIGURATION | {"arithmetic": {"precision": "bf16", "processes": 1}}
    demand_same(tmp_path, CONFIGURATION, now, unrecorded=("arithmetic",))
    with pytest.raises(RunError) as caught:
        demand_same(tmp_path, CONFIGURATION, now)
    assert caught.value.code == "run-other-configuration"


def test_encoders_taken_from_a_run_are_known_by_their_weights(tmp_path: Path) -> None:
    """The run may have been moved, or be named from another directory."""

    def taken(origin: str) -> dict[str, object]:
        return CONFIGURATION | {"options": {"init": [["audio", origin]]}}

    demand_same(tmp_path, taken("runs/x"), taken("/data/runs/x"))
    with pytest.raises(RunError):
        demand_same(tmp_path, taken("runs/x"), CONFIGURATION | {"options": {"init": []}})


def test_a_run_begins_with_its_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole or not at all; one that is there is not touched, and what is damaged is said."""
    begin(tmp_path / "new", CONFIGURATION, There())
    assert json.loads((tmp_path / "new/configuration.json").read_text()) == CONFIGURATION
    before = contents(tmp_path)
    begin(tmp_path / "new", CONFIGURATION, There(CONFIGURATION, damaged=("seed1/config.json", "scores.csv")))
    assert contents(tmp_path) == before
    said = capsys.readouterr().err
    assert "seed1/config.json" in said and "scores.csv" in said and "trained again: seed1" in said


def test_a_configuration_that_lacks_a_field_is_written_again(tmp_path: Path) -> None:
    """It has the same meaning, and the finished run must have all of it."""
    lacking = {name: value for name, value in CONFIGURATION.items() if name != "latents"}
    (tmp_path / "configuration.json").write_text(json.dumps(lacking))
    there = look(tmp_path)
    demand_same(tmp_path, there.begun_with, CONFIGURATION)
    begin(tmp_path, CONFIGURATION, there)
    assert json.loads((tmp_path / "configuration.json").read_text()) == CONFIGURATION


@pytest.mark.parametrize("name", ["options", "weights"])
def test_a_configuration_of_another_kind_is_damaged(tmp_path: Path, name: str) -> None:
    """It is nobody's who may resume it."""
    (tmp_path / "configuration.json").write_text(json.dumps({**CONFIGURATION, name: "../x"}))
    with pytest.raises(RunError) as caught:
        look(tmp_path)
    assert caught.value.code == "run-damaged"


def test_a_trained_seed_gets_its_name_with_all_of_its_files(tmp_path: Path) -> None:
    """A damaged one in its place is replaced; the record names every file but the card."""
    done, place = tmp_path / ".seed0/done", tmp_path / "seed0"
    for folder in (done, place):
        folder.mkdir(parents=True)
    (place / "old.bin").write_text("damaged")
    (done / "model.bin").write_text("weights")
    finish_seed(done, place, {"seed": 0, "steps": 7})
    (place / "README.md").write_text("a card")
    assert not done.exists() and not (place / "old.bin").exists()
    assert files_of(tmp_path, [0]) == ["seed0/model.bin", "seed0/training.json"]
    assert trainings(tmp_path, [0]) == ({"seed": 0, "steps": 7},)


def test_what_a_killed_process_left_half_written_is_deleted(tmp_path: Path) -> None:
    """By the next one that may write the folder; evaluations, which others may be writing, are left alone."""
    left = ["configuration.json.partial", "scores.csv.host-12.partial", "seed0/README.md.host-12.partial"]
    kept = ["predictions.csv", "seed0/config.json", "evaluations/noisy/scores.csv.host-12.partial"]
    for name in left + kept:
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_text("half")
    with sole_writer(tmp_path / "run"):
        there = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert there == set(kept)


def test_checkpoints_of_a_trained_seed_are_deleted(tmp_path: Path) -> None:
    """A kill came between the seed's last rename and their deletion."""
    for seed in (0, 1):
        (tmp_path / f".seed{seed}/checkpoint-4").mkdir(parents=True)
    begin(tmp_path, CONFIGURATION, There(CONFIGURATION, seeds=frozenset({0})))
    assert not (tmp_path / ".seed0").exists() and (tmp_path / ".seed1/checkpoint-4").exists()


def test_one_process_owns_a_folder_at_a_time(tmp_path: Path, wait_for: Callable[[Path], None]) -> None:
    """Another one is refused at once, and not once the first has died; the lock is no run for a shell's pattern."""
    folder = tmp_path / "run"
    code = (
        "import sys, time; from pathlib import Path; from probing.training.resume import sole_writer\n"
        f"with sole_writer(Path({str(folder)!r})):\n"
        f"    Path({str(tmp_path / 'held')!r}).touch(); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for(tmp_path / "held")
        with pytest.raises(RunError) as caught, sole_writer(folder):
            pytest.fail("two processes own one folder")
        assert caught.value.code == "run-busy"
    finally:
        process.kill()
        process.wait()
    with sole_writer(folder):
        assert not list(tmp_path.glob("run*"))


@pytest.fixture
def wait_for() -> Callable[[Path], None]:
    """A function that waits until a file is there."""

    def wait(path: Path) -> None:
        for _ in range(3000):
            if path.exists():
                return
            time.sleep(0.02)
        raise TimeoutError(path)

    return wait
