"""The Python interface: from a corpus to a figure in five lines, and nothing heavy before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

import probing


def test_from_a_corpus_to_a_figure_in_five_lines(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extract, fit and plot, as in a notebook."""
    monkeypatch.chdir(tmp_path)
    corpus, encoder = str(table), str(checkpoints["hubert"])
    lines = """
import probing
cache = probing.extract(corpus, encoder, store="pooled")
record = probing.fit(corpus, encoder, seeds=2, epochs=2, hidden=4)
axes = probing.plot_layers(record)
"""
    assert len(lines.strip().splitlines()) <= 5
    names: dict[str, object] = {"corpus": corpus, "encoder": encoder}
    exec(lines, names)
    cache, record, axes = names["cache"], names["record"], names["axes"]
    assert len(cache.ids) == 32 and {score.dimension for score in record.scores} == {"arousal", "valence", "dominance"}
    assert isinstance(axes, np.ndarray) and len(axes) == 4 and all(isinstance(ax, Axes) for ax in axes)


def test_all_that_is_exported_is_there() -> None:
    """Every name is found where the package says that it is; no other name is."""
    for name in probing.__all__:
        assert getattr(probing, name).__name__ == name
    with pytest.raises(AttributeError):
        probing.nothing  # noqa: B018


def test_importing_it_loads_nothing_heavy() -> None:
    """What a user asks for is imported when it is asked for."""
    code = "import sys, probing; sys.exit(' '.join({'torch', 'numpy', 'pandas', 'h5py'} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
