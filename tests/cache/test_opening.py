"""Files that are no cache's, old or lying on purpose: refused in bounded time and memory, whoever sealed them."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from caches import FRAMES, PARTS, as_version_0_1_0, entry_of, layout_of, make, sealed_again

from probing.cache import asking, contents, opening
from probing.cache.format import parts_folder
from probing.cache.reader import Cache
from probing.cache.stores import STORES
from probing.errors import CacheError

MOST = 20_000_000  # bytes that opening a small cache may take


def refused(path: Path, *codes: str) -> CacheError:
    """The error that opening a cache gives."""
    with pytest.raises(CacheError) as caught:
        Cache(path)
    assert caught.value.code in codes and caught.value.remedy, caught.value.code
    return caught.value


def replaced(file: h5py.File, name: str, shape: tuple[int, ...] | None = None, **how: Any) -> None:
    """Replace a dataset by another of its name, type and, if none is given, shape."""
    old = file[name]
    shape, kind = shape or old.shape, old.dtype
    del file[name]
    file.create_dataset(name, shape, dtype=kind, **how)


def linked(file: h5py.File, name: str, link: object) -> None:
    """Replace a dataset by a link."""
    del file[name]
    file[name] = link


def resourced(file: h5py.File, source: str) -> None:
    """Let a virtual file's states come from somewhere else."""
    shape, kind = file["states"].shape, file["states"].dtype
    del file["states"]
    layout = h5py.VirtualLayout(shape, kind)
    layout[:] = h5py.VirtualSource(source, "states", shape)
    file.create_virtual_dataset("states", layout)


def named(file: h5py.File, name: str) -> None:
    """Give the first part another name."""
    file["part/name"][0] = name


LIES: dict[str, Callable[[h5py.File], None]] = {
    "states": lambda file: file.attrs.update(n_states=10**9),
    "no names": lambda file: file.attrs.update(n_states=10**9, state_names=np.array([], h5py.string_dtype())),
    "width": lambda file: file.attrs.update(width=2**31 - 1),
    "negative": lambda file: file.attrs.update(n_states=-1),
    "type": lambda file: file.attrs.update(corpus=np.zeros(3)),
    "deep": lambda file: file.attrs.update(identity="[" * 60_000),
    "nothing": lambda file: file.attrs.update(title=h5py.Empty("f")),
    "rate": lambda file: file.attrs.update(frame_rate=float("nan")),
    "rows": lambda file: replaced(file, "n_frames", (10**12,), chunks=(64,)),
    "numbers": lambda file: replaced(file, "rms", chunks=(1, 1)),
    "gzip": lambda file: replaced(file, "audio", compression="gzip"),
    "bomb": lambda file: replaced(file, "n_samples", (10**9,), chunks=(10**8,), compression="gzip"),
    "external": lambda file: replaced(file, "rms", external=[("/etc/passwd", 0, 10**4)]),
    "link out": lambda file: linked(file, "rms", h5py.ExternalLink("/etc/passwd", "x")),
    "link": lambda file: linked(file, "n_samples", h5py.SoftLink("/n_frames")),
    "one more": lambda file: file.__setitem__("more", h5py.ExternalLink("/etc/passwd", "x")),
    "texts": lambda file: linked(file, "id", np.array(["x" * 30_000] * len(FRAMES), h5py.string_dtype())),
    "lengths": lambda file: file["n_frames"].write_direct(np.full(len(FRAMES), 2**62)),
    "offset": lambda file: file["offset"].write_direct(np.full(len(FRAMES) + 1, -1)),
}
VIRTUAL: dict[str, Callable[[h5py.File], None]] = {
    "up": lambda file: named(file, "../../part-00000.h5"),
    "absolute": lambda file: named(file, "/etc/passwd"),
    "twice": lambda file: named(file, "part-00002.h5"),
    "foreign": lambda file: resourced(file, "/etc/passwd"),
    "itself": lambda file: resourced(file, "."),
    "other folder": lambda file: resourced(file, "../part-00000.h5"),
    "count": lambda file: file["part/n_utterances"].write_direct(np.array([2**62, 2**62, 6])),
    "not virtual": lambda file: replaced(file, "states"),
}


