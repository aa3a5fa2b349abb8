from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from probing.cache.reader import Cache
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.scan import scan_audio
from probing.encoders.speech import SpeechEncoder, open_encoder
from probing.errors import CacheError
from probing.extraction.cost import ExtractOptions
from probing.extraction.extract import extract
from probing.extraction.verify import checksums, relative_error, verify


def extracted(table: Path, encoder: SpeechEncoder, root: Path, store: str, dtype: str) -> tuple[Corpus, Path]:
    corpus = open_corpus(str(table))
    options = ExtractOptions(store, dtype, batch_seconds=4, root=root)
    return corpus, extract(corpus, scan_audio(corpus.utterances), encoder, options)


@pytest.mark.parametrize(("store", "dtype"), [("frames", "float16"), ("frames", "float32"), ("pooled", "float32")])
def test_a_sound_cache_is_verified(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, store: str, dtype: str
) -> None:
    """A fresh cache passes, and the error of each layer is that of its number format."""
    encoder = open_encoder(str(checkpoints["hubert"]))
    corpus, path = extracted(table, encoder, tmp_path, store, dtype)
    found = verify(corpus, Cache(path), encoder, sample=5)
    assert found.passed and len(found.sample) == 5
    worst = max(float(errors.max()) for errors in found.errors.values())
    # Rounding to float16 costs up to 2⁻¹¹ of a number; float32 only what batching does.
    assert worst < 1e-5 if dtype == "float32" else 1e-5 < worst < 2**-11
    assert str(found).endswith("verified") and f"{encoder.n_states - 1:5d}" in str(found)


def test_every_damaged_utterance_is_named(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Flipped numbers are found wherever they are, and the sample is taken from what is sound."""
    encoder = open_encoder(str(checkpoints["hubert"]))
    corpus, path = extracted(table, encoder, tmp_path, "pooled", "float16")
    with h5py.File(path.with_suffix("") / "part-00000.h5", "r+") as file:
        ids = file["id"].asstr()[:]
        for row, name in ((2, "mean"), (7, "normed_max")):
            file[name][row, 0, 0] += 1
    found = verify(corpus, Cache(path), encoder, sample=100)
    assert not found.passed and set(found.damaged) == {ids[2], ids[7]} == set(checksums(Cache(path)))
    assert len(found.sample) == 30 and "2 wrong" in str(found) and "NOT verified" in str(found)


def test_states_of_another_encoder_are_noticed(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Right checksums over wrong numbers do not pass: the sample is extracted again."""
    corpus, path = extracted(table, open_encoder(str(checkpoints["hubert"])), tmp_path, "pooled", "float32")
    found = verify(corpus, Cache(path), open_encoder(f"{checkpoints['hubert']}@random"), sample=2)
    assert not found.damaged and not found.passed


def test_the_relative_error_is_taken_over_a_layer() -> None:
    """‖a − b‖/‖b‖ over frames and units of each layer."""
    fresh = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
    cached = fresh.copy()
    cached[:, 1] *= 1.5
    np.testing.assert_allclose(relative_error(cached, fresh), [0, 0.5], atol=1e-6)
    np.testing.assert_allclose(relative_error(cached[0], fresh[0]), [0, 0.5], atol=1e-6)


def test_what_is_absent_or_changed_is_counted(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A cache that lacks utterances, or whose audio is another by now, does not pass."""
    encoder = open_encoder(str(checkpoints["hubert"]))
    corpus, path = extracted(table, encoder, tmp_path, "pooled", "float16")
    more = replace(corpus, utterances=(*corpus.utterances, replace(corpus.utterances[0], id="new")))
    found = verify(more, Cache(path), encoder, sample=2)
    assert not found.passed and found.absent == ("new",) and "no place in the cache: new" in str(found)
    swapped = replace(corpus.utterances[3], path=corpus.utterances[4].path)
    other = replace(corpus, utterances=(*corpus.utterances[:3], swapped, *corpus.utterances[4:]))
    found = verify(other, Cache(path), encoder, sample=40)
    assert not found.passed and found.changed == (swapped.id,) and len(found.sample) == 31
    with pytest.raises(CacheError, match="--sample 0"):
        verify(corpus, Cache(path), encoder, sample=0)
