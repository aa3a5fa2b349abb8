"""The comparison figure holds the layers of a fit and the systems on the very same corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import FIT_OPTIONS, entry_of, identity_of, planted, write_fit, write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from probing.errors import RunError
from probing.report.layers_and_systems import layers_and_systems, plot_layers_and_systems
from probing.report.style import looks


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.usefixtures("every_format")
def test_it_holds_layers_and_systems(tmp_path: Path, version: int) -> None:
    """Its CSV has the learned weights of every layer and each system's score."""
    records = planted(tmp_path, small=0.5, small_text=0.2, version=version)
    labels = {"labels": records[0].configuration["labels"], "options": FIT_OPTIONS}  # by which 0.1.0 is told apart
    fit = write_fit(tmp_path, states=13, version=version, configuration=labels)
    paths = layers_and_systems(fit, records, tmp_path / "out")
    assert {path.suffix for path in paths} == {".pdf", ".png", ".svg", ".csv"} and all(p.is_file() for p in paths)
    drawn = pd.read_csv(paths[-1])
    assert len(drawn[drawn.panel == "weight"]) == 3 * 3 * 13
    assert drawn[drawn.side == "systems"].model.nunique() == 6


def test_layers_of_another_corpus_are_refused(tmp_path: Path) -> None:
    """Also where it has the same name: it is its contents that count."""
    systems = [write_run(tmp_path, "large")]
    twin = entry_of("made-up", 9, identity=identity_of("another folder's"))
    for number, fit in enumerate((write_fit(tmp_path, corpus="elsewhere"), write_fit(tmp_path, entry=twin))):
        with pytest.raises(RunError) as caught:
            layers_and_systems(fit, systems, tmp_path / str(number))
        assert caught.value.code == "several-corpora" and not (tmp_path / str(number)).exists()


def test_other_fits_make_other_files(tmp_path: Path) -> None:
    """Unless the user names the runs, a fit with other options does not overwrite the figure."""
    systems = [write_run(tmp_path, "large")]
    fits = [write_fit(tmp_path), write_fit(tmp_path, seeds=2, folder="two")]
    assert len({layers_and_systems(fit, systems, tmp_path)[0] for fit in fits}) == 2
    assert {layers_and_systems(fit, systems, tmp_path, "demo")[0].stem for fit in fits} == {
        "comparison-demo-owner--model"
    }


def test_layers_look_as_in_figure_2(tmp_path: Path) -> None:
    """State C is C on the axis, every dimension has its own look, and what HuBERT's student learned is marked."""
    figure = Figure()
    fit = write_fit(tmp_path, dims=["calm", "trust", "valence"], states=14, first_layer=-1)
    axes = plot_layers_and_systems(fit, [write_run(tmp_path, "large")], figure)
    FigureCanvasAgg(figure).draw()
    assert axes[0].get_xticklabels()[0].get_text() == "C"
    assert [text.get_text() for text in axes[0].texts] == ["taught"] * 3
    found = looks(["calm", "trust", "valence"])
    drawn = {(line.get_color(), line.get_marker()) for line in axes[0].get_lines() if line.get_marker() != "None"}
    assert drawn == {(look.colour, look.marker) for look in found.values()} and len(drawn) == 3


@pytest.mark.parametrize("share", [0.001, 30.0])
def test_no_band_is_cut_off(tmp_path: Path, share: float) -> None:
    """All that is drawn of the layers lies within its panel."""
    axes = plot_layers_and_systems(write_fit(tmp_path, share=share), [write_run(tmp_path, "large")], Figure())
    for ax in axes[:2]:
        values = np.concatenate([path.vertices[:, 1] for band in ax.collections for path in band.get_paths()])
        assert ax.get_ylim()[0] < values.min() and values.max() < ax.get_ylim()[1]


@pytest.mark.parametrize("layers", ["weighted", "each", "both"])
def test_a_fit_without_weights_or_without_single_layers_is_drawn(tmp_path: Path, layers: str) -> None:
    """What was not fitted has no panel; controls among the systems are left out."""
    control = write_run(tmp_path, "large", shuffled=True)
    axes = plot_layers_and_systems(
        write_fit(tmp_path, layers=layers), [write_run(tmp_path, "large"), control], Figure()
    )
    assert len(axes) == {"weighted": 1, "each": 1, "both": 2}[layers] + 2
    assert len(axes[-1].get_yticks()) == 1
