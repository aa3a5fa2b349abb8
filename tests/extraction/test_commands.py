"""The command that makes a cache, as text."""

from __future__ import annotations

import subprocess
import sys
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


def test_it_loads_neither_torch_nor_the_cache_s_library() -> None:
    """A figure drawn from a record only names the command."""
    heavy = {"torch", "transformers", "h5py"}
    code = f"import sys, probing.extraction.commands\nsys.exit(' '.join({heavy!r} & set(sys.modules)) or 0)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
