"""A folder in which short names stand for a table and small encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import save_text_encoder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random BERT that knows the table's words."""
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert", words=("some", "words"))


@pytest.fixture(scope="module")
def places(checkpoints: dict[str, Path], bert: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder: `table.csv` with its sound files, `hubert`, `w2v2`, `bert`."""
    folder = tmp_path_factory.mktemp("work")
    for name, target in {
        "hubert": checkpoints["hubert"],
        "w2v2": checkpoints["wav2vec2-layer"],
        "bert": bert,
        "table.csv": table,
        **{wav.name: wav for wav in table.parent.glob("*.wav")},
    }.items():
        (folder / name).symlink_to(target)
    return folder


@pytest.fixture(autouse=True)
def here(places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test is in that folder."""
    monkeypatch.chdir(places)
    return places
