"""The seal: no byte of a cache file but its states can change, and HDF5 is not asked about a file that has."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from caches import FRAMES, PARTS, entry_of, layout_of, make, sealed_again, write_part

from probing.cache import contents
from probing.cache.format import parts_folder
from probing.cache.reader import Cache
from probing.cache.seal import BLOCK, make_seal, read_seal
from probing.cache.stores import STORES
from probing.errors import CacheError


def said(path: Path) -> dict[str, object]:
    """What a file's user block says, read as the specification has it."""
    first, second = path.read_bytes()[:BLOCK].rstrip(b"\0").split(b"\n")
    assert first == b"probing-hidden-states seal 1"
    return json.loads(second)


def files_of(path: Path) -> list[Path]:
    """The virtual file and its parts."""
    return [path, *(parts_folder(path) / name for name in PARTS)]


@pytest.mark.parametrize("store", STORES)
def test_the_seal_is_that_of_the_specification(tmp_path: Path, store: str) -> None:
    """SHA-256 of length and places, then of all bytes but the user block and the states."""
    for path in files_of(make(tmp_path, layout_of(store))):
        found, raw = said(path), path.read_bytes()
        plain = json.dumps([len(raw), found["states"]]).encode()
        at = BLOCK
        for start, stop in found["states"]:
            plain, at = plain + raw[at:start], stop
        assert found["sha256"] == hashlib.sha256(plain + raw[at:]).hexdigest() == read_seal(path)
        assert found["n_bytes"] == len(raw)


@pytest.mark.parametrize("store", STORES)
def test_the_seal_leaves_out_the_states_and_nothing_else(tmp_path: Path, store: str) -> None:
    """The places that it names hold every number once, in whole chunks; a virtual file has none."""
    layout = layout_of(store)
    path = make(tmp_path, layout)
    assert said(path)["states"] == []
    for name, ids in PARTS.items():
        places = said(parts_folder(path) / name)["states"]
        raw = (parts_folder(path) / name).read_bytes()
        states = b"".join(raw[start:stop] for start, stop in places)
        for id_ in ids:
            for numbers in entry_of(id_, layout).arrays.values():
                by_row = numbers if layout.by_frame else numbers[None]
                assert all(by_row[:, state].tobytes() in states for state in range(layout.n_states))
        rows = sum(FRAMES[id_] for id_ in ids) if layout.by_frame else len(ids)
        assert len(places) == len(layout.arrays) and len(states) == rows * layout.bytes_per_frame


def test_any_byte_changed_is_found_without_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes all over the file, the user block's too: refused, and libhdf5 never sees the file."""
    path = make(tmp_path)
    monkeypatch.setattr(contents, "h5py", None)
    for file in files_of(path)[:2]:
        whole, states = file.read_bytes(), said(file)["states"]
        for where in [*range(0, BLOCK, 7), *range(BLOCK, len(whole), 61)]:
            if any(start <= where < stop for start, stop in states):
                continue
            with file.open("r+b") as handle:
                handle.seek(where)
                handle.write(bytes([whole[where] ^ 0x20]))
            with pytest.raises(CacheError) as caught:
                read_seal(file)
            assert caught.value.code == "cache-damaged"
            with file.open("r+b") as handle:
                handle.seek(where)
                handle.write(whole[where : where + 1])
        assert read_seal(file)


@pytest.mark.parametrize("change", ["cut", "longer", "empty", "shifted", "seal alone"])
def test_another_length_is_found(tmp_path: Path, change: str) -> None:
    """A file that is shorter, longer, or has lost its beginning is refused."""
    path = make(tmp_path)
    whole = path.read_bytes()
    changes = {
        "cut": whole[:-1],
        "longer": whole + b"\0",
        "empty": b"",
        "shifted": whole[1:],
        "seal alone": whole[:BLOCK],
    }
    path.write_bytes(changes[change])
    with pytest.raises(CacheError) as caught:
        Cache(path)
    assert caught.value.code == "cache-damaged"


@pytest.mark.parametrize("states", [[[0, 9]], [[600, 590]], [[600, 700], [650, 800]], [[600, 10**15]], [[-5, 3]]])
def test_places_outside_of_the_file_are_no_seal(tmp_path: Path, states: list[list[int]]) -> None:
    """States must lie behind the user block, in order, and within the file."""
    path = make(tmp_path)
    with path.open("rb") as file, pytest.raises(ValueError, match="states"):
        make_seal(file, path.stat().st_size, states)


def test_a_seal_is_bound_to_its_virtual_file(tmp_path: Path) -> None:
    """A part with the same ids, lengths and size but of other audio is another part, though its own seal is whole."""
    path = make(tmp_path)
    part = parts_folder(path) / "part-00002.h5"
    before = part.stat().st_size
    write_part(part, layout_of(), PARTS[part.name], seed=1)
    assert part.stat().st_size == before and read_seal(part)
    with pytest.raises(CacheError) as caught:
        Cache(path)
    assert caught.value.code == "part-other" and str(part) in caught.value.what


def test_numbers_may_be_damaged_and_the_rest_is_read(tmp_path: Path) -> None:
    """A change by h5py itself to one number leaves the seal whole: one utterance is damaged, not the cache."""
    path = make(tmp_path)
    with h5py.File(parts_folder(path) / "part-00000.h5", "r+") as file:
        file["states"][0, 1, 2] += 1
    cache = Cache(path)
    with pytest.raises(CacheError) as caught:
        cache.read(0, "states")
    assert caught.value.code == "cache-damaged"
    np.testing.assert_array_equal(cache["d"], entry_of("d", cache.layout).arrays["states"])
    cache.close()


def test_the_same_numbers_give_the_same_file(tmp_path: Path) -> None:
    """No memory that happens to be there gets into a part: two processes write the same bytes."""
    code = "import sys, pathlib, caches; caches.make(pathlib.Path(sys.argv[1]))"
    ours = make(tmp_path / "ours")
    words = [sys.executable, "-c", code, str(tmp_path / "theirs")]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[1])
    for path in files_of(ours)[1:]:
        assert path.read_bytes() == (tmp_path / "theirs" / path.relative_to(tmp_path / "ours")).read_bytes()


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses, the remedy is not to delete the file."""
    path = make(tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(CacheError) as caught:
        Cache(path)
    assert caught.value.code == "part-unopened" and "delete" not in caught.value.remedy


def test_sealing_again_gives_the_same_seal(tmp_path: Path) -> None:
    """What the tests use to make files that lie on purpose does not change a file that does not."""
    path = make(tmp_path)
    whole = path.read_bytes()
    sealed_again(path)
    assert path.read_bytes() == whole
