from __future__ import annotations

import binascii
import json
import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from probing.cache import reader
from probing.cache import writer as writing
from probing.cache.format import STORES, Entry, Layout, checksum, parts_folder
from probing.cache.reader import Cache, find_cache
from probing.cache.writer import PartWriter, part_audio, write_virtual
from probing.errors import CacheError
from probing.files import digest, slug

README = Path(__file__).parents[2] / "cache" / "README.md"
PARTS = {"part-00000.h5": ["lang", "Käthe/Ünïcode 日本語", "b c"], "part-00002.h5": ["d"], "part-00005.h5": ["e", "f"]}
FRAMES = {id_: 3 + 7 * number for number, id_ in enumerate(id_ for ids in PARTS.values() for id_ in ids)}
L, D = 3, 8


def layout_of(store: str = "frames", **changes: Any) -> Layout:
    """A small cache's description."""
    plain = Layout(store, "float16", L, D, "Körper 1", "some/encoder@random", "a title", {"weights": "ab", "n": 1})
    return replace(plain, **changes)


def entry_of(id_: str, layout: Layout, seed: int = 0) -> Entry:
    """Numbers that only this utterance has."""
    rng = np.random.default_rng([*id_.encode(), seed])
    shape = (FRAMES[id_], layout.n_states, D) if layout.by_frame else (L, D)
    arrays = {name: rng.standard_normal(shape).astype(layout.dtype) for name in layout.arrays}
    return Entry(arrays, rng.random(L).astype(np.float32))


def write_part(path: Path, layout: Layout, ids: Iterable[str], seed: int = 0) -> None:
    """Write one part, its utterances in another order than its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = list(ids)
    with PartWriter(path, layout, ids, [400 * FRAMES[i] for i in ids], [FRAMES[i] for i in ids]) as writer:
        for id_ in reversed(ids):
            writer.write(id_, entry_of(id_, layout, seed))
        writer.finish()


def make(root: Path, layout: Layout | None = None) -> Path:
    """Write a whole cache of three parts and return its virtual file."""
    layout = layout or layout_of()
    path = layout.path(root)
    for name, ids in PARTS.items():
        write_part(parts_folder(path) / name, layout, ids)
    write_virtual(path, layout, list(PARTS))
    return path


def files(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refused(path: Path, *words: str) -> CacheError:
    """The error that opening a cache gives; it says what to do and holds the words."""
    with pytest.raises(CacheError) as error:
        Cache(path)
    assert error.value.remedy
    for word in words:
        assert word in str(error.value)
    return error.value


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_plain_h5py_reads_what_was_written(tmp_path: Path, store: str, dtype: str) -> None:
    """The virtual file gives any HDF5 reader all numbers, ids, lengths and offsets, bit for bit."""
    layout = layout_of(store, dtype=dtype)
    ids = list(FRAMES)
    with h5py.File(make(tmp_path, layout), "r") as file:
        assert file["id"].asstr()[:].tolist() == ids
        assert file["n_frames"][:].tolist() == list(FRAMES.values())
        assert file["n_samples"][:].tolist() == [400 * count for count in FRAMES.values()]
        assert file["offset"][:].tolist() == np.cumsum([0, *FRAMES.values()]).tolist()
        for row, id_ in enumerate(ids):
            entry = entry_of(id_, layout)
            rows = slice(*file["offset"][row : row + 2]) if store != "pooled" else row
            for name in layout.arrays:
                assert file[name].dtype == dtype
                assert file[name].is_virtual
                np.testing.assert_array_equal(file[name][rows], entry.arrays[name])
            np.testing.assert_array_equal(file["rms"][row], entry.rms)


@pytest.mark.parametrize("store", STORES)
def test_every_file_says_what_it_is(tmp_path: Path, store: str) -> None:
    """The virtual file and every part carry the same attributes, enough to tell what they hold without this package."""
    layout = layout_of(store, written_by="h5py 3")
    path = make(tmp_path, layout)
    for file_path in [path, *(parts_folder(path) / name for name in PARTS)]:
        with h5py.File(file_path, "r") as file:
            found = dict(file.attrs)
        assert found.pop("arrays").tolist() == list(STORES[store])
        assert found.pop("state_names").tolist() == ["0", "1", "2"]
        assert json.loads(found.pop("identity")) == layout.identity
        assert found == {
            "format": "probing-hidden-states",
            "version": 1,
            "store": store,
            "dtype": "float16",
            "n_states": L,
            "width": D,
            "corpus": "Körper 1",
            "encoder": "some/encoder@random",
            "title": "a title",
            "fingerprint": layout.fingerprint,
            "written_by": "h5py 3",
        }


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
    refused(path, "part-00002.h5", "1 of its 3 parts", "probe extract")


def test_a_missing_folder_of_parts_is_refused(tmp_path: Path) -> None:
    """A virtual file moved away from its parts says so."""
    path = make(tmp_path)
    moved = tmp_path / path.name
    path.rename(moved)
    refused(moved, "3 of its 3 parts", "move the folder back")


def test_a_part_of_another_size_is_refused(tmp_path: Path) -> None:
    """A part that was cut, as by a copy that broke off, is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    os.truncate(part, part.stat().st_size - 100)
    refused(path, str(part), "bytes instead of", "delete that part file")


