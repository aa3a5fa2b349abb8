"""Records of runs: each is read with every field checked, and its run is complete or not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import damaged_words, write_evaluation, write_fit, write_run
from corpora import names_all, refusal

from probing.errors import RunError
from probing.files import sealed
from probing.runs.owned import own_file
from probing.runs.records import VERSION, EvaluationRecord, FinetuneRecord, FitRecord, Record, Score
from probing.runs.store import (
    CONFIGURATION,
    RECORD,
    SEAL,
    all_records,
    amend_record,
    demand_whole,
    git_state,
    latest,
    missing_files,
    provenance,
    read_kind,
    read_record,
    signature,
    write_record,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """A run of each kind."""
    root = tmp_path_factory.mktemp("runs")
    run = write_run(root, "large", "words", seeds=2, words=damaged_words(0.1), data_licence="ours", device="cpu")
    return {
        "fit": write_fit(
            root,
            best_layers={"valence": 3},
            best_epochs=(1, 2),
            used={"lr": 0.1},
            scores=(Score("valence", "test1", 0.5, None, 0.4, 0.6, 9, "weighted"),),
        ),
        "finetune": run,
        "evaluate": write_evaluation(run, "noisy", snr=5.0, words=damaged_words(0.3)),
    }


@pytest.fixture
def copied(runs: dict[str, Record], tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies a run, to be damaged."""

    def copy(kind: str) -> Path:
        root = runs["finetune" if kind == "evaluate" else kind].folder
        place = Path(shutil.copytree(root, tmp_path / root.name))
        return place / runs[kind].folder.relative_to(root)

    return copy


@pytest.fixture
def unsealed(copied: Callable[[str], Path]) -> Callable[[str], Path]:
    """The same without the record's digest of itself, as before version 3: what is wrong is found by its fields."""

    def copy(kind: str) -> Path:
        folder = copied(kind)
        content = json.loads((folder / RECORD).read_text("utf-8"))
        del content[SEAL]
        (folder / RECORD).write_text(json.dumps(content | {"version": 2}, indent=2), "utf-8")
        return folder

    return copy


# Writing


@pytest.mark.parametrize("kind", ["fit", "finetune", "evaluate"])
def test_a_record_is_read_as_it_was_written(runs: dict[str, Record], kind: str, tmp_path: Path) -> None:
    """Every field, with its type; written again it is the same file."""
    record = runs[kind]
    again = read_record(record.folder)
    assert type(again) is type(record) and again == record
    place = Path(shutil.copytree(record.folder, tmp_path / "again"))
    (place / RECORD).unlink()
    written = write_record(again, place, list(again.files or ()))
    assert (place / RECORD).read_bytes() == (record.folder / RECORD).read_bytes()
    assert written == replace(record, folder=place) == read_record(place)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_record_that_could_not_be_read_is_not_written(runs: dict[str, Record], tmp_path: Path, wrong: Any) -> None:
    """A CCC that is no number, say; there is then no finished run."""
    score = replace(runs["fit"].scores[0], ccc=wrong)
    with pytest.raises(ValueError, match=r"JSON|valid"):
        write_record(replace(runs["fit"], scores=(score,)), tmp_path, [])
    assert not (tmp_path / RECORD).exists()


def test_what_made_a_run_is_told() -> None:
    """The command line, when, how long, with which versions, on which machine, by which commit."""
    found = provenance({"seeds": 1}, time.time() - 5)
    assert 5 <= found["seconds"] < 60 and found["typed"].startswith("probe")
    assert found["versions"]["torch"] and found["machine"]["platform"]
    assert found["signature"] == signature({"seeds": 1})


def test_the_signature_knows_the_configuration_only() -> None:
    """Whatever the order of its keys, and as it is read back from JSON."""
    assert signature({"a": (1, 2), "b": 2}) == signature(json.loads('{"b": 2, "a": [1, 2]}'))
    assert signature({"a": 1, "b": 2}) != signature({"a": 1, "b": 3})


