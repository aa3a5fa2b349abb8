"""A small cache of three parts with planted numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from probing.cache.format import Entry, Layout, parts_folder
from probing.cache.seal import BLOCK, make_seal
from probing.cache.writer import PartWriter, write_virtual

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
    path = layout.path(root / "corpus")
    for name, ids in PARTS.items():
        write_part(parts_folder(path) / name, layout, ids)
    write_virtual(path, layout, list(PARTS))
    return path


def sealed_again(path: Path) -> None:
    """Seal a file anew, as somebody could who changed it on purpose: whatever it says now is what was sealed."""
    raw = path.read_bytes()
    states = json.loads(raw[:BLOCK].split(b"\n")[1].rstrip(b"\0"))["states"]
    with path.open("r+b") as file:
        block = make_seal(file, len(raw), states)
        file.seek(0)
        file.write(block)


def as_version_0_1_0(path: Path) -> Path:
    """Write a cache anew as version 0.1.0 wrote them: without seals, and with an index of chunks in the parts."""
    folder, sizes = parts_folder(path), []
    for part in sorted(folder.glob("part-*.h5")):
        _copied(part, libver=None)
        sizes.append(part.stat().st_size)
    _copied(path, libver="v110", sizes=sizes)
    return path


def _copied(path: Path, libver: str | None, sizes: Sequence[int] = ()) -> None:
    old = path.with_name("copy")
    with h5py.File(path, "r") as new, h5py.File(old, "w", libver=libver) as file:
        file.attrs.update(new.attrs)
        arrays = new.attrs["arrays"].tolist()
        for name in arrays:
            if sizes:
                new.copy(name, file)
            else:
                file.create_dataset(name, data=new[name][:], chunks=new[name].chunks, fillvalue=np.nan)
        tables = [name for name in new if name not in (*arrays, "part")]
        for name in [*tables, *(f"part/{name}" for name in new.get("part", ()) if name != "seal")]:
            kind = h5py.string_dtype() if name in ("id", "part/name") else None
            covered = sizes and kind is None and "part" not in name and name != "offset"
            file.create_dataset(name, data=new[name][:], dtype=kind, fletcher32=bool(covered))
        if sizes:
            file["part/n_bytes"][:] = sizes
    old.replace(path)


def files(folder: Path) -> list[str]:
    """Names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