def test_a_part_with_other_ids_is_refused(tmp_path: Path) -> None:
    """A part of the right size that holds other utterances is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    expected = part.stat().st_size
    with h5py.File(part, "r+") as file:
        file["id"][...] = ["f", "e"]
    os.truncate(part, expected)  # HDF5 leaves the old strings behind; only the ids must tell
    refused(path, str(part), "other utterances", "delete that part file")


def test_a_part_of_another_fingerprint_is_refused(tmp_path: Path) -> None:
    """A part of the same utterances and size, but of another encoder, is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00002.h5"
    size = part.stat().st_size
    write_part(part, layout_of(identity={"weights": "cd", "n": 1}), PARTS[part.name], seed=1)
    assert part.stat().st_size == size
    refused(path, str(part), "fingerprint", "delete that part file")


def test_a_part_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    """A part of the right size that HDF5 cannot open is named when the cache is opened."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00005.h5"
    part.write_bytes(bytes(part.stat().st_size))
    refused(path, str(part), "delete that part file")


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", None])
def test_a_virtual_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A virtual file that is empty, something else or cut anywhere is an error with a remedy, never a traceback."""
    path = make(tmp_path)
    whole = path.read_bytes()
    cuts = [content] if content is not None else [whole[: len(whole) * n // 9] for n in range(1, 9)]
    for cut in cuts:
        path.write_bytes(cut)
        refused(path, str(path), "probe extract")


def test_another_hdf5_file_is_refused(tmp_path: Path) -> None:
    """An HDF5 file of another program is no cache."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["states"] = np.zeros(3)
    refused(tmp_path / "other.h5", "no probing-hidden-states file")


@pytest.mark.parametrize(("name", "value"), [("version", 2), ("dtype", "float32"), ("format", "x")])
def test_another_version_or_changed_attribute_is_refused(tmp_path: Path, name: str, value: object) -> None:
    """A file of another version, or with attributes that do not give its fingerprint, is not read."""
    path = make(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    refused(path, str(path), "extract again")


def test_find_cache_never_reads_another_digest(tmp_path: Path) -> None:
    """Where only a cache of other weights is there, it is named and not read; the command that makes one is given."""
    path = make(tmp_path)
    wanted = layout_of(identity={"weights": "changed"}).path(tmp_path)
    with pytest.raises(CacheError, match="another fingerprint") as error:
        find_cache(wanted, "probe extract small.csv")
    assert path.name in str(error.value)
    assert error.value.remedy == "type: probe extract small.csv"
    assert find_cache(path, "").path == path


def test_find_cache_says_how_far_an_extraction_got(tmp_path: Path) -> None:
    """A cache that was not begun and one that was not finished are told apart."""
    path = layout_of().path(tmp_path)
    with pytest.raises(CacheError, match="nothing has been extracted"):
        find_cache(path, "probe extract")
    write_part(parts_folder(path) / "part-00000.h5", layout_of(), PARTS["part-00000.h5"])
    with pytest.raises(CacheError, match="has begun"):
        find_cache(path, "probe extract")


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
    with pytest.raises(CacheError, match="damaged") as error:
        cache.read(1, array)
    cache.close()
    assert str(part) in error.value.what
    assert cache.ids[1] in error.value.what
    assert "delete that part file" in error.value.remedy


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


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    """A writer left by an exception leaves neither a part nor a partial file."""
    part = tmp_path / "part-00000.h5"
    with pytest.raises(KeyboardInterrupt), PartWriter(part, layout_of(), ["d"], [1], [FRAMES["d"]]) as writer:
        writer.write("d", entry_of("d", layout_of()))
        assert files(tmp_path) == ["part-00000.h5.partial"]
        raise KeyboardInterrupt
    assert files(tmp_path) == []


def test_a_partial_file_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    """What a killed writer left does not stop or change the next one."""
    part = tmp_path / "part-00000.h5"
    (tmp_path / "part-00000.h5.partial").write_bytes(b"rubbish" * 100_000)
    write_part(part, layout_of(), ["d"])
    fresh = tmp_path / "fresh" / "part-00000.h5"
    write_part(fresh, layout_of(), ["d"])
    assert files(tmp_path) == ["fresh/part-00000.h5", "part-00000.h5"]
    assert part.stat().st_size == fresh.stat().st_size


def test_an_unfinished_part_is_never_given_its_name(tmp_path: Path) -> None:
    """`finish` refuses while an utterance is missing, and names it; no utterance can be written twice."""
    part = tmp_path / "part-00000.h5"
    with PartWriter(part, layout_of(), ["d", "e"], [1, 1], [FRAMES["d"], FRAMES["e"]]) as writer:
        writer.write("d", entry_of("d", layout_of()))
        with pytest.raises(RuntimeError, match="lacks e"):
            writer.finish()
        with pytest.raises(KeyError):
            writer.write("d", entry_of("d", layout_of()))
    assert files(tmp_path) == []


def test_what_reads_back_wrong_is_never_given_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part whose bytes on disk are not those that were handed over is not finished."""
    part = tmp_path / "part-00000.h5"
    real = checksum
    with PartWriter(part, layout_of(), ["d"], [1], [FRAMES["d"]]) as writer:
        monkeypatch.setattr(writing, "checksum", lambda numbers: real(numbers) ^ 1)
        writer.write("d", entry_of("d", layout_of()))
        monkeypatch.setattr(writing, "checksum", real)
        with pytest.raises(CacheError, match="utterance d"):
            writer.finish()
    assert files(tmp_path) == []


def test_part_audio_reads_a_finished_part(tmp_path: Path) -> None:
    """A part tells the lengths of its utterances, in order, and their audio's checksums (0: not known)."""
    write_part(tmp_path / "part-00000.h5", layout_of(), ["e", "b c"])
    assert list(part_audio(tmp_path / "part-00000.h5").items()) == [
        ("e", (400 * FRAMES["e"], 0)),
        ("b c", (400 * FRAMES["b c"], 0)),
    ]


@pytest.mark.parametrize("store", STORES)
def test_checksums_are_those_of_another_program(tmp_path: Path, store: str) -> None:
    """CRC-32 of C-order little-endian bytes, by another library and from each utterance's numbers as written."""
    layout = layout_of(store)
    path = make(tmp_path, layout)
    with h5py.File(path, "r") as file:
        for row, id_ in enumerate(FRAMES):
            for column, name in enumerate(layout.arrays):
                plain = entry_of(id_, layout).arrays[name].astype("<f2").tobytes("C")
                assert file["checksum"][row, column] == binascii.crc32(plain)


def test_checksum_does_not_depend_on_memory_layout() -> None:
    """Strides and byte order of the array in memory do not matter."""
    numbers = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    expected = binascii.crc32(numbers.tobytes())
    assert checksum(np.asfortranarray(numbers)) == expected
    assert checksum(numbers.astype(">f4")) == expected
    assert checksum(np.repeat(numbers, 2, axis=1)[:, ::2]) == expected


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"identity": {"weights": "cd", "n": 1}}, False),
        ({"store": "pooled"}, False),
        ({"dtype": "float32"}, False),
        ({"identity": {"n": 1, "weights": "ab"}}, True),
        ({"corpus": "other"}, True),
        ({"encoder": "renamed", "title": "renamed"}, True),
        ({"written_by": "torch 99"}, True),
    ],
)
def test_the_fingerprint_covers_what_settles_the_numbers(changes: dict[str, Any], same: bool) -> None:
    """It changes with identity, store and number format, not with names, library versions or the order of keys."""
    assert (layout_of(**changes).fingerprint == layout_of().fingerprint) is same


