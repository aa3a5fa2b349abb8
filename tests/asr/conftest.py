"""A recogniser of two words and a corpus in which they are said."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from whisper import OWN, RATE, SAID, teach, tone


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser that knows two words."""
    return teach(tmp_path_factory.mktemp("asr") / "whisper-two")


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A table of six recordings; its text is partly not what was said."""
    folder = tmp_path / "spoken"
    folder.mkdir()
    lines = ["id,path,partition,text"]
    for number, (word, text) in enumerate(zip(SAID, OWN, strict=True)):
        soundfile.write(folder / f"{number}.wav", tone(word, 1 + number / 3, 9000 + number), RATE)
        lines.append(f"u{number},{number}.wav,{'train' if number < 4 else 'test1'},{text}")
    (folder / "spoken.csv").write_text("\n".join(lines) + "\n")
    return folder / "spoken.csv"
