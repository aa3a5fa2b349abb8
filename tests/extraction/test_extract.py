"""What an extraction writes, keeps, refuses and resumes."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
import torch
from builders import CHECKPOINTS, RATE, SMALL, waveform
from processes import Started, extraction_on_a_small_disk

from probing.cache.format import parts_folder
from probing.cache.reader import Cache
from probing.cache.stores import STORES
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.scan import AudioScan
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec
from probing.encoders.speech import SpeechEncoder
from probing.errors import AudioError, CacheError, OptionError
from probing.extraction.extract import extract, prepare, prepared
from probing.extraction.options import ExtractOptions, ExtractPlace
from probing.extraction.plan import settle_plan
from probing.files import size

SaveCheckpoint = Callable[..., Path]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small encoders gain nothing from threads, and lose much where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def encoders(checkpoints: dict[str, Path]) -> dict[str, SpeechEncoder]:
    """Each small checkpoint, open."""
    return {name: open_encoder(str(folder)) for name, folder in checkpoints.items()}


@pytest.fixture
def encoder(encoders: dict[str, SpeechEncoder]) -> SpeechEncoder:
    """One of them, where its kind does not matter."""
    return encoders["distilhubert"]


@pytest.fixture(scope="module")
def checked(table: Path) -> Checked:
    """The small table corpus, its audio scanned."""
    return checked_of(table)


def checked_of(table: Path) -> Checked:
    """A table's corpus, its audio scanned and nothing of that remembered."""
    return check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True), cache=table.parent, remember=False)


def only(checked: Checked, partition: str) -> Checked:
    """The same corpus with one partition."""
    return replace(checked, corpus=checked.corpus.select([partition]))


def path_of(checked: Checked, id_: str) -> Path:
    """An utterance's audio file."""
    return next(u.path for u in checked.corpus.utterances if u.id == id_ and u.path)


def lengths(checked: Checked) -> dict[str, int]:
    """Utterance → samples of its file."""
    return {utterance.id: soundfile.info(utterance.path).frames for utterance in checked.corpus.utterances}


def run(checked: Checked, encoder: SpeechEncoder, root: Path, **options: Any) -> Cache:
    """Extract and open."""
    cache = prepared(checked, encoder, ExtractOptions(**options), root).run()
    assert cache is not None
    return cache


def contents(cache: Cache) -> dict[str, dict[str, np.ndarray]]:
    """Utterance → its arrays, checked, and its rms."""
    found = {
        id_: {"rms": cache.rms[row], **{name: cache.read(row, name) for name in cache.layout.arrays}}
        for row, id_ in enumerate(cache.ids)
    }
    cache.close()
    return found


def assert_same(found: dict[str, dict[str, np.ndarray]], expected: dict[str, dict[str, np.ndarray]]) -> None:
    """Bit-equal."""
    assert sorted(found) == sorted(expected)
    for id_, arrays in expected.items():
        for name, numbers in arrays.items():
            np.testing.assert_array_equal(found[id_][name], numbers, err_msg=f"{id_} {name}")


def assert_close(found: np.ndarray, expected: np.ndarray, rtol: float = 1e-5) -> None:
    """‖a−b‖/‖b‖ per layer; the layer is the last axis but one."""
    a, b = (np.moveaxis(x.astype(np.float64), -2, 0).reshape(x.shape[-2], -1) for x in (found, expected))
    assert a.shape == b.shape
    assert (np.linalg.norm(a - b, axis=1) <= rtol * np.linalg.norm(b, axis=1)).all()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time of change and its bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != "audio.json"
    }


def parts_of(cache: Cache) -> list[Path]:
    """The cache's part files."""
    return [parts_folder(cache.path) / part for part in cache.parts]


