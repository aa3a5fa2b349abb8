"""Read a cache; nothing that is missing, damaged or another's goes unnoticed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from caches import FRAMES, PARTS, D, entry_of, layout_of, make, write_part

from probing.cache import reader
from probing.cache.format import checksum, parts_folder
from probing.cache.reader import Cache, open_cache
from probing.cache.stores import STORES
from probing.errors import CacheError


def refused(path: Path, code: str, *named: str) -> CacheError:
    """The error that opening a cache gives; it says what to do and names what is wrong."""
    with pytest.raises(CacheError) as caught:
        Cache(path)
    assert caught.value.code == code and caught.value.remedy
    for name in named:
        assert name in str(caught.value)
    return caught.value


@pytest.mark.parametrize("store", STORES)
def test_a_cache_reads_what_was_written(tmp_path: Path, store: str) -> None:
    """Cache gives every utterance by row or id, and what the cache says of itself."""
    layout = layout_of(store)
    cache = Cache(make(tmp_path, layout))
    assert cache.layout == layout
    assert cache.ids == list(FRAMES)
    assert cache.parts == list(PARTS)
    assert cache.n_frames.tolist() == list(FRAMES.values())
    assert cache.row == {id_: row for row, id_ in enumerate(FRAMES)}
    for row in np.random.default_rng(0).permutation(len(FRAMES)):
        entry = entry_of(cache.ids[row], layout)
        np.testing.assert_array_equal(cache.rms[row], entry.rms)
        for name in layout.arrays:
            np.testing.assert_array_equal(cache.read(int(row), name), entry.arrays[name])
    cache.close()
    cache.read(0, layout.arrays[0])  # opens the part again
    cache.close()


def test_few_parts_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that jumps between more parts than it may hold open still reads them all."""
    monkeypatch.setattr(reader, "_OPEN_PARTS", 1)
    cache = Cache(make(tmp_path))
    for row in (0, 5, 3, 1, 4, 0):
        np.testing.assert_array_equal(
            cache.read(row, "states"), entry_of(cache.ids[row], cache.layout).arrays["states"]
        )
        assert len(cache._open) == 1
    cache.close()


def test_a_cache_may_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any working directory, and after the folder was moved, plain h5py finds the parts: paths are relative."""
    root = tmp_path / "mit Leerzeichen & 100%s"
    path = make(root)
    monkeypatch.chdir(tmp_path)
    for moved in (tmp_path / "a b", tmp_path / "ünï" / "deep"):
        moved.parent.mkdir(exist_ok=True)
        shutil.move(root, moved)
        root, path = moved, moved / path.parent.name / path.name
        with h5py.File(path, "r") as file:
            np.testing.assert_array_equal(file["states"][:3], entry_of("lang", layout_of()).arrays["states"])
        Cache(path).read(5, "states")
        monkeypatch.chdir(path.parent)
        with h5py.File(path.name, "r") as file:
            assert not np.isnan(file["states"][:]).any()
        Cache(Path(path.name)).read(5, "states")
        monkeypatch.chdir(tmp_path)


def test_hdf5_fills_a_missing_part_without_an_error(tmp_path: Path) -> None:
    """What the checks at opening are for: without them, a missing part is read as NaN (not as zeros) and no error."""
    path = make(tmp_path)
    (parts_folder(path) / "part-00002.h5").unlink()
    with h5py.File(path, "r") as file:
        start, stop = file["offset"][3:5]
        assert np.isnan(file["states"][start:stop]).all()
        assert not np.isnan(file["states"][:start]).any()
    refused(path, "parts-missing", "part-00002.h5")


def test_a_missing_folder_of_parts_is_refused(tmp_path: Path) -> None:
    """A virtual file moved away from its parts says so."""
    path = make(tmp_path)
    moved = tmp_path / path.name
    path.rename(moved)
    refused(moved, "parts-missing", *PARTS)


def test_a_part_of_another_size_is_refused(tmp_path: Path) -> None:
    """A part that was cut, as by a copy that broke off, is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    os.truncate(part, part.stat().st_size - 100)
    refused(path, "part-size", str(part))


def test_a_part_with_other_ids_is_refused(tmp_path: Path) -> None:
    """A part of the right size that holds other utterances is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    expected = part.stat().st_size
    write_part(part, layout_of(), PARTS[part.name][::-1])
    assert part.stat().st_size == expected
    refused(path, "part-ids", str(part))


def test_a_part_of_another_fingerprint_is_refused(tmp_path: Path) -> None:
    """A part of the same utterances and size, but of another encoder, is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00002.h5"
    size = part.stat().st_size
    write_part(part, layout_of(identity={"weights": "cd", "n": 1}), PARTS[part.name], seed=1)
    assert part.stat().st_size == size
    refused(path, "part-fingerprint", str(part))