def test_the_commit_is_that_of_the_package_s_own_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """None where there is no git."""
    monkeypatch.setattr(subprocess, "run", _no_git)
    assert git_state() is None


def _no_git(*_: object, **__: object) -> None:
    raise FileNotFoundError("git")


# Damage


def edited(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """A record's bytes with its content changed; a change that returns something replaces it all."""

    def damage(raw: bytes) -> bytes:
        content = json.loads(raw)
        other = change(content)
        return json.dumps(content if other is None else other).encode()

    return damage


def at(*path: str | int, value: Any) -> Callable[[bytes], bytes]:
    """A record in which one field has another value."""

    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return edited(change)


def without(*path: str) -> Callable[[bytes], bytes]:
    """A record that lacks a field."""

    def change(content: dict[str, Any]) -> None:
        place = content
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return edited(change)


DAMAGE = {
    "empty": lambda raw: b"",
    "truncated": lambda raw: raw[: len(raw) // 2],
    "truncated by a byte": lambda raw: raw[:-3],
    "not UTF-8": lambda raw: raw.replace(b"{", b'{"\xe9": 1, ', 1),
    "zeros": lambda raw: bytes(len(raw)),
    "deep nesting": lambda raw: b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "deep nesting of a field": lambda raw: raw.replace(
        b'"configuration": {', b'"configuration": {"a": ' + b"[" * 900 + b"]" * 899 + b", ", 1
    ),
    "a list": lambda raw: b"[" + raw + b"]",
    "null": lambda raw: b"null",
    "a text": lambda raw: b'"record"',
    "an empty object": lambda raw: b"{}",
    "two objects": lambda raw: raw + raw,
    "a number with too many digits": lambda raw: raw.replace(b'"seconds": 0.0', b'"seconds": ' + b"9" * 5000, 1),
    "NaN": at("scores", 0, "ccc", value=float("nan")),
    "infinity": at("seconds", value=float("inf")),
    "huge": lambda raw: raw.replace(b'"seconds": 0.0', b'"seconds": 1e999', 1),
    "no command": without("command"),
    "no corpus": without("corpus"),
    "no spec": without("corpus", "spec"),
    "no configuration": without("configuration"),
    "no date": without("date"),
    "unknown command": at("command", value="train"),
    "a command that is a list": at("command", value=["fit"]),
    "a command that is null": at("command", value=None),
    "a date that is a number": at("date", value=20260101),
    "seconds that are a text": at("seconds", value="long"),
    "a corpus that is a text": at("corpus", value="demo"),
    "a corpus that is null": at("corpus", value=None),
    "a spec that is a text": at("corpus", "spec", value="demo"),
    "a scale with three ends": at("corpus", "scale", value=[1, 2, 3]),
    "a scale that is null": at("corpus", "scale", value=None),
    "utterances that are a list": at("corpus", "utterances", value=["train"]),
    "an identity that is a text": at("corpus", "identity", value="0123"),
    "a digest that is null": at("corpus", "identity", "labels", value=None),
    "scores that are an object": at("scores", value={"ccc": 1}),
    "scores of texts": at("scores", value=["high"]),
    "notes that are a text": at("notes", value="none"),
    "versions that are a list": at("versions", value=[]),
    "a whole number beyond 64 bits": at("corpus", "utterances", "test1", value=2**63),
    "two values of one name": lambda raw: raw.replace(b'"date": ', b'"date": "1999", "date": ', 1),
    "an option that is an object": at("configuration", "options", value={"dims": {"valence": 1}}),
    "options that are a list": at("configuration", "options", value=[]),
    "no files": at("files", value=None),
    "a file outside the run": at("files", value={"../x.csv": {"size": 1, "sha256": "0" * 64}}),
    "a file by its absolute path": at("files", value={"/etc/passwd": {"size": 1, "sha256": "0" * 64}}),
    "a file whose path has detours": at("files", value={"seed0/../x.csv": {"size": 1, "sha256": "0" * 64}}),
    "a file without a name": at("files", value={"": {"size": 1, "sha256": "0" * 64}}),
    "a file with NUL in its name": at("files", value={"a\0b": {"size": 1, "sha256": "0" * 64}}),
    "a file of a negative size": at("files", value={"scores.csv": {"size": -1, "sha256": "0" * 64}}),
    "a digest that is none": at("files", value={"scores.csv": {"size": 1, "sha256": "0"}}),
    "files that are a list": at("files", value=["scores.csv"]),
    "files without digests": at("files", value={"scores.csv": None}),
    "a version that is a text": at("version", value="2"),
    "a version that is true": at("version", value=True),
    "a version that is no whole number": at("version", value=1.5),
    "version 0": at("version", value=0),
    "an upgrade that was not one": at("version", value=1),
}


@pytest.mark.parametrize("kind", ["fit", "finetune", "evaluate"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_a_run_error(unsealed: Callable[[str], Path], kind: str, damage: Any) -> None:
    """With the file's name, never a traceback."""
    folder = unsealed(kind)
    raw = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(damage(raw))
    assert (folder / RECORD).read_bytes() != raw  # every kind has each of these fields
    assert names_all(refusal(RunError, "run-damaged", read_record, folder), str(folder / RECORD))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("fit", without("encoder")),
        ("fit", at("encoder", "identity", value=[])),
        ("fit", at("encoder", "spec", value={"layers": 3})),
        ("fit", at("cache", value=None)),
        ("fit", at("best_layers", value={"valence": "last"})),
        ("fit", at("best_epochs", value=[1.5])),
        ("finetune", without("system")),
        ("finetune", at("system", "parameters", value="many")),
        ("finetune", at("system", "dimensions", value="valence")),
        ("finetune", at("seeds", value=3)),
        ("finetune", at("seeds", value=["first"])),
        ("finetune", at("words", "method", value="guessed")),
        ("finetune", at("words", "wer", value=[])),
        ("finetune", at("trainings", value={"seed": 0})),
        ("finetune", at("shuffled", value="perhaps")),
        ("evaluate", without("run_signature")),
        ("evaluate", at("run", value=None)),
        ("evaluate", at("snr", value="loud")),
    ],
)
def test_a_damaged_field_of_its_kind_is_a_run_error(unsealed: Callable[[str], Path], kind: str, damage: Any) -> None:
    """The same for what only one command writes."""
    folder = unsealed(kind)
    (folder / RECORD).write_bytes(damage((folder / RECORD).read_bytes()))
    refusal(RunError, "run-damaged", read_record, folder)


def test_a_later_version_is_told_from_damage(copied: Callable[[str], Path]) -> None:
    """With its number."""
    folder = copied("fit")
    (folder / RECORD).write_bytes(at("version", value=99)((folder / RECORD).read_bytes()))
    assert names_all(refusal(RunError, "run-version", read_record, folder), "99")


def test_fields_of_later_versions_are_no_damage(copied: Callable[[str], Path], runs: dict[str, Record]) -> None:
    """A field that is not known is passed over."""
    folder = copied("fit")
    content = sealed(json.loads((folder / RECORD).read_text("utf-8")) | {"mood": "good"}, SEAL)
    (folder / RECORD).write_text(json.dumps(content), "utf-8")
    assert read_record(folder) == replace(runs["fit"], folder=folder)


def test_what_is_no_run_is_told_from_one_that_has_not_finished(tmp_path: Path) -> None:
    """And from a record that cannot be read."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "absent", tmp_path, tmp_path / "file"):
        assert names_all(refusal(RunError, "no-run", read_record, place), str(place))
    (tmp_path / CONFIGURATION).write_text("{}")
    refusal(RunError, "run-unfinished", read_record, tmp_path)
    (tmp_path / RECORD).mkdir()
    refusal(RunError, "run-unreadable", read_record, tmp_path)


def test_a_run_of_another_command_is_refused(runs: dict[str, Record]) -> None:
    """With both commands' names."""
    kinds = {"fit": FitRecord, "finetune": FinetuneRecord, "evaluate": EvaluationRecord}
    for name, record in runs.items():
        assert read_kind(record.folder, kinds[name]) == record
        for other in kinds.keys() - {name}:
            assert names_all(refusal(RunError, "run-kind", read_kind, record.folder, kinds[other]), name, other)


# The digest of itself


@pytest.mark.parametrize("kind", ["fit", "finetune", "evaluate"])
def test_a_plausible_change_of_any_field_is_found(copied: Callable[[str], Path], kind: str) -> None:
    """Also one that is left out, and the digest itself; only its layout may differ."""
    folder = copied(kind)
    content = json.loads((folder / RECORD).read_text("utf-8"))
    assert content["version"] == VERSION
    for key in content:
        others = [{k: v for k, v in content.items() if k != key}]
        if isinstance(content[key], str):
            others.append(content | {key: content[key] + "0"})
        if isinstance(content[key], list):
            others.append(content | {key: content[key][::-1] if content[key][1:] else [*content[key], 1]})
        for other in others if key != "version" else []:
            (folder / RECORD).write_text(json.dumps(other), "utf-8")
            refusal(RunError, "run-damaged", read_record, folder)
    (folder / RECORD).write_text(json.dumps(dict(reversed(content.items()))), "utf-8")
    assert read_record(folder).date == content["date"]


def test_a_flipped_bit_is_found_or_changes_nothing(copied: Callable[[str], Path]) -> None:
    """Of any byte; a blank of the layout, say, changes nothing."""
    folder = copied("finetune")
    whole, raw = read_record(folder), (folder / RECORD).read_bytes()
    rng = np.random.default_rng(0)
    same = 0
    for place in rng.integers(len(raw), size=300):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << int(rng.integers(8))
        (folder / RECORD).write_bytes(damaged)
        try:
            assert read_record(folder) == whole
            same += 1
        except RunError as error:
            assert error.code in ("run-damaged", "run-version")
    assert same < 30


def test_an_amended_record_has_its_digest_again(copied: Callable[[str], Path]) -> None:
    """And nothing else has changed."""
    record = read_kind(copied("finetune"), FinetuneRecord)
    assert amend_record(record, data_licence="CC0-1.0") == replace(record, data_licence="CC0-1.0")
    assert read_record(record.folder).version == VERSION


# Completeness


@pytest.mark.parametrize("kind", ["fit", "finetune", "evaluate"])
def test_a_whole_run_misses_nothing(runs: dict[str, Record], kind: str) -> None:
    """Byte by byte."""
    assert missing_files(runs[kind], digests=True) == []
    demand_whole(runs[kind])


def test_a_deleted_or_shortened_file_is_missing(copied: Callable[[str], Path]) -> None:
    """And named; a folder in its place is no file."""
    record = read_record(copied("finetune"))
    (record.folder / "seed1" / "model.safetensors").unlink()
    (record.folder / "scores.csv").write_bytes(b"")
    (record.folder / "predictions.csv").unlink()
    (record.folder / "predictions.csv").mkdir()
    assert sorted(missing_files(record)) == ["predictions.csv", "scores.csv", "seed1/model.safetensors"]
    assert names_all(refusal(RunError, "run-incomplete", demand_whole, record), "scores.csv", str(record.folder))


def test_another_file_of_the_same_size_is_found_by_its_digest(copied: Callable[[str], Path]) -> None:
    """Which is computed only where it is asked for."""
    record = read_record(copied("fit"))
    path = record.folder / "probes.safetensors"
    path.write_bytes(path.read_bytes()[::-1])
    assert missing_files(record) == []
    assert missing_files(record, digests=True) == ["probes.safetensors"]


def test_a_link_that_leads_out_of_the_run_is_no_file_of_it(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Whatever it leads to, and through a folder too; one inside the run is none of these."""
    record = read_record(copied("finetune"))
    (record.folder / "scores.csv").rename(tmp_path / "moved.csv")
    (record.folder / "scores.csv").symlink_to(tmp_path / "moved.csv")
    (record.folder / "seed0").rename(tmp_path / "seed0")
    (record.folder / "seed0").symlink_to(tmp_path / "seed0")
    (record.folder / "predictions.csv").rename(record.folder / "renamed.csv")
    (record.folder / "predictions.csv").symlink_to("renamed.csv")
    (record.folder / "configuration.json").unlink()
    (record.folder / "configuration.json").symlink_to("configuration.json")
    names = ["configuration.json", "scores.csv", "seed0/config.json", "seed0/model.safetensors"]
    assert sorted(missing_files(record)) == names
    refusal(RunError, "run-incomplete", own_file, record.folder, "scores.csv", record.files)
    assert own_file(record.folder, "predictions.csv", record.files).is_file()


def test_a_pipe_is_no_file(copied: Callable[[str], Path]) -> None:
    """It would be read for ever."""
    record = read_record(copied("fit"))
    for name in ("scores.csv", RECORD):
        (record.folder / name).unlink()
        os.mkfifo(record.folder / name)
    assert missing_files(record, digests=True) == ["scores.csv"]
    refusal(RunError, "run-incomplete", own_file, record.folder, "scores.csv", record.files)
    refusal(RunError, "run-damaged", read_record, record.folder)


def test_a_required_file_that_the_record_does_not_name_is_missing(copied: Callable[[str], Path]) -> None:
    """Nothing says what it was."""
    record = read_record(copied("fit"))
    files = {name: file for name, file in (record.files or {}).items() if name != "scores.csv"}
    assert missing_files(replace(record, files=files)) == ["scores.csv"]


def test_files_that_a_run_did_not_write_do_not_count(copied: Callable[[str], Path]) -> None:
    """A model card that was added later, say."""
    record = read_record(copied("fit"))
    (record.folder / "README.md").touch()
    assert missing_files(record, digests=True) == []


# Listing


def test_runs_are_listed_oldest_first(tmp_path: Path) -> None:
    """By their dates, not by their names; the latest of a kind is the last."""
    new = write_fit(tmp_path, folder="a", date="2026-03-01T00:00:00")
    old = write_fit(tmp_path, folder="b", date="2025-12-01T00:00:00")
    run = write_run(tmp_path, "large", folder="c")  # of 1 January 2026
    assert [record.folder for record in all_records(tmp_path)] == [old.folder, run.folder, new.folder]
    assert latest(FitRecord, tmp_path).folder == new.folder
    assert names_all(refusal(RunError, "no-run", latest, EvaluationRecord, tmp_path), str(tmp_path), "evaluate")


def test_a_damaged_record_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose record is empty, truncated, of a later version or no file is named on stderr; the rest is listed."""
    good = write_fit(tmp_path)
    for name, text in (("empty", "{}"), ("cut", '{"command": '), ("later", '{"version": 9}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORD).write_text(text)
    (tmp_path / "folder" / RECORD).mkdir(parents=True)
    assert [record.folder for record in all_records(tmp_path)] == [good.folder]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 4 and all(any(name in line for line in told) for name in ("empty", "cut", "later", "folder"))


def test_unfinished_runs_are_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither one that is being written nor one that can be resumed."""
    run = write_run(tmp_path, "large")
    run.folder.rename(tmp_path / ".x.1.partial")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / CONFIGURATION).write_text("{}")
    assert all_records(tmp_path) == all_records(tmp_path / "absent") == []
    assert capsys.readouterr().err == ""