@pytest.mark.parametrize("batch_seconds", [pytest.param(1, marks=pytest.mark.slow), 60])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_frames_are_what_each_utterance_gives_alone(
    checked: Checked, encoders: dict[str, SpeechEncoder], tmp_path: Path, name: str, batch_seconds: float
) -> None:
    """Every frame of every layer is the encoder's own for that utterance alone, whatever the batches were."""
    encoder = encoders[name]
    cache = run(checked, encoder, tmp_path, dtype="float32", batch_seconds=batch_seconds, part_seconds=8)
    assert len(cache.parts) > 2
    assert sorted(cache.ids) == sorted(utterance.id for utterance in checked.corpus.utterances)
    for utterance in checked.corpus.utterances:
        row = cache.row[utterance.id]
        samples, _ = soundfile.read(utterance.path, dtype="float32")
        alone = encoder.hidden_states([samples])[0][0].numpy()
        states = cache.read(row, "states")
        assert states.dtype == np.float32
        assert_close(states, alone)
        assert cache.n_samples[row] == len(samples)
        assert cache.n_frames[row] == len(alone)
        rms = np.sqrt(np.mean(np.square(alone.astype(np.float64)), axis=(0, 2)))
        np.testing.assert_allclose(cache.rms[row], rms, rtol=1e-5)
    cache.close()


