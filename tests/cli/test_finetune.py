"""`probe finetune` trains a run and prints its scores; typed again it prints them again and changes nothing."""

from __future__ import annotations

from pathlib import Path

from builders import save_text_encoder
from commands import Typed, done, probe, refused

SHORT = ["--max-steps", 2, "--batch", 4, "--dim", "valence"]


def test_a_training_prints_its_scores_and_its_files(trained: Typed) -> None:
    """Parameters, regime, scores on every partition but train, and what was written."""
    assert "M parameters, FT) on small" in trained.stdout and "valence" in trained.stdout
    assert trained.paths == [f"runs/it/{name}" for name in ("record.json", "scores.csv", "predictions.csv", "seed0")]
    assert all(Path(path).exists() for path in trained.paths)


def test_typed_again_nothing_is_done_again(trained: Typed, training: list[object]) -> None:
    """The same scores, and no file of the run is touched; other options are refused."""
    before = {path: path.stat().st_mtime_ns for path in Path("runs/it").rglob("*") if path.is_file()}
    assert done(*training).stdout == trained.stdout
    assert {path: path.stat().st_mtime_ns for path in Path("runs/it").rglob("*") if path.is_file()} == before
    refused(probe(*training, "--dropout", 0.3), "run-other-configuration")


def test_dry_run_only_forecasts(table: Path, checkpoints: dict[str, Path]) -> None:
    """Three steps, what the whole will take on stdout, and no run."""
    result = done("finetune", table, "--system", checkpoints["distilhubert"], "--dry-run", *SHORT)
    assert "memory" in result.stdout and "disk" in result.stdout
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_the_six_systems_are_listed() -> None:
    """One line each, without a corpus or a download."""
    lines = done("finetune", "--list").stdout.splitlines()
    assert len(lines) == 7 and all("%" in line for line in lines[1:])
    assert sum("100.0%" in line for line in lines) == 1


def test_options_that_change_nothing_are_refused(table: Path, checkpoints: dict[str, Path], here: Path) -> None:
    """Words for a system that reads none; an encoder that a system does not have."""
    words = ["finetune", table, "--system", checkpoints["distilhubert"]]
    refused(probe(*words, "--corrupt-words", 0.2), "no-effect", status=2)
    refused(probe(*words, "--freeze", "video"), "option-choice", status=2)
    refused(probe(*words, "--init", "video=runs/x"), "option-choice", status=2)


def test_a_text_system_reads_the_words(table: Path, tmp_path: Path) -> None:
    """Both encoders of a list are frozen, in whatever order they are typed; words can be damaged."""
    system = save_text_encoder(tmp_path / "text", words=("some", "words"))
    result = done("finetune", table, "--system", system, "--corrupt-words", 0.5, "--freeze", "text", *SHORT)
    assert "FRZ) on small" in result.stdout and "corrupted at 50 %" in result.stdout
