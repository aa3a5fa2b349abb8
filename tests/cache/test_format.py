"""What every file of a cache holds, read by plain h5py and by other programs."""

from __future__ import annotations

import binascii
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from caches import FRAMES, PARTS, D, L, entry_of, layout_of, make, sealed_again

from probing.cache.format import checksum, parts_folder
from probing.cache.reader import Cache, open_cache
from probing.cache.stores import STORES
from probing.errors import CacheError
from probing.files import digest

README = Path(__file__).parents[2] / "cache" / "README.md"


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


def test_another_hdf5_file_is_refused(tmp_path: Path) -> None:
    """An HDF5 file of another program is no cache."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["states"] = np.zeros(3)
    with pytest.raises(CacheError) as caught:
        open_cache(tmp_path / "other.h5")
    assert caught.value.code == "cache-format"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("version", 2, "cache-format"), ("dtype", "float32", "cache-damaged"), ("format", "x", "cache-format")],
)
def test_another_version_or_changed_attribute_is_refused(tmp_path: Path, name: str, value: object, code: str) -> None:
    """A file of another version, or with attributes that do not give its fingerprint, is not read."""
    path = make(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    sealed_again(path)
    with pytest.raises(CacheError) as caught:
        open_cache(path)
    assert caught.value.code == code and str(path) in caught.value.what and caught.value.remedy


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


def test_path_and_sizes_follow_from_the_layout() -> None:
    """The path tells encoder, store and fingerprint; a frame takes L × D numbers, pooled four times that."""
    layout = layout_of()
    assert layout.path(Path("x")) == Path(f"x/some--encoder@random-frames-{layout.fingerprint[:8]}.h5")
    assert parts_folder(layout.path(Path("x"))).name == f"some--encoder@random-frames-{layout.fingerprint[:8]}"
    assert layout.bytes_per_frame == L * D * 2
    assert layout_of("pooled", dtype="float32").bytes_per_frame == 4 * L * D * 4


def test_layers_are_numbered_as_everywhere() -> None:
    """The transformer's input is layer 0, and the raw convolution output, where it stands in front, is −1."""
    assert layout_of().first_layer == 0
    assert layout_of(state_names=("C", "0", "1")).first_layer == -1


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