def test_pooled_statistics_are_those_of_the_frames(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """Mean and max, raw and layer-normed, equal what NumPy computes in float64 from the store of all frames."""
    frames = contents(run(checked, encoder, tmp_path, dtype="float32"))
    pooled = contents(run(checked, encoder, tmp_path, store="pooled", dtype="float32"))
    assert sorted(pooled) == sorted(frames)
    for id_, found in pooled.items():
        x = frames[id_]["states"].astype(np.float64)
        normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        assert_close(found["mean"], x.mean(0))
        assert_close(found["max"], x.max(0))
        assert_close(found["normed_mean"], normed.mean(0))
        assert_close(found["normed_max"], normed.max(0))
        np.testing.assert_allclose(found["rms"], frames[id_]["rms"], rtol=1e-6)


@pytest.mark.parametrize("store", STORES)
def test_float16_is_float32_rounded_once(checked: Checked, encoder: SpeechEncoder, tmp_path: Path, store: str) -> None:
    """The default number format holds each number's nearest float16: statistics are taken before rounding."""
    exact = contents(run(checked, encoder, tmp_path, store=store, dtype="float32"))
    rounded = contents(run(checked, encoder, tmp_path, store=store))
    expected = {
        id_: {name: x if name == "rms" else x.astype(np.float16) for name, x in arrays.items()}
        for id_, arrays in exact.items()
    }
    assert_same(rounded, expected)


def test_running_again_changes_nothing(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished extraction is left as it is: no file is written, nothing is computed, whatever the batch options."""
    path = run(checked, encoder, tmp_path, part_seconds=8).path
    before = snapshot(tmp_path)
    monkeypatch.setattr(SpeechEncoder, "hidden_states", None)  # would fail if called
    for options in ({"part_seconds": 8}, {"batch_seconds": 60}):
        assert run(checked, encoder, tmp_path, **options).path == path
        assert snapshot(tmp_path) == before


def test_a_partition_first_then_the_whole(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """When the corpus grows, old parts are untouched, the file opened stands for all, and the content is the same."""
    first = run(only(checked, "test2"), encoder, tmp_path, part_seconds=4, dtype="float32")
    assert len(first.ids) == 6
    old = {path: snapshot(path.parent)[path.name] for path in parts_of(first)}
    first.close()
    whole = run(checked, encoder, tmp_path, part_seconds=4, dtype="float32")
    assert whole.path == first.path
    assert len(whole.parts) > len(old)
    assert {path: snapshot(path.parent)[path.name] for path in old} == old
    at_once = contents(run(checked, encoder, tmp_path / "at once", dtype="float32"))
    for id_, arrays in contents(whole).items():
        assert_close(arrays["states"], at_once[id_]["states"])


def test_a_part_of_the_corpus_leaves_the_whole(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """Extracting a partition of what is already there changes nothing and drops nothing."""
    run(checked, encoder, tmp_path)
    before = snapshot(tmp_path)
    assert len(run(only(checked, "test2"), encoder, tmp_path).ids) == len(checked.corpus)
    assert snapshot(tmp_path) == before


def test_a_deleted_part_alone_is_made_anew(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """After a damaged part was deleted, as the error says, only that part is written, with the same content."""
    cache = run(checked, encoder, tmp_path, part_seconds=6)
    before, expected = snapshot(tmp_path), contents(cache)
    gone = parts_of(cache)[1]
    gone.unlink()
    assert_same(contents(run(checked, encoder, tmp_path, part_seconds=6)), expected)
    after = snapshot(tmp_path)
    changed = {name for name in before if after[name][0] != before[name][0]}
    assert changed == {str(path.relative_to(tmp_path)) for path in (gone, cache.path)}


def test_other_batches_agree(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """An extraction that was stopped and goes on with another batch size gives the same content to 1e-5."""
    cache = run(checked, encoder, tmp_path, part_seconds=6, batch_seconds=1, dtype="float32")
    expected = contents(cache)
    kept, *rest = parts_of(cache)
    for path in (*rest, cache.path):
        path.unlink()
    before = snapshot(tmp_path)[str(kept.relative_to(tmp_path))]
    again = run(checked, encoder, tmp_path, batch_seconds=60, dtype="float32")
    assert snapshot(tmp_path)[str(kept.relative_to(tmp_path))] == before
    found = contents(again)
    assert sorted(found) == sorted(expected)
    for id_, arrays in expected.items():
        assert_close(found[id_]["states"], arrays["states"])


def test_audio_that_changed_is_refused(checked: Checked, table: Path, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """A recording with another length than its cached states is an error that names it; nothing is overwritten."""
    folder = Path(shutil.copytree(table.parent, tmp_path / "copy"))
    out = tmp_path / "out"
    path = run(checked_of(folder / table.name), encoder, out).path
    before = snapshot(out)
    soundfile.write(folder / "07.wav", waveform(0.9, 7), RATE)
    with pytest.raises(CacheError, match="u07") as error:
        run(checked_of(folder / table.name), encoder, out)
    assert error.value.code == "cache-changed"
    assert str(parts_folder(path) / "part-00000.h5") in str(error.value)
    assert snapshot(out) == before


def test_audio_that_changes_while_extracting_is_refused(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path
) -> None:
    """A recording whose length is no longer what the scan found ends the run and leaves no half part."""
    samples = lengths(checked)
    samples["u05"] += 1
    with pytest.raises(CacheError, match=r"05\.wav") as error:
        run(replace(checked, scan=AudioScan(samples)), encoder, tmp_path)
    assert error.value.code == "audio-changed"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == ["plan.json"]


def test_audio_that_vanishes_while_extracting_is_named(
    checked: Checked, table: Path, encoder: SpeechEncoder, tmp_path: Path
) -> None:
    """An error of a decoding thread reaches the user as it is; finished parts stay and no partial file."""
    folder = Path(shutil.copytree(table.parent, tmp_path / "copy"))
    copy = checked_of(folder / table.name)
    last = min(lengths(copy).items(), key=lambda item: item[1])[0]
    path_of(copy, last).unlink()
    with pytest.raises(AudioError, match=rf"{last[1:]}\.wav"):
        run(copy, encoder, tmp_path / "out", part_seconds=6)
    left = [path.name for path in (tmp_path / "out").rglob("part-*[!k]")]
    assert len(left) > 1
    assert all(name.startswith("part-") and name.endswith(".h5") for name in left)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_loses_only_the_part_in_flight(
    checked: Checked,
    encoder: SpeechEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    """Ctrl-C between batches leaves finished parts and no partial file; the next run ends with the same bits."""
    expected = contents(run(checked, encoder, tmp_path / "whole", part_seconds=6))
    real, calls = SpeechEncoder.hidden_states, []

    def interrupted(self: SpeechEncoder, waveforms: Sequence[np.ndarray]) -> Any:
        calls.append(len(waveforms))
        if len(calls) == 12:
            raise error
        return real(self, waveforms)

    with monkeypatch.context() as patch:
        patch.setattr(SpeechEncoder, "hidden_states", interrupted)
        with pytest.raises(error):
            run(checked, encoder, tmp_path / "cut", part_seconds=6)
    left = sorted(path.name for path in (tmp_path / "cut").rglob("part-*[!k]"))
    assert left
    assert left == [f"part-{number:05d}.h5" for number in range(len(left))]
    kept = snapshot(tmp_path / "cut")
    assert_same(contents(run(checked, encoder, tmp_path / "cut", part_seconds=6)), expected)
    assert kept.items() <= snapshot(tmp_path / "cut").items()


def test_a_stale_partial_file_of_another_plan_is_removed(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path
) -> None:
    """What a killed run left under a plan that was then given up does not stay on the disk for ever."""
    folder = parts_folder(prepared(checked, encoder, ExtractOptions(), tmp_path).path)
    settle_plan(folder, lengths(checked), 1.0, 6)  # a run that was killed in its first part …
    (folder / "part-00000.h5.partial").write_bytes(b"half")
    run(checked, encoder, tmp_path, batch_seconds=60)  # … and goes on with other options
    assert list(tmp_path.rglob("*.partial")) == []


@pytest.mark.parametrize("damage", ["lost", "damaged"])
def test_finished_parts_tell_a_lost_plan_again(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, damage: str
) -> None:
    """Without plan.json, and with other options, finished parts stay as they are and only what is missing is made."""
    cache = run(checked, encoder, tmp_path, part_seconds=6)
    expected, folder = contents(cache), parts_folder(cache.path)
    plan = folder / "plan.json"
    plan.unlink() if damage == "lost" else plan.write_text("{")
    missing = folder / cache.parts[1]
    missing.unlink()
    kept = {name: found for name, found in snapshot(folder).items() if name.startswith("part-")}
    again = run(checked, encoder, tmp_path, part_seconds=9)
    assert kept.items() <= snapshot(folder).items()
    assert not missing.exists() or missing.name not in kept
    assert_same(contents(again), expected)


def test_a_lost_plan_is_made_again(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """With the same options, what is missing is extracted in the batches that it had: the content is bit-equal."""
    cache = run(checked, encoder, tmp_path, part_seconds=6)
    expected, folder = {id_: cache[id_].tobytes() for id_ in cache.ids}, parts_folder(cache.path)
    plan = (folder / "plan.json").read_bytes()
    for damaged in (None, b"{", plan.replace(b"u0", b"u9")):
        (folder / "plan.json").unlink() if damaged is None else (folder / "plan.json").write_bytes(damaged)
        (folder / cache.parts[1]).unlink()
        (folder / "part-copy.h5").write_bytes(b"of somebody's")
        again = run(checked, encoder, tmp_path, part_seconds=6)
        assert again.parts == cache.parts and (folder / "plan.json").read_bytes() == plan
        assert {id_: again[id_].tobytes() for id_ in again.ids} == expected


def test_a_part_of_another_encoder_is_not_taken_in(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """A part of the same utterances that was copied from the cache of another number format is refused by name."""
    paths = [run(checked, encoder, tmp_path / dtype, dtype=dtype).path for dtype in ("float32", "float16")]
    part, other = (parts_folder(path) / "part-00000.h5" for path in paths)
    shutil.copy(other, part)
    with pytest.raises(CacheError) as error:
        run(checked, encoder, tmp_path / "float32", dtype="float32")
    assert error.value.code == "part-fingerprint" and str(part) in error.value.what


@pytest.mark.parametrize("damage", ["cut", "no HDF5"])
def test_a_damaged_virtual_file_is_written_anew(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, damage: str
) -> None:
    """It holds nothing that the parts do not, so extracting again mends it and extracts nothing."""
    cache = run(checked, encoder, tmp_path)
    expected, path = contents(cache), cache.path
    path.write_bytes(path.read_bytes()[:-100] if damage == "cut" else b"no HDF5")
    kept = snapshot(parts_folder(path))
    assert_same(contents(run(checked, encoder, tmp_path)), expected)
    assert snapshot(parts_folder(path)) == kept


def test_a_stale_virtual_file_is_written_anew(checked: Checked, encoder: SpeechEncoder, tmp_path: Path) -> None:
    """A virtual file that stands for fewer parts than there are (put back, or left by a slower process) is replaced."""
    few = only(checked, "train")
    path = run(few, encoder, tmp_path, part_seconds=6).path
    stale = path.read_bytes()
    whole = run(checked, encoder, tmp_path, part_seconds=6).ids
    path.write_bytes(stale)
    assert run(checked, encoder, tmp_path, part_seconds=6).ids == whole


class Scaled:
    """An encoder with the value of one layer of the shortest utterances replaced."""

    def __init__(self, encoder: SpeechEncoder, value: float, layer: int = 2, below: float = 0.5) -> None:
        self._encoder, self._value, self._layer, self._below = encoder, value, layer, below

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def hidden_states(self, waveforms: Sequence[np.ndarray]) -> tuple[torch.Tensor, list[int]]:
        states_BTLD, frames_B = self._encoder.hidden_states(waveforms)
        states_BTLD = states_BTLD.clone()  # what inference mode made cannot be changed
        for row, samples in enumerate(waveforms):
            if len(samples) < self._below * RATE:
                states_BTLD[row, 3, self._layer, 7] = self._value
        return states_BTLD, frames_B


@pytest.mark.parametrize("store", ["frames", "pooled"])
@pytest.mark.parametrize("value", [70_000.0, -123_456.0])
def test_a_value_beyond_float16_is_refused(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, store: str, value: float
) -> None:
    """It is an error that names utterance, layer, value and option; finished parts stay, and float32 holds it."""
    huge = Scaled(encoder, value * (1 if store == "frames" else 1000))
    with pytest.raises(CacheError) as error:
        run(checked, huge, tmp_path, store=store, part_seconds=6)
    assert error.value.code == "dtype-range"
    assert error.value.what.startswith("utterance u") and "layer 2 " in error.value.what
    assert "--dtype float32" in error.value.remedy
    if store == "frames":
        assert f"{abs(value):.0f}" in error.value.what
    left = [path.name for path in tmp_path.rglob("part-*[!k]")]
    assert "part-00000.h5" in left
    assert all(name.endswith(".h5") and name.startswith("part-") for name in left)
    cache = run(checked, huge, tmp_path, store=store, part_seconds=6, dtype="float32")
    assert all(np.isfinite(x).all() for arrays in contents(cache).values() for x in arrays.values())


def test_a_value_beyond_float16_comes_out_of_real_weights(
    table: Path, save_checkpoint: SaveCheckpoint, tmp_path: Path
) -> None:
    """An encoder whose weights give huge states is refused before a part is written."""
    from safetensors.torch import load_file, save_file

    folder = save_checkpoint("wav2vec2-layer")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layers.1.feed_forward.output_dense.bias"] += 1e6
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CacheError, match="layer 2 reaches 1000") as error:  # some 1,000,000
        extract(str(table), str(folder), cache=tmp_path)
    assert error.value.code == "dtype-range"
    assert not list(tmp_path.rglob("part-*[!k]"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_not_a_number_is_refused(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, value: float, dtype: str
) -> None:
    """NaN and inf are errors in every number format, never written, and no advice of a wider format is given."""
    with pytest.raises(CacheError, match="layer 1 ") as error:
        run(checked, Scaled(encoder, value, layer=1, below=9), tmp_path, dtype=dtype)
    assert error.value.code == "not-finite"
    assert "--dtype" not in str(error.value)


def test_a_disk_that_is_too_small_is_refused(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot fit is refused before anything is written; the smaller store is named with its size."""
    needed = prepared(checked, encoder, ExtractOptions(), tmp_path).forecast
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, needed.n_bytes_left - 1))
    out = tmp_path / "new"
    with pytest.raises(CacheError) as error:
        run(checked, encoder, out)
    assert error.value.code == "disk"
    assert f"--store pooled` ({size(needed.pooled_bytes)})" in error.value.remedy
    assert not out.exists()
    pooled = run(checked, encoder, out, store="pooled")
    written = sum(path.stat().st_size for path in parts_of(pooled))
    assert needed.pooled_bytes < written < needed.pooled_bytes + 100_000  # and what HDF5 and the ids take


