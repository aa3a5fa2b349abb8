from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from probing.errors import ProbingError
from probing.runs.records import RECORD, all_records, latest, line, new_run, read_record, signature, write_record


def make(root: Path, kind: str = "fit", ccc: float = 0.5, began: float | None = None) -> Path:
    with new_run(kind, "corpus-encoder", root) as new:
        results = {
            "corpus": {"name": "corpus"},
            "encoder": {"name": "encoder", "title": "encoder (random weights)"},
            "scores": [{"dimension": "valence", "probe": "weighted", "partition": "test2", "ccc": ccc}],
        }
        write_record(new.aside, kind, {"seeds": 1}, results, began or time.time())
    return new.final


def test_a_run_appears_only_when_it_has_ended_well(tmp_path: Path) -> None:
    """A run that fails leaves nothing behind; while it is written no listing shows it."""
    with pytest.raises(RuntimeError), new_run("fit", "corpus-encoder", tmp_path) as new:
        (new.aside / "weights.csv").write_text("half")
        assert all_records(tmp_path) == []
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_record_tells_what_made_it(tmp_path: Path) -> None:
    """Command, signature, versions, date, machine and commit stand in record.json."""
    record = read_record(make(tmp_path))
    for key in ("command", "typed", "configuration", "signature", "date", "seconds", "versions", "git", "machine"):
        assert key in record.content
    assert record["versions"]["torch"] and record["signature"] == signature({"seeds": 1})


def test_runs_in_the_same_second_do_not_collide(tmp_path: Path) -> None:
    """Two runs of the same thing get two folders."""
    assert make(tmp_path) != make(tmp_path)
    assert len(all_records(tmp_path)) == 2


def test_runs_are_listed_oldest_first_in_one_line_each(tmp_path: Path) -> None:
    """Date, command, corpus, encoder, test scores and folder stand in a line; the latest is the last."""
    new, old = make(tmp_path, ccc=0.25), make(tmp_path, ccc=0.75, began=time.time() - 90)
    assert [record.folder for record in all_records(tmp_path)] == [old, new]
    assert latest("fit", tmp_path).folder == new
    for part in ("fit", "corpus", "encoder (random weights)", "valence test2 0.250", str(new)):
        assert part in line(latest("fit", tmp_path))


def test_what_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    """No run, no record and half a record are errors with a remedy."""
    with pytest.raises(ProbingError, match=r"type .probe fit. first"):
        latest("fit", tmp_path)
    with pytest.raises(ProbingError, match=r"no record\.json"):
        read_record(tmp_path)
    (tmp_path / RECORD).write_text('{"command": ')
    with pytest.raises(ProbingError, match="damaged"):
        read_record(tmp_path)


def test_the_signature_knows_the_configuration_only() -> None:
    """Equal configurations have equal signatures, whatever the order of their keys."""
    assert signature({"a": 1, "b": 2}) == signature(json.loads('{"b": 2, "a": 1}')) != signature({"a": 1, "b": 3})


def test_a_damaged_record_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose record is empty or cut is passed over by name, and the rest is listed."""
    good = make(tmp_path)
    for name, text in (("empty", "{}"), ("cut", '{"command": ')):
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORD).write_text(text)
    assert [record.folder for record in all_records(tmp_path)] == [good]
    assert capsys.readouterr().err.count("passed over") == 2