def test_the_fingerprint_is_that_of_the_specification() -> None:
    """SHA-256 of sorted JSON, as cache/README.md says; a fixed value, since a change orphans every cache."""
    assert layout_of().fingerprint == digest(
        {"store": "frames", "encoder": {"n": 1, "weights": "ab"}, "dtype": "float16"}
    )
    assert digest({"b": "ä", "a": [1, None]}) == ("8e64a511e2816ad0ddbff9f883daa506a7110eeb9ab2e65c5c98cb881b5eb628")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", "demo"),
        ("facebook/hubert-base-ls960", "facebook--hubert-base-ls960"),
        ("hubert-base@random-layers3", "hubert-base@random-layers3"),
        ("Körper 日本 %b", "Körper_日本__b"),
        ("/a/b/", "a--b"),
        ("a:b*c?", "a_b_c_"),
        ("", "unnamed"),
    ],
)
def test_slug(name: str, expected: str) -> None:
    """A name becomes a file name without separators, blanks or what HDF5 and shells read as patterns."""
    assert slug(name) == expected


def test_path_and_sizes_follow_from_the_layout() -> None:
    """The path tells corpus, encoder, store and fingerprint; a frame takes L × D numbers, pooled four times that."""
    layout = layout_of()
    assert layout.path(Path("x")) == Path(f"x/Körper_1/some--encoder@random-frames-{layout.fingerprint[:8]}.h5")
    assert parts_folder(layout.path(Path("x"))).name == f"some--encoder@random-frames-{layout.fingerprint[:8]}"
    assert layout.bytes_per_frame == L * D * 2
    assert layout_of("pooled", dtype="float32").bytes_per_frame == 4 * L * D * 4


