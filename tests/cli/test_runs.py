"""`probe runs` lists every finished run once, and marks what is not whole."""

from __future__ import annotations

import json
from pathlib import Path

from builders import write_evaluation, write_run
from commands import done, probe, refused


def test_runs_are_listed_with_their_scores(here: Path) -> None:
    """Command, corpus with its digest, system, scores on the test partitions, folder."""
    record = write_run(here / "runs", "large", "words")
    (line,) = done("runs").stdout.splitlines()
    assert "finetune" in line and "made-up" in line and "large+words" in line and "valence test2" in line
    assert str(Path("runs") / record.folder.name) in line and "incomplete" not in line


def test_evaluations_are_listed_with_the_runs(here: Path) -> None:
    """Each on a line of its own, by date, in the folder of its run."""
    record = write_run(here / "runs", "large")
    write_evaluation(record, "elsewhere")
    first, second = done("runs").stdout.splitlines()
    assert "finetune" in first and "evaluate" in second and "evaluations/elsewhere" in second
    assert [one["command"] for one in json.loads(done("runs", "--json").stdout)] == ["finetune", "evaluate"]


def test_a_run_that_lacks_a_file_is_marked(here: Path) -> None:
    """A missing file, and one that has another size."""
    record = write_run(here / "runs", "large")
    (record.folder / "predictions.csv").unlink()
    assert "incomplete: predictions.csv" in done("runs").stdout
    (content,) = json.loads(done("runs", "--json").stdout)
    assert content["missing_files"] == ["predictions.csv"] and content["title"] == "large"


def test_a_run_of_version_0_1_0_is_marked(here: Path) -> None:
    """It has no digest; a program is told the version."""
    write_run(here / "runs", "large", version=1)
    assert "0.1.0" in done("runs").stdout
    (content,) = json.loads(done("runs", "--json").stdout)
    assert (content["version"], content["corpus_digest"], content["missing_files"]) == (1, None, [])


def test_an_empty_folder_is_no_error(here: Path) -> None:
    """There is nothing yet; for a program, an empty list. PROBING_RUNS names the folder too."""
    assert "no runs in runs" in done("runs").stdout
    assert done("runs", "--json").stdout.strip() == "[]"
    write_run(here / "elsewhere", "large")
    assert len(probe("runs", environment={"PROBING_RUNS": "elsewhere"}).stdout.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(here: Path) -> None:
    """Where it was typed: then it is no folder in which nothing has been done yet."""
    refused(probe("runs", "--runs", here / "nosuch"), "no-run")


def test_a_damaged_run_does_not_hide_the_others(here: Path) -> None:
    """It is named on stderr."""
    write_run(here / "runs", "large")
    record = write_run(here / "runs", "small")
    (record.folder / "record.json").write_text("{")
    result = done("runs")
    assert len(result.stdout.splitlines()) == 1 and record.folder.name in result.stderr
