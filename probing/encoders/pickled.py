"""What a PyTorch .bin holds, seen before it is loaded: tensors and nothing else, in a file that is whole.

A .bin is a pickle, a program that builds objects, with the numbers behind it: in a zip archive or, before PyTorch 1.6,
one after another. `weights_only` keeps it from importing; what it still allows can take memory without end. Here the
program is read as a list of instructions, never run, and may name only what builds a dictionary of tensors.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

_BUILDS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch.nn.parameter Parameter",
}
_NAMES = {"GLOBAL", "INST"}  # instructions that name what to import; a newer one takes names from the stack
_FORBIDDEN = {"STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "BYTEARRAY8", "NEXT_BUFFER"}
_PROGRAMS = 5  # in an old file: magic number, version, system, the dictionary, the order of its numbers
_ENTRIES = 100_000  # of an archive


class NotNumbersError(ValueError):
    """A .bin that would do something else than hold tensors, or is damaged."""


def tensors_of(path: Path) -> dict[str, Tensor]:
    """A .bin's tensors without their numbers, on PyTorch's device `meta`.

    Raises:
        NotNumbersError: It holds more than a dictionary of tensors, or is damaged (an archive has checksums).
        Exception: What PyTorch raises of other damage (`pretrained.LOADING`).
    """
    archive = zipfile.is_zipfile(path)
    with path.open("rb") as file:
        if archive:
            _refuse_other_archives(path)
        else:
            for _ in range(_PROGRAMS):
                _refuse_other_programs(file)
    held = torch.load(path, map_location="meta", weights_only=True, mmap=archive or None)
    if not isinstance(held, dict) or not all(isinstance(one, Tensor) for one in held.values()):
        raise NotNumbersError("it holds something else than tensors")
    for name, tensor in held.items():
        # Strides of zero would make a thousand terabytes of four bytes.
        if not isinstance(name, str) or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise NotNumbersError(f"its tensor {str(name)[:40]} has more numbers than are stored")
    return held


def load(path: Path) -> dict[str, Tensor]:
    """A .bin's tensors; call it only on a file that `tensors_of` has accepted."""
    found: dict[str, Tensor] = torch.load(
        path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path) or None
    )
    return found


def _refuse_other_archives(path: Path) -> None:
    """Raise NotNumbersError where an archive is compressed, names more bytes than it has, or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            stored = all(one.compress_type == zipfile.ZIP_STORED for one in entries)
            if not stored or len(entries) > _ENTRIES or sum(one.file_size for one in entries) > path.stat().st_size:
                raise NotNumbersError("its archive is not one that PyTorch writes")
            programs = [one for one in entries if one.filename.endswith("data.pkl")]
            if len(programs) != 1:
                raise NotNumbersError(f"its archive holds {len(programs)} data.pkl")
            with archive.open(programs[0]) as file:
                _refuse_other_programs(file)
            if (damaged := archive.testzip()) is not None:
                raise NotNumbersError(f"{damaged} in it has another checksum")
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise NotNumbersError(f"its archive is damaged ({error})") from error


def _refuse_other_programs(file: IO[bytes]) -> None:
    """Read one pickle as far as its end; raise NotNumbersError where it names more than tensors are built with."""
    instructions: Any = pickletools.genops(file)
    try:
        for instruction, argument, _ in instructions:
            if instruction.name in _FORBIDDEN:
                raise NotNumbersError(f"its pickle uses {instruction.name}")
            if instruction.name in _NAMES and not _harmless(str(argument)):
                raise NotNumbersError(f"its pickle names {str(argument)[:60]}")
    except NotNumbersError:
        raise
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise NotNumbersError(f"its pickle is damaged ({error})") from error


def _harmless(named: str) -> bool:
    """Whether what a pickle imports builds tensors.

    >>> _harmless("torch FloatStorage"), _harmless("os system")
    (True, False)
    """
    module, _, name = named.partition(" ")
    return named in _BUILDS or (module in ("torch", "torch.storage") and name.endswith("Storage") and name.isalnum())