def test_a_part_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    """A part of the right size that HDF5 cannot open is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    part.write_bytes(bytes(part.stat().st_size))
    refused(path, "cache-damaged", str(part))


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", None])
def test_a_virtual_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A virtual file that is empty, something else or cut anywhere is an error with a remedy, never a traceback."""
    path = make(tmp_path)
    whole = path.read_bytes()
    cuts = [content] if content is not None else [whole[: len(whole) * n // 9] for n in range(1, 9)]
    for cut in cuts:
        path.write_bytes(cut)
        refused(path, "cache-damaged", str(path))


@pytest.mark.parametrize("store", STORES)
def test_a_flipped_byte_is_found(tmp_path: Path, store: str) -> None:
    """One changed bit of a part's numbers is an error that names part and utterance; its neighbours are still read."""
    layout = layout_of(store)
    path = make(tmp_path, layout)
    part, array = parts_folder(path) / "part-00000.h5", layout.arrays[-1]
    with h5py.File(part, "r") as file:
        data = file[array]
        layer = layout.n_states - 1 and 1
        where = data.id.get_chunk_info_by_coord((0, layer, 0)).byte_offset  # the first chunk of the layer
        first = file["offset"][1] if store != "pooled" else 1  # the second utterance begins there
        where += int(first) * D * data.dtype.itemsize
    with part.open("r+b") as handle:
        handle.seek(where)
        byte = handle.read(1)[0]
        handle.seek(where)
        handle.write(bytes([byte ^ 1]))
    cache = Cache(path)
    for row in (0, 2, 3, 4, 5):
        cache.read(row, array)
    with pytest.raises(CacheError) as error:
        cache.read(1, array)
    assert error.value.code == "cache-damaged"
    cache.close()
    assert str(part) in error.value.what
    assert cache.ids[1] in error.value.what


def test_no_damage_of_a_part_goes_unnoticed(tmp_path: Path) -> None:
    """A byte changed anywhere in a part gives the numbers that were written or a CacheError, never other numbers."""
    layout = layout_of()
    path = make(tmp_path, layout)
    part = parts_folder(path) / "part-00000.h5"
    whole = part.read_bytes()
    rng = np.random.default_rng(0)
    noticed = 0
    for where in rng.choice(len(whole), 100, replace=False):
        damaged = bytearray(whole)
        damaged[where] ^= int(rng.integers(1, 256))
        part.write_bytes(damaged)
        try:
            cache = Cache(path)
            try:
                for row, id_ in enumerate(PARTS[part.name]):
                    np.testing.assert_array_equal(cache.read(row, "states"), entry_of(id_, layout).arrays["states"])
            finally:
                cache.close()
        except CacheError:
            noticed += 1
    assert noticed > 10


def _checksums(cache: Cache) -> list[int]:
    return [checksum(cache.read(row, "states")) for row in range(len(cache.ids))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_read_a_cache(tmp_path: Path, method: str) -> None:
    """A cache with open files can be handed to worker processes; parent and workers read the same numbers."""
    cache = Cache(make(tmp_path))
    expected = _checksums(cache)  # the parts are open now
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_checksums, [cache, cache]) == [expected, expected]
    assert _checksums(cache) == expected
    cache.close()


def _read_in_child(cache: Cache, pipe: Any) -> None:
    pipe.send(_checksums(cache))


def test_a_forked_process_opens_its_own_files(tmp_path: Path) -> None:
    """A process forked while parts are open (not pickled) reads through handles of its own; its parent goes on."""
    cache = Cache(make(tmp_path))
    expected = _checksums(cache)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_read_in_child, args=(cache, theirs))
    child.start()
    assert ours.poll(30)
    assert ours.recv() == expected
    child.join()
    assert child.exitcode == 0
    assert _checksums(cache) == expected
    cache.close()


def test_a_pickled_cache_holds_no_open_files(tmp_path: Path) -> None:
    """A pickled cache is small and reads what the original reads."""
    cache = Cache(make(tmp_path))
    expected = _checksums(cache)
    again = pickle.loads(pickle.dumps(cache))
    assert not again._open
    assert _checksums(again) == expected
    again.close()
    cache.close()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """`open_cache` is for users: a wrong name is an error with a remedy, not one of HDF5."""
    with pytest.raises(CacheError) as caught:
        open_cache(tmp_path / "no.h5")
    assert caught.value.code == "cache-missing" and caught.value.remedy
    assert open_cache(str(make(tmp_path))).ids == list(FRAMES)
