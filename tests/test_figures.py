from __future__ import annotations

from pathlib import Path

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from probing import figures
from probing.errors import ProbingError
from probing.figures import COLOURS, figure2
from probing.records import Record

L = 5


def run(folder: Path, dimensions: list[str], layers: str = "both") -> Record:
    """A run's folder with weights that peak at layer 1 + the dimension's place, and single-layer scores."""
    folder.mkdir(exist_ok=True)
    weights, scores = [], []
    for place, dimension in enumerate(dimensions):
        for seed in range(3):
            raw = np.exp(-((np.arange(L) - 1 - place) ** 2)) + 0.01 * seed
            if layers != "each":
                weights += [(dimension, seed, layer, value) for layer, value in enumerate(raw / raw.sum())]
            if layers != "weighted":
                scores += [
                    (dimension, "single", layer, seed, partition, 9, 0.1 * layer, 0, 1)
                    for layer in range(L)
                    for partition in ("train", "development", "test1", "test2")
                ]
            scores.append((dimension, "weighted", None, seed, "test2", 9, 0.4, 0, 1))
    pd.DataFrame(weights, columns=["dimension", "seed", "layer", "weight"]).to_csv(folder / "weights.csv", index=False)
    columns = ["dimension", "kind", "layer", "seed", "partition", "n", "ccc", "low", "high"]
    pd.DataFrame(scores, columns=columns).to_csv(folder / "scores.csv", index=False)
    content = {
        "command": "fit",
        "corpus": {"name": "my corpus"},
        "encoder": {"name": "owner/model", "title": "owner/model"},
        "configuration": {"options": {"seeds": 3, "normalize": "layer"}},
    }
    return Record(folder, content)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are when they are saved."""
    kept: list[Figure] = []
    save = figures._save

    def keep(figure: Figure, stem: Path) -> list[Path]:
        kept.append(figure)
        return save(figure, stem)

    monkeypatch.setattr(figures, "_save", keep)
    return kept


def test_figure_2_shows_what_the_run_holds(tmp_path: Path, drawn: list[Figure]) -> None:
    """Lines are the means over seeds in the dimension's own colour; uniform weight and axes are labelled."""
    figure2(run(tmp_path / "run", ["arousal", "valence", "dominance"]), tmp_path / "out")
    axes = drawn[0].axes
    assert [ax.get_title() for ax in axes] == [
        "learned layer weights",
        "single-layer probes, test1 (seen)",
        "single-layer probes, test2 (unseen)",
    ]
    for ax in axes:
        lines = {line.get_label(): line for line in ax.get_lines()}
        for dimension, hue in COLOURS.items():
            assert lines[dimension].get_color() == hue
            assert list(lines[dimension].get_xdata()) == list(range(L))
        assert ax.get_xlabel() and ax.get_ylabel()
    lines = {line.get_label(): line for line in axes[0].get_lines()}
    assert int(np.argmax(lines["valence"].get_ydata())) == 2
    assert set(lines["uniform (1/L)"].get_ydata()) == {1 / L}
    assert "owner/model on my corpus" in drawn[0].get_suptitle()


def test_every_format_and_the_numbers_are_written(tmp_path: Path) -> None:
    """PDF, PNG, SVG and CSV carry corpus and encoder in their names, and the CSV holds what was drawn."""
    record = run(tmp_path / "run", ["valence"])
    paths = figure2(record, tmp_path / "out")
    assert [path.name for path in paths] == [
        f"figure2-my_corpus-owner--model.{kind}" for kind in ("pdf", "png", "svg", "csv")
    ]
    assert all(path.stat().st_size > 500 for path in paths)
    table = pd.read_csv(paths[-1])
    weights = table[(table.panel == "weight") & (table.dimension == "valence") & (table.seed == 1)]
    np.testing.assert_allclose(
        weights.value, pd.read_csv(tmp_path / "run/weights.csv").query("seed == 1").weight, rtol=1e-5
    )
    assert set(table.panel) == {"weight", "CCC test1", "CCC test2"}


def test_equal_data_gives_equal_files(tmp_path: Path) -> None:
    """No date or random id stands in a figure's file."""
    record = run(tmp_path / "run", ["arousal"])
    first, second = (figure2(record, tmp_path / name) for name in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize(("layers", "panels"), [("weighted", 1), ("each", 2)])
def test_only_what_was_fitted_is_drawn(tmp_path: Path, drawn: list[Figure], layers: str, panels: int) -> None:
    """Without single-layer probes there is one panel, without learned weights those of the single layers."""
    figure2(run(tmp_path / "run", ["valence"], layers), tmp_path)
    assert len(drawn[0].axes) == panels


def test_dimensions_can_be_told_apart_by_colour_blind_readers_and_in_grey() -> None:
    """Under simulated red-blindness the colours stay apart, and every dimension has a marker of its own."""
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0001, 1.0019]])
    seen = [protan @ np.array(matplotlib.colors.to_rgb(hue)) for hue in COLOURS.values()]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 0.2
    assert len(set(figures.MARKERS.values())) == len(COLOURS)


def test_an_incomplete_or_foreign_run_is_refused(tmp_path: Path) -> None:
    """A run without its files, or of another command, is an error with a remedy."""
    record = run(tmp_path / "run", ["valence"])
    (tmp_path / "run/scores.csv").unlink()
    with pytest.raises(ProbingError, match=r"scores\.csv"):
        figure2(record, tmp_path)
    with pytest.raises(ProbingError, match="finetune run"):
        figure2(Record(tmp_path, {"command": "finetune"}), tmp_path)
