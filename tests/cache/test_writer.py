"""Part files and the virtual file: whole or not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from caches import FRAMES, L, entry_of, files, layout_of, make, write_part

from probing.cache import writer as writing
from probing.cache.format import Entry, checksum, parts_folder
from probing.cache.reader import Cache
from probing.cache.writer import PartWriter, inputs_of, write_virtual
from probing.errors import CacheError


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
        with pytest.raises(CacheError, match="utterance d") as caught:
            writer.finish()
    assert caught.value.code == "cache-damaged"
    assert files(tmp_path) == []


def test_a_finished_part_tells_what_it_was_made_from(tmp_path: Path) -> None:
    """A part tells the lengths of its utterances, in order, and their audio's checksums (0: not known)."""
    write_part(tmp_path / "part-00000.h5", layout_of(), ["e", "b c"])
    assert list(inputs_of(make(tmp_path / "whole"))) == list(FRAMES)  # as the virtual file does of all parts
    assert list(inputs_of(tmp_path / "part-00000.h5").items()) == [
        ("e", (400 * FRAMES["e"], 0)),
        ("b c", (400 * FRAMES["b c"], 0)),
    ]


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
import caches
from probing.cache import writer
writer._CHUNK_CACHE = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
caches.make(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("chunk_cache", [0, 1 << 26])
@pytest.mark.parametrize("limit", [0, 100, 2500, 5000, 7000])
def test_a_full_disk_is_one_clear_error(tmp_path: Path, limit: int, chunk_cache: int) -> None:
    """Wherever the disk is full, one CacheError says so; HDF5 adds no tracebacks of its own and does not crash."""
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit), str(chunk_cache)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.returncode == 1, process.stderr  # Python's own for an exception; -11 would be a crash
    assert process.stderr.count("Traceback") <= 2  # the CacheError and the OSError that it was raised from
    assert "Exception ignored" not in process.stderr
    assert "CacheError: " in process.stderr
    assert "could not be written: File too large" in process.stderr
    assert "free some space" in process.stderr
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]


def test_a_large_corpus_keeps_its_ids(tmp_path: Path) -> None:
    """As many texts as MSP-Podcast has utterances, and the tables written after them: HDF5 2.0 would mix them up."""
    ids, numbers = [f"MSP-PODCAST_{number}" for number in range(104_267)], np.arange(104_267)
    with h5py.File(tmp_path / "cache.h5", "w", libver="v110", userblock_size=512) as file:
        writing.put_texts(file, "part/name", ["part-0.h5"])
        writing.put_texts(file, "id", ids)
        for name in ("n_samples", "n_frames"):
            file.create_dataset(name, data=numbers, fletcher32=True)
    with h5py.File(tmp_path / "cache.h5", "r") as file:
        assert list(file["id"].asstr()[:]) == ids
        assert list(file["part/name"].asstr()[:]) == ["part-0.h5"]
        assert all(np.array_equal(file[name][:], numbers) for name in ("n_samples", "n_frames"))