def test_what_is_already_there_need_not_fit_again(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is full by now, a finished cache is not refused."""
    run(checked, encoder, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    assert len(run(checked, encoder, tmp_path).ids) == 32


def test_a_dry_run_writes_nothing(checked: Checked, checkpoints: dict[str, Path], table: Path, tmp_path: Path) -> None:
    """Hours, frames, bytes and free disk are known, and the disk is as it was."""
    out = tmp_path / "not yet" / "there"
    extraction = prepare(str(table), str(checkpoints["hubert"]), place=ExtractPlace(out), dry=True)
    assert list(tmp_path.iterdir()) == []
    hours = sum(lengths(checked).values()) / RATE / 3600
    for word in ("32 utterances", f"{hours:.2f} h", "frames", "free", str(out)):
        assert word in str(extraction.forecast)
    assert extraction.checked.name == f"small-{extraction.checked.identity.short}"
    assert extraction.path.parent == out / extraction.checked.name


def test_one_call_extracts(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """`extract` takes the options of both dataclasses by name, and refuses a name that is none."""
    cache = extract(str(table), str(checkpoints["hubert"]), store="pooled", partitions=("test1",), cache=tmp_path)
    assert cache.layout.store == "pooled" and len(cache) == 6
    with pytest.raises(OptionError) as error:
        extract(str(table), str(checkpoints["hubert"]), shop="pooled")
    assert error.value.code == "option-unknown" and "shop" in error.value.what


def test_what_others_are_writing_is_not_returned(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """One shard of two leaves parts to the other: there is no cache yet."""
    encoder, options = str(checkpoints["hubert"]), ExtractOptions("pooled", part_seconds=6, shard="1/2")
    assert prepare(str(table), encoder, options, ExtractPlace(tmp_path)).run() is None
    with pytest.raises(CacheError) as error:
        extract(str(table), encoder, store="pooled", part_seconds=6, shard="1/2", cache=tmp_path)
    assert error.value.code == "cache-unfinished"
    assert len(extract(str(table), encoder, store="pooled", part_seconds=6, shard="2/2", cache=tmp_path)) == 32


def test_state_c_reaches_the_cache(checkpoints: dict[str, Path], table: Path, tmp_path: Path) -> None:
    """With `convolution` it stands in front, and is called C and layer −1."""
    cache = extract(str(table), EncoderSpec.resolve(str(checkpoints["hubert"]), convolution=True), store="pooled",
                    cache=tmp_path)  # fmt: skip
    assert cache.path.name.startswith("hubert-C-pooled-")
    assert cache.layout.n_states == SMALL["num_hidden_layers"] + 2
    assert cache.layout.state_names[:2] == ("C", "0") and cache.layout.first_layer == -1
    assert cache.layout.identity["convolution"] is True


def test_a_batch_that_does_not_fit_into_memory_names_the_option(
    checked: Checked, encoder: SpeechEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory: half the batch is proposed; where it is one utterance, another device."""

    def full(self: SpeechEncoder, waveforms: Sequence[np.ndarray]) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(SpeechEncoder, "hidden_states", full)
    with pytest.raises(CacheError) as error:
        run(checked, encoder, tmp_path, batch_seconds=10)
    assert error.value.code == "memory"
    assert 4 < float(error.value.remedy.split("`")[1].split()[1]) <= 5
    with pytest.raises(CacheError, match="--device cpu"):
        run(checked, encoder, tmp_path, batch_seconds=0.1)


def test_paths_with_blanks_and_unicode(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders, files and encoders may be named as people name them; paths relative to the working directory too."""
    folder = Path(shutil.copytree(table.parent, tmp_path / "mein Körper % 日本"))
    (folder / table.name).rename(folder / "über all.csv")
    encoder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "ein %b Encoder"))
    monkeypatch.chdir(tmp_path)
    cache = extract(f"{folder.name}/über all.csv", encoder.name, cache="aus gabe %d", batch_seconds=60)
    assert cache.path.parent.parent == Path("aus gabe %d") and cache.path.parent.name.startswith("über_all-")
    with h5py.File(cache.path, "r") as file:
        assert np.isfinite(file["states"][:]).all()
    assert len(cache) == 32


@pytest.mark.parametrize("name", ["...csv", "..csv", ".hidden.csv"])
def test_no_name_leaves_the_folder(table: Path, checkpoints: dict[str, Path], tmp_path: Path, name: str) -> None:
    """A table whose stem is `..`, or which is hidden, gets a folder of its own below the others."""
    folder = Path(shutil.copytree(table.parent, tmp_path / "corpus"))
    (folder / table.name).rename(folder / name)
    spec = CorpusSpec(str(folder / name))
    out = tmp_path / "deep" / "cache"
    extraction = prepare(spec, str(checkpoints["hubert"]), ExtractOptions("pooled"), ExtractPlace(out))
    assert extraction.path.resolve().parent.parent == out.resolve()
    assert not extraction.path.parent.name.startswith(".")


def test_a_disk_that_fills_up_is_one_clear_error(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Where writing fails, one error says so, and nothing crashes behind it; with more room it goes through."""
    options = {"part_seconds": 29, "batch_seconds": 60, "dtype": "float32"}
    process = Started(extraction_on_a_small_disk, table, checkpoints["hubert"], options, tmp_path, 300_000)
    printed, errors = process.communicate()
    assert process.returncode == 1, errors
    assert "Exception ignored" not in errors and "Traceback" not in errors
    code, what, *_ = printed.splitlines()
    assert code == "disk" and "part-00000.h5.partial" in what and "File too large" in what
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix == ".h5"] == []
    assert len(extract(str(table), str(checkpoints["hubert"]), cache=tmp_path, **options)) == 32