def test_the_readme_s_example_reads_a_cache(tmp_path: Path) -> None:
    """The snippet of cache/README.md, run as printed on another cache, reads what Cache reads, and finds damage."""
    path, id_ = make(tmp_path), "Käthe/Ünïcode 日本語"
    [snippet] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(snippet.strip().splitlines()) <= 10
    assert "probing" not in snippet
    for name, value in (("path", str(path)), ("id_", id_)):
        snippet, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", snippet, flags=re.MULTILINE)
        assert count == 1
    names: dict[str, Any] = {}
    exec(snippet, names)
    cache = Cache(path)
    np.testing.assert_array_equal(names["states"], cache.read(cache.row[id_], "states"))
    cache.close()
    (parts_folder(path) / "part-00000.h5").unlink()
    with pytest.raises(AssertionError, match="missing or damaged"):
        exec(snippet, {})


@pytest.mark.parametrize(("rows", "width", "dtype"), [(1, 8, "float16"), (700, 64, "float32")])
def test_chunks_do_not_change_the_numbers(tmp_path: Path, rows: int, width: int, dtype: str) -> None:
    """Utterances shorter and longer than a chunk, and across its edge, are read as they were written."""
    layout = layout_of(dtype=dtype, width=width)
    rng = np.random.default_rng(0)
    numbers = {id_: rng.random((rows, L, width)).astype(dtype) for id_ in "abc"}
    part = parts_folder(layout.path(tmp_path)) / "part-00000.h5"
    part.parent.mkdir(parents=True)
    with PartWriter(part, layout, list(numbers), [1] * 3, [rows] * 3) as writer:
        for id_ in "cab":
            writer.write(id_, Entry({"states": numbers[id_]}, np.ones(L, np.float32)))
        writer.finish()
    write_virtual(layout.path(tmp_path), layout, [part.name])
    cache = Cache(layout.path(tmp_path))
    for row, id_ in enumerate(numbers):
        np.testing.assert_array_equal(cache.read(row, "states"), numbers[id_])
    cache.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
import test_format
from probing.cache import writer
writer._CHUNK_CACHE = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
test_format.make(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("chunk_cache", [0, 1 << 26])
@pytest.mark.parametrize("limit", [0, 100, 2500, 5000, 7000])
def test_a_full_disk_is_one_clear_error(tmp_path: Path, limit: int, chunk_cache: int) -> None:
    """Wherever the disk is full, one CacheError says so; HDF5 adds no tracebacks of its own and does not crash."""
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit), str(chunk_cache)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert process.returncode == 1, process.stderr  # Python's own for an exception; -11 would be a crash
    assert process.stderr.count("Traceback") <= 2  # the CacheError and the OSError that it was raised from
    assert "Exception ignored" not in process.stderr
    assert "CacheError: " in process.stderr
    assert "could not be written: File too large" in process.stderr
    assert "free some space" in process.stderr
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]
