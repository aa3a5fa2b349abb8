"""An empty folder to type commands in, and a corpus that has been extracted and fitted."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from commands import Typed, done


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with blanks and unicode in its name."""
    folder = tmp_path / "mein Körper"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def extracted(table: Path, checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which pooled states have been extracted; to be copied."""
    folder = tmp_path_factory.mktemp("extracted")
    with chdir(folder):
        done("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled")
    return folder


@pytest.fixture
def pooled(extracted: Path, here: Path, table: Path, checkpoints: dict[str, Path]) -> list[object]:
    """The words that name a corpus and an encoder whose pooled states have been extracted."""
    shutil.copytree(extracted, here, dirs_exist_ok=True)
    return [table, "--encoder", checkpoints["hubert"]]


@pytest.fixture(scope="session")
def training(table: Path, checkpoints: dict[str, Path]) -> list[object]:
    """The words that train the run `it` in two steps."""
    system = checkpoints["distilhubert"]
    return ["finetune", table, "--system", system, "--name", "it", "--max-steps", 2, "--batch", 4, "--dim", "valence"]


@pytest.fixture(scope="session")
def trained_once(training: list[object], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Typed]:
    """A folder in which they were typed, to be copied, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    with chdir(folder):
        return folder, done(*training)


@pytest.fixture
def trained(trained_once: tuple[Path, Typed], here: Path) -> Typed:
    """What training printed whose run is in `runs/it`."""
    folder, typed = trained_once
    shutil.copytree(folder, here, dirs_exist_ok=True)
    return typed
