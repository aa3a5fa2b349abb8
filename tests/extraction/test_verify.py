"""`probe verify`: what is sound passes, and what is wrong, changed or absent is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from probing.cache.reader import Cache
from probing.corpus.opening import open_corpus
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec
from probing.errors import CacheError
from probing.extraction.extract import extract
from probing.extraction.options import CacheOptions, ExtractPlace, VerifyOptions
from probing.extraction.verify import Verification, checksums, relative_error, verified, verify


def extracted(table: Path, encoder: Path, root: Path, store: str = "pooled", dtype: str = "float16") -> Path:
    """The virtual file of a fresh cache."""
    return extract(str(table), str(encoder), store=store, dtype=dtype, batch_seconds=4, cache=root).path


def verified_at(
    table: Path, encoder: str | Path | EncoderSpec, cache: Path, sample: int, **source: str
) -> Verification:
    """What `probe verify` finds."""
    named = encoder if isinstance(encoder, EncoderSpec) else str(encoder)
    return verify(str(table), named, CacheOptions(cache=cache, **source), VerifyOptions(sample), ExtractPlace(cache))


@pytest.mark.parametrize(("store", "dtype"), [("frames", "float16"), ("frames", "float32"), ("pooled", "float32")])
def test_a_sound_cache_is_verified(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, store: str, dtype: str
) -> None:
    """A fresh cache passes, and the error of each layer is that of its number format."""
    extracted(table, checkpoints["hubert"], tmp_path, store, dtype)
    found = verified_at(table, checkpoints["hubert"], tmp_path, 5, store=store, dtype=dtype)
    assert found.passed and len(found.sample) == 5
    worst = max(float(errors.max()) for errors in found.errors.values())
    # Rounding to float16 costs up to 2⁻¹¹ of a number; float32 only what batching does.
    assert worst < 1e-5 if dtype == "float32" else 1e-5 < worst < 2**-11
    assert all(f"{state:>5} " in str(found) for state in found.cache.layout.state_names)


def test_every_damaged_utterance_is_named(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Flipped numbers are found wherever they are, and the sample is taken from what is sound."""
    path = extracted(table, checkpoints["hubert"], tmp_path)
    with h5py.File(path.with_suffix("") / "part-00000.h5", "r+") as file:
        ids = file["id"].asstr()[:]
        for row, name in ((2, "mean"), (7, "normed_max")):
            file[name][row, 0, 0] += 1
    found = verified_at(table, checkpoints["hubert"], tmp_path, 100, store="pooled")
    assert not found.passed and set(found.damaged) == {ids[2], ids[7]} == set(checksums(Cache(path)))
    assert {error.code for error in found.damaged.values()} == {"cache-damaged"}
    assert len(found.sample) == 30


def test_states_of_another_encoder_are_noticed(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Right checksums over wrong numbers do not pass: the sample is extracted again."""
    cache = Cache(extracted(table, checkpoints["hubert"], tmp_path, "pooled", "float32"))
    other = open_encoder(f"{checkpoints['hubert']}@random")
    found = verified(open_corpus(str(table)), cache, other, VerifyOptions(2))
    assert not found.damaged and not found.passed


def test_one_file_may_be_named(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A cache file settles store and number format; another encoder than its own is refused."""
    path = extracted(table, checkpoints["hubert"], tmp_path, "pooled", "float32")
    assert verified_at(table, checkpoints["hubert"], path, 2).passed
    with pytest.raises(CacheError) as caught:
        verified_at(table, f"{checkpoints['hubert']}@random", path, 2)
    assert caught.value.code == "cache-fingerprint"


def test_verifying_writes_nothing(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Neither where there is a cache nor where there is none, which is an error with the command that makes it."""
    extracted(table, checkpoints["hubert"], tmp_path)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    verified_at(table, checkpoints["hubert"], tmp_path, 1, store="pooled")
    with pytest.raises(CacheError) as caught:
        verified_at(table, checkpoints["hubert"], tmp_path, 1, store="frames")
    assert caught.value.code == "cache-missing" and "--store frames" in caught.value.remedy
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
    with pytest.raises(CacheError):
        verified_at(table, checkpoints["hubert"], tmp_path / "nowhere", 1)
    assert not (tmp_path / "nowhere").exists()


def test_the_store_that_is_there_is_verified(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Nobody extracts every frame for having asked about a pooled cache without naming its store."""
    extracted(table, checkpoints["hubert"], tmp_path)
    assert verified_at(table, checkpoints["hubert"], tmp_path, 1).cache.layout.store == "pooled"


def test_state_c_is_called_c(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """In what is printed too, the raw convolution output is C and the transformer's input 0."""
    spec = EncoderSpec.resolve(str(checkpoints["hubert"]), convolution=True)
    extract(str(table), spec, store="pooled", cache=tmp_path)
    found = verified_at(table, spec, tmp_path, 1, store="pooled")
    first = [line.split()[0] for line in str(found).splitlines() if line.startswith("      ")]
    assert found.passed and first == ["C", "0", "1", "2", "3"]


def test_the_relative_error_is_taken_over_a_layer() -> None:
    """‖a − b‖/‖b‖ over frames and units of each layer."""
    fresh = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
    cached = fresh.copy()
    cached[:, 1] *= 1.5
    np.testing.assert_allclose(relative_error(cached, fresh), [0, 0.5], atol=1e-6)
    np.testing.assert_allclose(relative_error(cached[0], fresh[0]), [0, 0.5], atol=1e-6)


def test_what_is_absent_or_changed_is_counted(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A cache that lacks utterances, or whose audio is another by now, does not pass."""
    cache, encoder = Cache(extracted(table, checkpoints["hubert"], tmp_path)), open_encoder(str(checkpoints["hubert"]))
    corpus = open_corpus(str(table))
    more = replace(corpus, utterances=(*corpus.utterances, replace(corpus.utterances[0], id="new")))
    found = verified(more, cache, encoder, VerifyOptions(2))
    assert not found.passed and found.absent == ("new",) and "new" in str(found)
    swapped = replace(corpus.utterances[3], path=corpus.utterances[4].path)
    other = replace(corpus, utterances=(*corpus.utterances[:3], swapped, *corpus.utterances[4:]))
    found = verified(other, cache, encoder, VerifyOptions(40))
    assert not found.passed and found.changed == (swapped.id,) and len(found.sample) == 31


def test_audio_that_changed_is_named(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """The corpus's own cache is found though some of its audio has changed, and the changed utterance is named."""
    folder = Path(shutil.copytree(table.parent, tmp_path / "corpus"))
    extracted(folder / table.name, checkpoints["hubert"], tmp_path / "cache")
    samples, rate = soundfile.read(folder / "05.wav", dtype="float32")
    soundfile.write(folder / "05.wav", samples[::-1], rate)
    found = verified_at(folder / table.name, checkpoints["hubert"], tmp_path / "cache", 2, store="pooled")
    assert not found.passed and found.changed == ("u05",)
