"""Features read from a cache: both stores give the same, and the one that serves a fit best is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hidden_states import N_LAYERS, OPTIONS, WIDTH, planted_layer, write_cache, write_table

from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import CacheError
from probing.extraction.options import CacheOptions
from probing.probes.options import FitOptions
from probing.probes.sources import (
    FrameFeatures,
    PooledFeatures,
    choose_cache,
    demand_fetchable,
    features_from,
    rows_of,
)
from probing.probes.train import train_bank

POOLED_EXACT = FitOptions(pooling="mean+max", layers="each")


def test_frames_and_pooled_give_the_same_fit(tmp_path: Path) -> None:
    """With mean pooling, a fit that streams frames equals one that holds pooled states in memory."""
    corpus, states = planted_layer(3, count=60)
    options = replace(OPTIONS, epochs=5, seeds=1, permutations=1, refits=1)
    rows = np.arange(len(corpus))
    pooled, frames = (write_cache(tmp_path / store, states, store) for store in ("pooled", "frames"))
    held = train_bank(corpus, features_from(pooled, rows, options), N_LAYERS, WIDTH, options)
    for workers in (0, 1):
        source = features_from(frames, rows, replace(options, workers=workers))
        streamed = train_bank(corpus, source, N_LAYERS, WIDTH, options)
        np.testing.assert_allclose(streamed.predictions, held.predictions, atol=1e-5)


def test_frames_are_normed_in_every_frame(tmp_path: Path) -> None:
    """--normalize layer gives frames and pooled the same statistics, for the mean and the maximum."""
    _, states = planted_layer(3, count=12)
    rows = np.arange(12)
    held = PooledFeatures(write_cache(tmp_path / "p", states, "pooled"), rows, "mean+max", "layer")
    streamed = FrameFeatures(write_cache(tmp_path / "f", states, "frames"), rows, "mean+max", "layer")
    for a, b in zip(held.batches([rows]), streamed.batches([rows]), strict=True):
        torch.testing.assert_close(a.mean_BLD, b.mean_BLD, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(a.max_BLD, b.max_BLD, rtol=1e-4, atol=1e-5)


def test_a_batch_names_utterances_by_their_place_in_the_corpus(tmp_path: Path) -> None:
    """A corpus may have its utterances in another order than the cache, and fewer of them."""
    _, states = planted_layer(0, count=6)
    rows = np.array([5, 0, 3])
    for store in ("pooled", "frames"):
        source = features_from(write_cache(tmp_path / store, states, store), rows, replace(OPTIONS, normalize="none"))
        (batch,) = source.batches([np.array([2, 0])])
        np.testing.assert_allclose(batch.mean_BLD, states[[3, 5]].mean(1), rtol=1e-5, atol=1e-6)


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """A table corpus of the planted world."""
    corpus, _ = planted_layer(0, count=10)
    spec = CorpusSpec.resolve(str(write_table(corpus, tmp_path / "planted.csv")))
    return check_corpus(spec, Needs(dims=("valence",)))


@pytest.fixture
def encoder(tmp_path: Path) -> Any:
    """As much of the encoder that made the planted caches as finding them needs."""
    _, states = planted_layer(0, count=10)
    layout = write_cache(tmp_path / "elsewhere", states, "pooled").layout
    return SimpleNamespace(
        name=layout.encoder,
        title=layout.title,
        n_states=N_LAYERS,
        width=WIDTH,
        identity=layout.identity,
        state_names=layout.state_names,
        spec=EncoderSpec("none"),
        frame_rate=50.0,
    )


@pytest.mark.parametrize(
    ("there", "options", "asked", "chosen"),
    [
        (("frames", "pooled"), OPTIONS, None, "pooled"),
        (("frames", "pooled"), replace(OPTIONS, pooling="max"), None, "frames"),
        (("frames", "pooled"), POOLED_EXACT, None, "pooled"),
        (("frames", "pooled"), replace(POOLED_EXACT, layers="both"), None, "frames"),
        (("frames",), OPTIONS, None, "frames"),
        (("pooled",), replace(OPTIONS, pooling="mean+max"), None, "pooled"),
        (("frames", "pooled"), OPTIONS, "frames", "frames"),
    ],
)
def test_the_store_that_serves_best_is_chosen(
    checked: Checked, encoder: Any, tmp_path: Path, there: tuple[str, ...], options: FitOptions, asked: str, chosen: str
) -> None:
    """Pooled first, unless a maximum of learned sums is asked for; what is there serves where the best is not."""
    _, states = planted_layer(0, count=10)
    for store in there:
        write_cache(tmp_path / "cache/planted", states, store)
    source = CacheOptions(asked, "float32", tmp_path / "cache")
    assert choose_cache(checked, encoder, source, options).layout.store == chosen


@pytest.mark.parametrize(("options", "store"), [(OPTIONS, "pooled"), (replace(OPTIONS, pooling="max"), "frames")])
def test_a_missing_cache_is_that_of_the_store_that_serves_best(
    checked: Checked, encoder: Any, tmp_path: Path, options: FitOptions, store: str
) -> None:
    """The error's remedy is the command that makes it."""
    with pytest.raises(CacheError) as caught:
        choose_cache(checked, encoder, CacheOptions(None, "float32", tmp_path / "cache"), options)
    assert caught.value.code == "cache-missing"
    assert f"--store {store}" in caught.value.remedy and "--dtype float32" in caught.value.remedy


