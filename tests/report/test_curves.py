"""The curves go through what was counted, and the paper's points stand only beside the paper's release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import damaged_words, write_evaluation, write_run
from matplotlib.figure import Figure

from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import RECOGNISED
from probing.errors import RunError
from probing.report import curves
from probing.report.curves import curve, plot_curve, points
from probing.runs.records import FinetuneRecord


def written(folder: Path, version: int) -> FinetuneRecord:
    """A system tested at two word error rates and in two noises."""
    run = write_run(folder, "small", "words", noise=0.1, version=version)
    for rate in (0.2, 0.6):
        write_evaluation(run, f"corrupted-{rate}", 4 * rate, damaged_words(rate), version=version)
    for snr in (0.0, 20.0):
        write_evaluation(run, f"snr{snr:g}", 2 - snr / 20, snr=snr, version=version)
    return run


@pytest.fixture(scope="module", params=[1, 2])
def human(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> FinetuneRecord:
    """One whose records are of this version, or of version 0.1.0."""
    return written(tmp_path_factory.mktemp("human"), request.param)


@pytest.fixture(scope="module")
def latest(tmp_path_factory: pytest.TempPathFactory) -> FinetuneRecord:
    """One of this version, where only what is drawn matters."""
    return written(tmp_path_factory.mktemp("latest"), 2)


def test_the_curves_go_through_what_was_counted(human: FinetuneRecord, tmp_path: Path) -> None:
    """Word errors as they were counted, not as they were asked for; noise from the worst to none."""
    made = damaged_words(0.25, method=RECOGNISED, rate=None, file="/w.csv", sha256="a" * 64, asr="whisper-tiny")
    recognised = write_run(tmp_path / "more", "small", "words", noise=0.12, words=made, version=human.version)
    drawn = points([human, recognised], "wer")
    own = drawn[drawn.partition == "test2"].set_index("series")
    assert list(own.loc[curves.HUMAN_ONLY].x) == pytest.approx([0, 0.19, 0.57])
    assert own.loc[curves.HUMAN_ONLY].value.is_monotonic_decreasing
    assert list(own.loc[curves.SAME].x) == pytest.approx([0, 0.2375])
    noisy = points([human], "snr")
    assert list(noisy[noisy.partition == "test1"].x) == [0, 20, np.inf]
    assert noisy[noisy.partition == "test1"].value.is_monotonic_increasing


def test_audio_alone_is_a_level(human: FinetuneRecord, tmp_path: Path) -> None:
    """Word errors cannot reach it."""
    drawn = points([human, write_run(tmp_path / "audio", "small", version=human.version)], "wer")
    assert list(drawn[drawn.series == curves.AUDIO].x) == [0, 0]


def test_two_runs_of_one_system_are_two_curves(tmp_path: Path) -> None:
    """They are not joined into one."""
    for name, noise in (("a", 0.1), ("b", 0.3)):
        run = write_run(tmp_path, "small", "words", noise=noise, folder=name)
        write_evaluation(run, "corrupted", 1.0, damaged_words(0.2))
    from probing.report.compared import finished

    drawn = points(finished([tmp_path / "a", tmp_path / "b"]), "wer")
    assert set(drawn.model) == {"small+words, a", "small+words, b"}


@pytest.mark.parametrize("over", ["wer", "snr"])
def test_files_are_named_by_what_they_hold(latest: FinetuneRecord, tmp_path: Path, over: str) -> None:
    """Corpus and runs, or the name that the user gives; then the dimension."""
    assert {path.stem for path in curve([latest], over, tmp_path, "arousal", "demo")} == {f"{over}-demo-arousal"}
    (stem,) = {path.stem for path in curve([latest], over, tmp_path)}
    assert stem.startswith(f"{over}-made-up-") and stem.endswith("-valence")


@pytest.mark.parametrize(
    ("folder", "counts", "marked"),
    [
        ("podcast", (63_076, 10_999, 16_903, 13_289), 1),
        ("MSP-PODCAST-1.11", (63_076, 10_999, 16_903, 13_289), 1),
        ("MSP-PODCAST-1.10", (84_030, 19_815, 30_647, 14_815), 0),
    ],
)
def test_published_points_stand_only_on_the_papers_release(
    latest: FinetuneRecord, counts: tuple[int, ...], marked: int, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is known by how many utterances each partition has, whatever its folder is called; another release is said."""
    spec = CorpusSpec(f"msp-podcast:/data/{folder}")
    utterances = dict(zip(("train", "development", "test1", "test2"), counts, strict=True))
    run = replace(latest, corpus=replace(latest.corpus, spec=spec, utterances=utterances))
    axes = plot_curve([run], "wer", figure=Figure())
    stars = [line for ax in axes for line in ax.get_lines() if line.get_marker() == "*"]
    assert len(stars) == marked == (capsys.readouterr().err == "")
    for star in stars:
        x, y = star.get_data()
        assert star.axes is axes[0] and list(x) == pytest.approx([22.2, 24.1]) and list(y) == [0.521, 0.524]
        assert axes[0].get_xlim()[1] > max(x) and axes[0].get_ylim()[0] < min(y)


def test_the_built_in_world_shows_no_published_point(tmp_path: Path) -> None:
    """And its title says that it is synthetic."""
    run = write_run(tmp_path, "small", "words", corpus="demo")
    write_evaluation(run, "corrupted", 1.0, damaged_words(0.2))
    figure = Figure()
    axes = plot_curve([run], "wer", figure=figure)
    assert "synthetic" in figure.get_suptitle()
    assert not [line for ax in axes for line in ax.get_lines() if line.get_marker() == "*"]


@pytest.mark.parametrize("over", ["wer", "snr"])
def test_nothing_is_cut_off(latest: FinetuneRecord, over: str) -> None:
    """Every band and point lies within its panel."""
    for ax in plot_curve([latest], over, figure=Figure()):
        points_ = np.concatenate([path.vertices for band in ax.collections for path in band.get_paths()])
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        assert left < points_[:, 0].min() and points_[:, 0].max() < right
        assert low < points_[:, 1].min() and points_[:, 1].max() < high


@pytest.mark.parametrize("over", ["wer", "snr"])
def test_one_point_is_no_curve(tmp_path: Path, over: str) -> None:
    """What to do is said with the run's own folder."""
    run = write_run(tmp_path, "small", "words")
    with pytest.raises(RunError) as caught:
        curve([run], over, tmp_path)
    assert caught.value.code == "no-curve" and str(run.folder) in caught.value.remedy
