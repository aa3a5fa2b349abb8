"""Systems set against each other: paired resamples of speakers and seeds, against a plain second implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import rows, write_run

from probing.errors import ProbingError
from probing.statistics.concordance import ccc
from probing.statistics.paired import contrast, fall, mean_draws, predictions_of


def by_hand(first: pd.DataFrame, second: pd.DataFrame, draws: int = 1500) -> np.ndarray:
    """A paired bootstrap in plain loops: speakers drawn, their utterances gathered, seeds drawn, CCC taken."""
    rng = np.random.default_rng(5)
    rows = {speaker: own.index.to_numpy() for speaker, own in first.groupby("speaker")}
    names = sorted(rows)
    seeds = [column for column in first if column.startswith("seed")]
    found = []
    for _ in range(draws):
        chosen = np.concatenate([rows[names[i]] for i in rng.integers(len(names), size=len(names))])
        drawn = [seeds[i] for i in rng.integers(len(seeds), size=len(seeds))]
        scores = [
            np.mean([float(ccc(table.truth[chosen], table[seed][chosen])) for seed in drawn])
            for table in (first, second)
        ]
        found.append(scores[0] - scores[1])
    return np.quantile(found, [0.025, 0.975])


def test_a_paired_difference_is_that_of_a_second_implementation(tmp_path: Path) -> None:
    """The point is the difference of mean scores; the interval's ends agree with a bootstrap in plain loops."""
    a, b = write_run(tmp_path, "large", noise=0.2), write_run(tmp_path, "small", noise=0.3)
    found = contrast([a, b], np.subtract, "valence", "test2")
    tables = [rows(record, "valence", "test2") for record in (a, b)]
    points = [np.mean([ccc(t.truth, t[f"seed{s}"]) for s in range(3)]) for t in tables]
    assert found.value == pytest.approx(points[0] - points[1])
    low, high = by_hand(*tables)
    width = high - low
    assert found.low == pytest.approx(low, abs=0.15 * width) and found.high == pytest.approx(high, abs=0.15 * width)
    assert found.seeds == 3 and found.n == 240


def test_a_system_against_itself_differs_by_nothing(tmp_path: Path) -> None:
    """Pairing is exact: the same resamples of speakers and of seeds."""
    record = write_run(tmp_path, "large")
    found = contrast([record, record], np.subtract, "arousal", "test1")
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_seeds_that_differ_widen_the_interval(tmp_path: Path) -> None:
    """A system whose seeds disagree has a wider interval than the mean of its draws alone would give."""
    record = write_run(tmp_path, "large")
    table = rows(record, "valence", "test1")
    apart = table.assign(seed0=table.truth, seed1=4.0, seed2=4.0 + 0.1 * (table.truth - 4))
    assert np.std(mean_draws(apart)) > 5 * np.std(mean_draws(apart[["id", "speaker", "truth", "seed0"]]))


def test_the_fall_is_unseen_minus_seen(tmp_path: Path) -> None:
    record = write_run(tmp_path, "large")
    table = [rows(record, "valence", partition) for partition in ("test1", "test2")]
    points = [np.mean([ccc(t.truth, t[f"seed{s}"]) for s in range(3)]) for t in table]
    found = fall(record, "valence", "test1", "test2")
    assert found.value == pytest.approx(points[1] - points[0]) and found.low < found.value < found.high


def test_one_speaker_has_no_interval_and_no_speaker_means_utterances(tmp_path: Path) -> None:
    lone = write_run(tmp_path / "lone", "large", speakers=1)
    assert np.isnan(contrast([lone], np.asarray, "valence", "test1").low)
    nameless = write_run(tmp_path / "none", "large")
    path = nameless.folder / "predictions.csv"
    pd.read_csv(path).assign(speaker=None).to_csv(path, index=False)
    found = contrast([nameless], np.asarray, "valence", "test1")
    assert found.low < found.value < found.high


def test_other_utterances_cannot_be_paired(tmp_path: Path) -> None:
    """Ids and truths must be the same; a missing file is named."""
    a, b = write_run(tmp_path, "large"), write_run(tmp_path, "small", n=200)
    with pytest.raises(ProbingError, match="estimated other utterances of test1"):
        contrast([a, b], np.subtract, "valence", "test1")
    with pytest.raises(ProbingError, match="has no estimates of joy"):
        contrast([a], np.asarray, "joy", "test1")
    (a.folder / "predictions.csv").unlink()
    with pytest.raises(ProbingError, match="incomplete"):
        predictions_of(a)
