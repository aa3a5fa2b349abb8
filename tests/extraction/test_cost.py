"""The forecast of an extraction is what it then takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import RATE

from probing.cache.format import parts_folder
from probing.cache.reader import Cache
from probing.cache.stores import STORES
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.encoders.speech import SpeechEncoder
from probing.errors import CacheError
from probing.extraction.cost import Forecast, layout_of
from probing.extraction.extract import prepared
from probing.extraction.options import ExtractOptions


@pytest.fixture(scope="module")
def encoder(checkpoints: dict[str, Path]) -> SpeechEncoder:
    """A small encoder of waveforms."""
    opened = open_encoder(str(checkpoints["distilhubert"]))
    assert isinstance(opened, SpeechEncoder)
    return opened


@pytest.fixture(scope="module")
def checked(table: Path) -> Checked:
    """The small table corpus, its audio scanned."""
    return check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True), cache=table.parent, remember=False)


def forecast_of(checked: Checked, encoder: SpeechEncoder, options: ExtractOptions, root: Path) -> Forecast:
    """What the extraction of a corpus will take."""
    return prepared(checked, encoder, options, root).forecast


def held_bytes(cache: Cache) -> int:
    """Bytes of all numbers of all utterances."""
    found: Iterable[str] = cache.layout.arrays
    return sum(cache.read(row, name).nbytes for row in range(len(cache)) for name in found)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_forecast_is_what_is_written(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, store: str, dtype: str
) -> None:
    """Frames are exact, and bytes are those of the numbers and at most a few per cent more."""
    options = ExtractOptions(store, dtype)
    extraction = prepared(checked, encoder, options, tmp_path)
    before, cache = extraction.forecast, extraction.run()
    assert cache is not None and before.path == cache.path
    assert before.utterances == len(cache) == 32
    assert before.frames == cache.n_frames.sum()
    assert before.seconds == pytest.approx(cache.n_samples.sum() / RATE)
    assert held_bytes(cache) <= before.n_bytes <= 1.05 * held_bytes(cache)
    assert before.n_bytes_left == before.n_bytes
    assert forecast_of(checked, encoder, options, tmp_path).n_bytes_left == 0


def test_bytes_of_other_utterances_do_not_count(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """What is still to be written is that of the utterances not yet there, however much else the cache holds."""
    train = replace(checked, corpus=checked.corpus.select(["train"]))
    prepared(train, encoder, ExtractOptions(), tmp_path).run()
    small = replace(checked, corpus=checked.corpus.select(["test1"]))
    expected = forecast_of(small, encoder, ExtractOptions(partitions=("test1",)), tmp_path)
    assert expected.n_bytes_left == expected.n_bytes > 0
    whole = forecast_of(checked, encoder, ExtractOptions(), tmp_path)
    assert 0 < expected.n_bytes_left < whole.n_bytes_left < whole.n_bytes


def test_a_damaged_part_is_named_before_the_work(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """A part that cannot be read is not taken for missing: the error names it."""
    cache = prepared(checked, encoder, ExtractOptions(part_seconds=6), tmp_path).run()
    assert cache is not None
    part = parts_folder(cache.path) / cache.parts[1]
    part.write_bytes(b"no HDF5")
    with pytest.raises(CacheError) as caught:
        forecast_of(checked, encoder, ExtractOptions(part_seconds=6), tmp_path)
    assert caught.value.code == "cache-damaged" and str(part) in caught.value.what


def test_a_layout_says_what_each_state_is(checked: Checked, encoder: SpeechEncoder) -> None:
    """Of hidden states the transformer's input is layer 0; the front end's output is layer −1, C."""
    frames, latents = (layout_of(checked.corpus, encoder, store) for store in ("frames", "latents"))
    assert frames.state_names == tuple(map(str, range(encoder.n_states))) and frames.first_layer == 0
    assert latents.state_names == ("C",) and latents.first_layer == -1