def test_a_store_without_hidden_states_is_refused(checked: Checked, encoder: Any, tmp_path: Path) -> None:
    """Latents are no hidden states."""
    with pytest.raises(CacheError) as caught:
        choose_cache(checked, encoder, CacheOptions("latents", "float32", tmp_path), OPTIONS)
    assert caught.value.code == "store-unfit"


def test_a_cache_that_lacks_utterances_is_refused(tmp_path: Path) -> None:
    """The error names the first of them and the command that completes the cache."""
    _, states = planted_layer(0, count=5)
    cache = write_cache(tmp_path, states, "pooled")
    assert rows_of(cache, ["u4", "u1"], "").tolist() == [4, 1]
    with pytest.raises(CacheError) as caught:
        rows_of(cache, ["u4", "u5"], "probe extract x.csv")
    assert caught.value.code == "cache-incomplete"
    assert "u5" in caught.value.what and "probe extract x.csv" in caught.value.remedy


def test_nothing_is_fetched_where_nothing_was_extracted(checked: Checked, tmp_path: Path) -> None:
    """Told by the names of files: of this corpus or one of its name, by this encoder; all else is for its opener."""
    source = CacheOptions(cache=tmp_path / "cache", dtype="float32")
    hub = EncoderSpec.resolve("hubert-base")

    def refusal(encoder: EncoderSpec = hub, **changes: Any) -> CacheError:
        with pytest.raises(CacheError) as caught:
            demand_fetchable(checked, encoder, replace(source, **changes), OPTIONS)
        return caught.value

    missing = refusal()
    assert missing.code == "cache-missing" and "probe extract" in missing.remedy and "--store pooled" in missing.remedy
    assert refusal(store="latents").code == "store-unfit"
    name = checked.corpus.name
    for other in (f"{name}/distilhubert-pooled-01234567.h5", "other/hubert-base-pooled-01234567.h5"):
        (source.cache / other).mkdir(parents=True)
    assert refusal().code == "cache-missing"
    begun = source.cache / f"{name}-01234567/hubert-base-layers3-pooled-01234567"
    begun.mkdir(parents=True)
    demand_fetchable(checked, hub, source, OPTIONS)
    begun.rmdir()
    refusal(EncoderSpec.resolve("facebook/hubert-base-ls960"))
    demand_fetchable(checked, EncoderSpec.resolve("demo-hubert"), source, OPTIONS)
