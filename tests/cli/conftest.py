"""An empty folder to type commands in, and a corpus that has been extracted and fitted."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import done


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with blanks and unicode in its name."""
    folder = tmp_path / "mein Körper"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def pooled(table: Path, checkpoints: dict[str, Path]) -> list[object]:
    """The words that name a corpus and an encoder whose pooled states have been extracted."""
    words = [table, "--encoder", checkpoints["hubert"]]
    done("extract", *words, "--store", "pooled")
    return words
