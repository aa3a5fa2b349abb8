"""The command that makes a cache, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.extraction.commands import extract_command


def test_the_command_is_what_a_user_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths below the present folder are relative, defaults are left out, and blanks are quoted."""
    monkeypatch.chdir(tmp_path)
    spec = CorpusSpec.resolve("my data/labels.csv", (1, 7))
    encoder = EncoderSpec.resolve("hubert-base", layers=6, convolution=True)
    assert extract_command(spec, encoder, "pooled", "float16", Path("cache")) == (
        "probe extract 'my data/labels.csv' --scale 1 7 --encoder hubert-base --encoder-layers 6 --convolution "
        "--store pooled"
    )
    assert extract_command(CorpusSpec.resolve("demo"), EncoderSpec("demo-hubert"), None, "float32", Path("x")) == (
        "probe extract demo --encoder demo-hubert --dtype float32 --cache x"
    )