@pytest.mark.parametrize("lie", [*LIES, *VIRTUAL])
def test_a_sealed_lie_is_refused(tmp_path: Path, lie: str) -> None:
    """Whatever a virtual file says and however it is sealed, nothing is allocated and nothing followed."""
    path = make(tmp_path)
    with h5py.File(path, "r+") as file:
        (LIES | VIRTUAL)[lie](file)
    sealed_again(path)
    tracemalloc.start()
    try:
        refused(path, "cache-damaged")
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("lie", ["gzip", "link out", "rows", "filter", "unwritten"])
def test_a_part_that_lies_is_refused(tmp_path: Path, lie: str) -> None:
    """The same of a part that somebody has sealed again: it is read nowhere, neither by itself nor in its cache."""
    lies = {
        "filter": lambda file: replaced(file, "states", compression="gzip"),
        "unwritten": lambda file: replaced(file, "states", chunks=(1, 1, 8)),
    }
    path = make(tmp_path)
    part = parts_folder(path) / "part-00002.h5"
    with h5py.File(part, "r+") as file:
        (LIES | lies)[lie](file)
    sealed_again(part)
    with pytest.raises(CacheError) as caught:
        opening.contents_of(part)
    assert caught.value.code == "cache-damaged"
    refused(path, "part-size", "cache-damaged", "part-other")


@pytest.mark.parametrize("kind", ["link", "broken", "folder", "pipe"])
@pytest.mark.parametrize("which", ["part", "virtual"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, which: str) -> None:
    """A link would lead out of the cache, and a pipe would make us wait for ever."""
    path = make(tmp_path / "cache")
    victim = path if which == "virtual" else parts_folder(path) / "part-00002.h5"
    elsewhere = victim.rename(tmp_path / "elsewhere.h5")
    makers: dict[str, Callable[[], object]] = {
        "link": lambda: victim.symlink_to(elsewhere),
        "broken": lambda: victim.symlink_to("nowhere"),
        "folder": victim.mkdir,
        "pipe": lambda: os.mkfifo(victim),
    }
    makers[kind]()
    assert str(victim) in refused(path, "cache-link").what


def test_the_folder_of_a_cache_may_be_a_link(tmp_path: Path) -> None:
    """Whole folders are moved to a larger disk and linked; that is their owner's doing."""
    path = make(tmp_path)
    parts_folder(path).rename(tmp_path / "large")
    parts_folder(path).symlink_to(tmp_path / "large")
    cache = Cache(path)
    np.testing.assert_array_equal(cache["d"], entry_of("d", cache.layout).arrays["states"])
    cache.close()


@pytest.mark.parametrize("store", STORES)
def test_a_cache_of_version_0_1_0_is_read(tmp_path: Path, store: str) -> None:
    """A child process is asked once about all of its files, and then never again."""
    layout = layout_of(store)
    path = as_version_0_1_0(make(tmp_path, layout))
    with pytest.MonkeyPatch.context() as patch:
        asked: list[list[Path]] = []
        real = asking.ask
        patch.setattr(opening, "ask", lambda paths: asked.append(list(paths)) or real(paths))
        for _ in range(2):
            cache = Cache(path)
            for id_ in FRAMES:
                for name, numbers in entry_of(id_, layout).arrays.items():
                    np.testing.assert_array_equal(cache.read(cache.row[id_], name), numbers)
            cache.close()
        assert [sorted(paths) for paths in asked] == [sorted([path, *(parts_folder(path) / name for name in PARTS)])]


def _without_a_heap_entry(path: Path) -> None:
    """Zero the sixteen bytes before a text: HDF5 then looks for the next one in the same place, for ever."""
    raw = bytearray(path.read_bytes())
    first = raw.index(b"GCOL") + 16
    size = int.from_bytes(raw[first + 8 : first + 16], "little")
    second = first + 16 + (size + 7) // 8 * 8
    assert raw[second : second + 2] == b"\2\0"  # its number
    raw[second : second + 16] = bytes(16)
    path.write_bytes(raw)


def test_a_file_that_hdf5_never_ends_with_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen zeros in a file without a seal: the child is ended, and its parent says which file it was."""
    path = as_version_0_1_0(make(tmp_path))
    _without_a_heap_entry(path)
    monkeypatch.setattr(asking, "SECONDS", 0.5)
    error = refused(path, "cache-damaged")
    assert "come to an end" in error.why and str(path) in error.what


ENDS = {
    "does not start": ("exit 1", "cache-unexamined"),
    "floods stderr": ("head -c 200000 /dev/zero >&2; echo no module >&2; exit 3", "cache-unexamined"),
    "lacks a library": ("kill -SEGV $$", "cache-unexamined"),
    "memory runs out": ("echo ready; kill -KILL $$", "cache-unexamined"),
    "is told to end": ("echo ready; kill -TERM $$", "cache-unexamined"),
    "has a fault": ("echo ready; echo IndexError: 7 >&2; exit 1", "cache-unexamined"),
    "never ends": ("echo ready; kill -PROF $$", "cache-damaged"),
    "breaks down": ("echo ready; kill -SEGV $$", "cache-damaged"),
    "gives up": ("echo ready; kill -ABRT $$", "cache-damaged"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_child_that_ends_for_another_reason_blames_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Only HDF5 that has begun, and breaks down or never ends, speaks against a file; nothing else may cost it."""
    script, code = ENDS[end]
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    ((path, error),) = asking.ask([tmp_path / "a.h5", tmp_path / "b.h5"])
    assert error is not None and error.code == code and path == tmp_path / "a.h5"
    assert ("delete" in error.remedy) == (code == "cache-damaged")
    assert end != "has a fault" or "IndexError: 7" in error.why


def test_a_child_that_cannot_be_started_blames_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no room for another process, or Python is embedded in another program."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    ((_, error),) = asking.ask([tmp_path / "a.h5"])
    assert error is not None and error.code == "cache-unexamined" and "delete" not in error.remedy


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.EIO, "Input/output error"), "part-unopened"),
        (OSError("bad object header"), "cache-damaged"),
    ],
)
def test_what_the_system_lacks_is_no_damage(tmp_path: Path, error: Exception, code: str) -> None:
    """Memory, or a disk that answers: only what is wrong with the bytes asks for the file to be deleted."""
    with pytest.raises(CacheError) as caught, contents.reading(f"{tmp_path}"):
        raise error
    assert caught.value.code == code and ("delete" in caught.value.remedy) == (code == "cache-damaged")


