"""What a bank sees of a batch: statistics of every frame, by NumPy's word, and nothing of storage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probing.probes.features import features_of
from probing.probes.options import NORMALIZE, POOLINGS


def utterances() -> list[np.ndarray]:
    """Three utterances [T, L, D] of unequal lengths; their layers' scales differ."""
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 10.0])[:, None]
    return [(3 + scales * rng.standard_normal((frames, 2, 8))).astype(np.float32) for frames in (1, 4, 7)]


@pytest.mark.parametrize("normalize", NORMALIZE)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_statistics_are_taken_over_each_utterances_own_frames(pooling: str, normalize: str) -> None:
    """Mean and maximum over time, after a layer norm of every state where it is asked for."""
    own = utterances()
    if normalize == "layer":
        own = [(x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) for x in own]
    found = features_of([torch.from_numpy(x) for x in utterances()], pooling, normalize)
    if "mean" in pooling:
        np.testing.assert_allclose(found.mean_BLD, np.stack([x.mean(0) for x in own]), rtol=1e-4, atol=1e-5)
    if "max" in pooling:
        np.testing.assert_allclose(found.max_BLD, np.stack([x.max(0) for x in own]), rtol=1e-4, atol=1e-5)
    assert (found.mean_BLD is None) is ("mean" not in pooling)
    assert (found.max_BLD is None) is (found.frames is None) is ("max" not in pooling)


def test_frames_are_kept_only_where_a_maximum_needs_them() -> None:
    """Without whole frames a batch is what the store `pooled` would give."""
    frames = [torch.from_numpy(x) for x in utterances()]
    assert features_of(frames, "mean+max", "none", whole=False).frames is None
    assert features_of(frames, "mean", "none").frames is None
    kept = features_of(frames, "max", "none").frames
    assert kept is not None and [len(x) for x in kept] == [1, 4, 7]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("normalize", NORMALIZE)
def test_statistics_do_not_depend_on_how_frames_are_stored(pooling: str, normalize: str) -> None:
    """Numbers in float16, one state after another in memory as a cache gives them, are computed with in float32."""
    halves = [x.astype(np.float16) for x in utterances()]
    plain = features_of([torch.from_numpy(x.astype(np.float32)) for x in halves], pooling, normalize)
    apart = [torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1))).transpose(0, 1) for x in halves]
    found = features_of(apart, pooling, normalize)
    for ours, theirs in [(found.mean_BLD, plain.mean_BLD), (found.max_BLD, plain.max_BLD)]:
        assert (ours is None) is (theirs is None)
        assert ours is None or (ours.dtype == torch.float32 and torch.equal(ours, theirs))
    assert all(map(torch.equal, found.frames or (), plain.frames or ()))
