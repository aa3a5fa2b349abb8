"""Bootstrap intervals resample whole speakers, and hold what they say they hold."""

from __future__ import annotations

import numpy as np

from probing.statistics.bootstrap import bootstrap_ccc, interval
from probing.statistics.concordance import ccc


def test_the_bootstrap_resamples_whole_speakers() -> None:
    """Draws equal a plain resampling loop over speakers with the same random counts."""
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=30), rng.normal(size=(2, 30))
    speakers = np.repeat(list("abcde"), 6)
    draws = bootstrap_ccc(y, p, list(speakers), draws=20, seed=7)
    times = np.random.default_rng(7).multinomial(5, np.full(5, 0.2), size=20)
    for draw, counts in enumerate(times):
        rows = np.concatenate([np.tile(np.flatnonzero(speakers == s), k) for s, k in zip("abcde", counts, strict=True)])
        np.testing.assert_allclose(draws[:, draw], ccc(y[rows], p[:, rows]), atol=1e-10)


def test_an_interval_by_speaker_covers_the_truth() -> None:
    """With 40 speakers whose voices shift the estimates, about 95 % of intervals hold the population's CCC.

    Intervals by utterance, which take speakers' utterances for independent, hold it far less often.
    """
    rng = np.random.default_rng(1)

    def sample(speakers: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
        names = np.repeat(np.arange(speakers), 10)
        y = rng.normal(size=len(names))
        p = 0.5 * y + rng.normal(0, 1, speakers)[names] + rng.normal(0, 0.2, len(names))
        return y, p, [str(name) for name in names]

    truth = float(ccc(*sample(200_000)[:2]))
    held = {"speaker": 0, "utterance": 0}
    for _ in range(200):
        y, p, names = sample(40)
        for unit, clusters in (("speaker", names), ("utterance", [str(i) for i in range(len(y))])):
            low, high = interval(bootstrap_ccc(y, p, clusters, draws=300))
            held[unit] += low <= truth <= high
    assert 0.89 <= held["speaker"] / 200 <= 0.99
    assert held["utterance"] < held["speaker"] - 20


def test_two_systems_see_the_same_resamples() -> None:
    """With the same clusters and seed the draws of two systems are paired, whether they are drawn together or not."""
    rng = np.random.default_rng(2)
    y, p = rng.normal(size=40), rng.normal(size=(2, 40))
    clusters = [str(i % 8) for i in range(40)]
    together = bootstrap_ccc(y, p, clusters, draws=50)
    apart = [bootstrap_ccc(y, own, clusters, draws=50) for own in p]
    np.testing.assert_allclose(together, apart, atol=1e-12)
    assert not np.allclose(bootstrap_ccc(y, p[0], clusters, draws=50, seed=1), together[0])


def test_the_interval_is_of_percentiles() -> None:
    """2.5 % of the draws lie beyond each end; another level, other ends."""
    draws = np.stack([np.arange(1001.0), np.arange(1001.0)[::-1]])
    low, high = interval(draws)
    np.testing.assert_allclose((low, high), ([25, 25], [975, 975]))
    np.testing.assert_allclose(interval(draws[0], level=0.5), (250, 750))