def test_a_seal_is_compared_once_though_the_clock_of_a_file_is_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied with its times, or written by a server whose clock is ahead."""
    path = make(tmp_path)
    os.utime(path, (time.time() + 86_400,) * 2)
    seals: list[Path] = []
    real = opening.read_seal
    monkeypatch.setattr(opening, "read_seal", lambda path: seals.append(path) or real(path))
    assert opening.sound(path) == opening.sound(path) and seals == [path]


def test_lies_without_a_seal_are_refused(tmp_path: Path) -> None:
    """The same of files as version 0.1.0 wrote them, by one child process, which none of them ends."""
    whole, paths = as_version_0_1_0(make(tmp_path / "whole")), {}
    for lie, change in {"none": lambda file: None, **LIES, **VIRTUAL}.items():
        (tmp_path / lie).mkdir()
        paths[lie] = Path(shutil.copy(whole, tmp_path / lie / whole.name))
        with h5py.File(paths[lie], "r+") as file:
            change(file)
    found = dict(asking.ask(list(paths.values())))
    codes = {lie: error and error.code for lie, path in paths.items() for error in [found[path]]}
    assert codes == dict.fromkeys(LIES | VIRTUAL, "cache-damaged") | {"none": None}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without a seal are opened in this process: the child finds nothing wrong with what follows."""
    monkeypatch.setattr(opening, "ask", lambda paths: [(path, None) for path in paths])


@pytest.mark.parametrize("name", ["corpus", "title"])
def test_a_changed_name_without_a_seal_is_refused(tmp_path: Path, at_once: None, name: str) -> None:
    """No checksum covers a name in the files of version 0.1.0, but the parts say it too."""
    path = as_version_0_1_0(make(tmp_path))
    with h5py.File(path, "r+") as file:
        file.attrs[name] = "another"
    refused(path, "cache-damaged")


@pytest.mark.parametrize("table", ["n_samples", "audio", "checksum", "rms"])
def test_a_changed_table_without_a_seal_is_refused(tmp_path: Path, at_once: None, table: str) -> None:
    """Nor does one cover all tables of old parts: they are compared with those of the virtual file."""
    path = as_version_0_1_0(make(tmp_path))
    with h5py.File(parts_folder(path) / "part-00002.h5", "r+") as file:
        file[table][...] = file[table][()] + 1
    refused(path, "part-other")
