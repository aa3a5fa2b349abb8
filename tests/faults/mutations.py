"""Damage to a file's content: what disks, networks and cut copies do, and what a mistaken or hostile hand writes."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Damage:
    """A file's damaged content.

    Args:
        how: What was done.
        content: The bytes now.
        places: First and last byte that differ from before (the file's end, where it was cut).
    """

    how: str
    content: bytes
    places: tuple[int, int]


Mutation = Callable[[bytes, random.Random], tuple[str, bytes]]


def _flip(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    changed = bytearray(content)
    place, bit = _place(content, chance), chance.randrange(8)
    changed[place] ^= 1 << bit
    return f"bit {bit} of byte {place} flipped", bytes(changed)


def _flips(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    changed = bytearray(content)
    for _ in range(16):
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return "16 bits flipped", bytes(changed)


def _zeros(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.choice((4, 16, 64, 512)), len(content) - place)
    return f"{length} bytes from {place} zeroed", content[:place] + bytes(length) + content[place + length :]


def _ones(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.choice((1, 4, 8)), len(content) - place)
    return f"{length} bytes from {place} set", content[:place] + b"\xff" * length + content[place + length :]


def _cut(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    length = chance.choice((chance.randrange(len(content)), len(content) - 1 - chance.randrange(min(64, len(content)))))
    return f"cut to {length} of {len(content)} bytes", content[:length]


def _doubled(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.choice((1, 16, 512, 4096)), len(content) - place)
    return f"{length} bytes from {place} doubled", content[: place + length] + content[place:]


def _gap(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.choice((1, 16, 512, 4096)), len(content) - place)
    return f"{length} bytes from {place} missing", content[:place] + content[place + length :]


def _junk(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    junk = chance.choice((bytes(1000), chance.randbytes(1000), content[: 1 << 12]))
    return f"{len(junk)} bytes behind the end", content + junk


def _random(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.choice((2, 16, 128)), len(content) - place)
    return f"{length} random bytes at {place}", content[:place] + chance.randbytes(length) + content[place + length :]


def _place(content: bytes, chance: random.Random) -> int:
    """Half of all damage falls into the first bytes, where headers are."""
    return chance.randrange(min(len(content), 128) if chance.random() < 0.5 else len(content))


BYTES: tuple[Mutation, ...] = (
    _flip,
    _flip,
    _flip,
    _flips,
    _zeros,
    _zeros,
    _ones,
    _cut,
    _cut,
    _doubled,
    _gap,
    _junk,
    _random,
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3, 2**31, 10**9, 10**18, -(10**30), 0.5, -0.0, 1e308, 5e-324),
    *("", "x", "x" * 100_000, "../../../etc/passwd", "/dev/zero", "\0", "\ud800", "=1+1", "<script>", "float128"),
    *([], [None], [[]], [0] * 100_000, {}, {"a": {}}, {"auto_map": {"AutoModel": "evil.Evil"}}),
)


def _field(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """A field of a JSON file has a value of another type or size, or is missing."""
    whole = json.loads(content)
    path = _some_path(whole, chance)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    value = chance.choice(VALUES)
    name = ".".join(map(str, path))
    if not path:
        return f"the whole is {value!r:.40}", json.dumps(value).encode()
    if chance.random() < 0.15:
        del holder[path[-1]]
        return f"{name} is missing", json.dumps(whole).encode()
    holder[path[-1]] = value
    return f"{name} is {value!r:.40}", json.dumps(whole).encode()


def _some_path(value: Any, chance: random.Random) -> list[Any]:
    """The way to some value inside JSON; empty for the whole."""
    path: list[Any] = []
    while isinstance(value, dict | list) and value and (not path or chance.random() < 0.7):
        keys: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
        path.append(chance.choice(keys))
        value = value[path[-1]]
    return path if chance.random() > 0.02 else []


def _bomb(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """JSON that no reader should follow."""
    name, text = chance.choice(
        (
            ("nested 100,000 deep", "[" * 100_000),
            ("nested 100,000 deep and closed", '{"a":' * 100_000 + "1" + "}" * 100_000),
            ("NaN", content.decode("utf-8", "replace").replace("0", "NaN", 1)),
            ("a number of 100,000 digits", content.decode("utf-8", "replace").replace("0", "9" * 100_000, 1)),
            ("1e999", content.decode("utf-8", "replace").replace("0", "1e999", 1)),
            ("another encoding", None),
            ("a byte order mark", "\ufeff" + content.decode("utf-8", "replace")),
            ("40 MB of blanks", content.decode("utf-8", "replace") + " " * 40_000_000),
        )
    )
    return name, (text.encode() if text is not None else content.decode("utf-8", "replace").encode("utf-16"))


def _cell(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """A cell of a table has another value, a row is missing or twice there, a column has another name."""
    rows = [line.split(",") for line in content.decode("utf-8").splitlines()]
    how = chance.choice(("cell", "cell", "cell", "row missing", "row doubled", "column renamed", "column missing"))
    row, column = chance.randrange(1, len(rows)) if len(rows) > 1 else 0, chance.randrange(len(rows[0]))
    name = f"{how}, row {row}, column {column}"
    if how == "cell":
        value = chance.choice(
            ("", "nan", "inf", "-1", "1e999", "x", "0x10", "1_0", "=1+1", '"', "9" * 5000, "\0", "0.5")
        )
        rows[row][min(column, len(rows[row]) - 1)] = value
        name += f" is {value!r:.20}"
    elif how == "row missing":
        del rows[row]
    elif how == "row doubled":
        rows.insert(row, rows[row])
    elif how == "column renamed":
        rows[0][column] += "x"
    else:
        rows = [[cell for place, cell in enumerate(cells) if place != column] for cells in rows]
    return name, ("\n".join(",".join(cells) for cells in rows) + "\n").encode()


def _tensors(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The header of a safetensors file promises something else."""
    (length,) = struct.unpack("<Q", content[:8])
    if chance.random() < 0.3:
        promised = chance.choice((0, 1, length - 1, length + 1, len(content), 2**31, 2**40, 2**63, 2**64 - 1))
        return f"header of {promised} bytes", struct.pack("<Q", promised) + content[8:]
    how, header = _field(content[8 : 8 + length], chance)
    if chance.random() < 0.3:
        name = chance.choice([name for name in json.loads(content[8 : 8 + length]) if name != "__metadata__"])
        numbers = bytearray(content)
        numbers[-4:] = struct.pack("<f", chance.choice((float("nan"), float("inf"), 1e38)))
        return f"last number is not finite (of {name} or another)", bytes(numbers)
    return how, struct.pack("<Q", len(header)) + header + content[8 + length :]


def damaged(name: str, content: bytes, chance: random.Random, others: Sequence[tuple[str, bytes]] = ()) -> Damage:
    """A file's content after some damage.

    Args:
        name: The file's, whose ending says what else can be done than to bytes.
        content: What it holds; not empty.
        chance: Settles the damage.
        others: Names and contents of files that may stand in its place.
    """
    typed: dict[str, tuple[Mutation, ...]] = {
        "json": (*(_field,) * 12, _bomb, _bomb),
        "csv": (_cell,) * 12,
        "safetensors": (_tensors,) * 8,
    }
    ways: tuple[Mutation, ...] = BYTES + typed.get(name.rpartition(".")[2], ())
    for _ in range(20):
        if others and chance.random() < 0.06:
            other, now = chance.choice(list(others))
            how = f"{other} in its place"
        elif chance.random() < 0.02:
            how, now = "empty", b""
        else:
            how, now = chance.choice(ways)(content, chance)
        if now != content:
            break
    same = next((i for i, (a, b) in enumerate(zip(content, now, strict=False)) if a != b), min(len(content), len(now)))
    return Damage(how, now, (same, _last(content, now)))


def _last(before: bytes, now: bytes) -> int:
    """The last byte that differs; the end, where lengths differ."""
    if len(before) != len(now):
        return max(len(before), len(now))
    return max(i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)
