"""What is learned from and tested on stops what learns, unless it is allowed; then the record says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import done, probe, refused

from probing.runs.store import read_record

SHORT = ["--max-steps", 2, "--batch", 4, "--dim", "valence", "--name", "it"]


@pytest.fixture
def leaking(table: Path, here: Path) -> Path:
    """A corpus of which one recording is in train and, as a file of another format, in test1."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    shutil.copy(copy.parent / "00.wav", copy.parent / "20.wav")
    return copy


def test_a_system_is_trained_and_evaluated_only_if_it_is_allowed(leaking: Path, checkpoints: dict[str, Path]) -> None:
    """Before the first step; record and stdout name the leak, and the speakers of test1 are seen by its name."""
    words = ["finetune", leaking, "--system", checkpoints["distilhubert"], *SHORT]
    found = probe(*words)
    refused(found, "leaks")
    assert "u20 is u00" in found.stderr and not Path("runs/it/record.json").exists()
    leak = "1 recording of test1 is also in train or development"
    assert leak in done(*words, "--allow-leaks").stdout
    entry = read_record(Path("runs/it")).corpus
    assert entry.leaks == (leak,) and entry.seen == {"test1": (3, 3)}
    refused(probe("evaluate", "runs/it"), "leaks")
    assert leak in done("evaluate", "runs/it", "--allow-leaks").stdout


def test_a_corpus_split_anew_is_not_apart_from_what_was_learned(table: Path, checkpoints: dict[str, Path]) -> None:
    """What was train becomes a test partition; another corpus is no matter."""
    done("finetune", table, "--system", checkpoints["distilhubert"], *SHORT)
    done("evaluate", "runs/it")
    found = probe("evaluate", "runs/it", "--corpus", table, "--split", "random:3")
    refused(found, "leaks")
    assert "recordings of test1" in found.stderr
