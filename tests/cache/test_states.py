"""States are read straight from the file: whatever shape their chunks have, and compared when that is needed."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from caches import FRAMES, PARTS, as_version_0_1_0, entry_of, layout_of, make

from probing.cache import reader, states, writer
from probing.cache.format import checksum, parts_folder
from probing.cache.reader import Cache
from probing.cache.states import States, chunk_places
from probing.errors import CacheError


@pytest.mark.parametrize("chunks", [(4, 1, 8), (5, 2, 8), (4, 1, 5), (37, 3, 8), None])
@pytest.mark.parametrize("userblock", [0, 512])
def test_rows_are_those_of_hdf5(tmp_path: Path, chunks: tuple[int, ...] | None, userblock: int) -> None:
    """Any rows, across the edges of chunks of any shape, with and without a user block."""
    numbers = np.random.default_rng(0).standard_normal((37, 3, 8)).astype(np.float16)
    with h5py.File(tmp_path / "x.h5", "w", userblock_size=userblock) as file:
        file.create_dataset("states", data=numbers, chunks=chunks)
    found = States(h5py.File(tmp_path / "x.h5", "r"))
    for start, stop in [(0, 37), (3, 4), (4, 8), (7, 30), (36, 37), (5, 5)]:
        np.testing.assert_array_equal(found.read("states", start, stop), numbers[start:stop])
    found.close()


def test_what_the_system_gives_in_pieces_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read may give fewer bytes than it was asked for; a file that ends is damage, not a wait for ever."""
    cache = Cache(make(tmp_path))
    whole = entry_of("d", cache.layout).arrays["states"]
    real = os.preadv
    monkeypatch.setattr(states.os, "preadv", lambda number, into, at: real(number, [into[0].cast("B")[:5]], at))
    np.testing.assert_array_equal(cache.read(cache.row["d"], "states"), whole)
    monkeypatch.setattr(states.os, "preadv", lambda *_: 0)
    with pytest.raises(CacheError) as caught:
        cache.read(cache.row["d"], "states")
    assert caught.value.code == "cache-damaged"


@pytest.mark.parametrize(("old", "at_once"), [(False, 2), (False, 1024), (True, 1024)])
def test_pooled_states_are_read_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, at_once: int
) -> None:
    """Every utterance that is asked for comes once for each time, at its place; those of version 0.1.0 too."""
    monkeypatch.setattr(reader, "_ROWS", at_once)
    layout = layout_of("pooled")
    path = make(tmp_path, layout)
    cache = Cache(as_version_0_1_0(path) if old else path)
    rows = np.array([5, 0, 2, 2, 1, 5])
    found = np.zeros((len(rows), layout.n_states, layout.width), layout.dtype)
    came = []
    for places, numbers in cache.pieces(rows, "max"):
        found[places] = numbers
        came += places.tolist()
    assert sorted(came) == list(range(len(rows)))
    np.testing.assert_array_equal(found, [entry_of(cache.ids[row], layout).arrays["max"] for row in rows])
    assert not list(cache.pieces(rows[:0], "max"))


def test_pooled_damage_is_found_where_it_is_read(tmp_path: Path) -> None:
    """A part's other utterances are not held to account for one with a changed number."""
    path = make(tmp_path, layout_of("pooled"))
    _change(parts_folder(path) / "part-00000.h5", "mean")
    cache = Cache(path)
    assert len(list(cache.pieces(np.array([0, 2, 5]), "mean"))) == 2
    with pytest.raises(CacheError) as caught:
        list(cache.pieces(np.array([0, 1]), "mean"))
    assert caught.value.code == "cache-damaged" and cache.ids[1] in caught.value.what


def _change(part: Path, array: str) -> None:
    """Change a number of the second utterance of a pooled part, in place."""
    with part.open("r+b") as raw:
        with h5py.File(part) as file:
            at = int(chunk_places(file[array], lambda place, count: os.pread(raw.fileno(), count, place))[0, 0])
            at += file[array].shape[2] * file[array].dtype.itemsize
        raw.seek(at)
        byte = raw.read(1)[0]
        raw.seek(at)
        raw.write(bytes([byte ^ 1]))


def test_an_utterance_is_compared_once_and_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checksums are computed at the first read; a file that changes while the cache is open is compared anew."""
    path = make(tmp_path, layout_of("pooled"))
    cache, compared = Cache(path), []
    monkeypatch.setattr(reader, "checksum", lambda numbers: compared.append(1) or checksum(numbers))
    for _ in range(3):
        cache.read(1, "mean")
    assert len(compared) == 1
    cache.read(1, "mean", anew=True)
    assert len(compared) == 2
    _change(parts_folder(path) / "part-00000.h5", "mean")
    cache.read(0, "mean")
    assert len(compared) == 3
    with pytest.raises(CacheError):
        cache.read(1, "mean")


def _read_all(cache: Cache, pipe: Any) -> None:
    for row in range(len(cache)):
        cache.read(row, "states")
    pipe.send(True)


def test_what_a_forked_worker_compared_needs_no_second_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of one epoch spare those of the next the checksums."""
    cache = Cache(make(tmp_path))
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_read_all, args=(cache, theirs))
    child.start()
    assert ours.poll(30) and ours.recv()
    child.join()
    monkeypatch.setattr(reader, "checksum", lambda numbers: pytest.fail("compared again"))
    for row, id_ in enumerate(FRAMES):
        np.testing.assert_array_equal(cache.read(row, "states"), entry_of(id_, cache.layout).arrays["states"])


def test_what_is_held_is_written_whenever_it_is_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooled part is the same, to the byte, whether its rows are written one by one or all at once."""
    layout = layout_of("pooled")
    made = []
    for held in (1, 3 * layout.bytes_per_frame, 1 << 26):
        monkeypatch.setattr(writer, "_HELD", held)
        made.append((parts_folder(make(tmp_path / f"{held}", layout)) / next(iter(PARTS))).read_bytes())
    assert made[0] == made[1] == made[2]


def test_no_chunk_has_much_empty_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a part are of one length, and together hardly longer than its rows."""
    monkeypatch.setattr(writer, "_CHUNK_BYTES", 20 * 8 * 2)
    path = make(tmp_path)
    for name in PARTS:
        with h5py.File(parts_folder(path) / name) as file:
            rows, chunk = len(file["states"]), file["states"].chunks[0]
            assert chunk <= 20 and -(-rows // chunk) * chunk < rows + -(-rows // chunk)
