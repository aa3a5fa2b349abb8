"""Weights of a checkpoint: what their files hold is known, and compared with the model, before any of it is loaded.

A configuration can describe a model of any size. It is first built without numbers, on PyTorch's device `meta`, and
refused where it has more than the checkpoint; only then does transformers get the checkpoint's tensors, by their names,
and no path at all: it looks for no adapter, index or file that a configuration may name.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from probing.encoders import pickled
from probing.encoders.pretrained import said_plainly, unopened
from probing.encoders.received import file_of, json_of
from probing.errors import EncoderError
from probing.files import size

_SAFE, _PICKLED = "model.safetensors", "pytorch_model.bin"
# Numbers that a model may have and its checkpoint lack: the decoder's embedding of a Whisper whose encoder was kept.
_SPARE = 100_000_000
_HEADER = 8_000_000  # bytes that a safetensors file takes to name its tensors; 2,000 of them take 250,000
_TABLES = 2**28  # bytes of tables that a model computes for itself, as positions
_NUMBER = 4  # bytes: float32
_PLAIN = {"F64", "F32", "F16", "BF16"} | {"torch.float64", "torch.float32", "torch.float16", "torch.bfloat16"}
_MULTIPLIED = ("weight", "bias", "weight_g", "weight_v", "original0", "original1")


@dataclass(frozen=True)
class Weights:
    """A checkpoint's tensors, by their names, not yet loaded.

    Args:
        files: Where they are: safetensors, or .bin.
        shapes: Name → its shape.
        names: Name in the files → name here, where they are others.
    """

    files: tuple[Path, ...]
    shapes: Mapping[str, tuple[int, ...]]
    names: Mapping[str, str] | None = None

    @property
    def numbers(self) -> int:
        """How many numbers they have."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def read(self) -> dict[str, Tensor]:
        """The tensors, memory-mapped from their files, but for a .bin from before PyTorch 1.6."""
        held: dict[str, Tensor] = {}
        for file in self.files:
            held |= pickled.load(file) if file.suffix == ".bin" else load_file(file)
        return held if self.names is None else {new: held[old] for old, new in self.names.items()}

    def part(self, prefix: str, within: str = "") -> Weights:
        """The tensors whose names begin with `prefix`, which `within` replaces in their names."""
        names = {name: within + name.removeprefix(prefix) for name in self.shapes if name.startswith(prefix)}
        return Weights(self.files, {new: self.shapes[old] for old, new in names.items()}, names)


def weights_of(source: str, revision: str | None = None, only_safe: bool = False) -> Weights:
    """What a folder or a repository has; safetensors before .bin, one file before several, as transformers chooses.

    Args:
        source: Folder or hub id.
        revision: Branch, tag or commit of a hub repository.
        only_safe: Whether a .bin is refused.

    Raises:
        EncoderError: There are none, they are damaged, or hold more than numbers (code `encoder-unopened`), or are
            quantised (`encoder-quantised`).
    """
    files = _files(source, revision, (_SAFE,) if only_safe else (_SAFE, _PICKLED))
    shapes: dict[str, tuple[int, ...]] = {}
    with said_plainly(source):
        for file in files:
            for name, (shape, kind) in (_pickled if file.suffix == ".bin" else _safe)(file).items():
                if name in shapes:
                    raise unopened(source, f"two of its files hold {name}")
                if name.rsplit(".", 1)[-1] in _MULTIPLIED and kind not in _PLAIN:
                    raise _quantised(source, name, kind)
                shapes[name] = shape
    return Weights(tuple(files), shapes)


def loaded(
    build: Callable[[], Any], config: Any, weights: Weights, source: str, **options: Any
) -> tuple[Any, dict[str, Any]]:
    """A model with a checkpoint's weights, and what transformers says of those that it lacks or has too many.

    Of weights in the model's own number format the model keeps the very tensors that were mapped, without a copy; those
    in another format are converted one by one.

    Args:
        build: Makes the model of that configuration.
        config: The configuration.
        weights: The checkpoint's.
        source: Its name, for messages.
        **options: More arguments of transformers' `from_pretrained`.

    Raises:
        EncoderError: As `without_numbers`, or they do not go together (code `encoder-unopened`).
    """
    kind = type(without_numbers(build, weights.numbers + _SPARE, source))
    with said_plainly(source):
        model, info = kind.from_pretrained(
            None, config=config, state_dict=weights.read(), output_loading_info=True, trust_remote_code=False, **options
        )
    return model, info


def most_numbers(source: str) -> int | None:
    """The most numbers that a random model of a folder may have, by the weights in it; None if there are none."""
    with contextlib.suppress(EncoderError):
        return weights_of(source).numbers + _SPARE
    return None


def without_numbers(build: Callable[[], Any], most: int | None, source: str) -> Any:
    """A model whose weights have shapes and no numbers.

    Args:
        build: Makes it.
        most: Numbers that it can have; None: as many as this machine has room for.
        source: Its name, for messages.

    Raises:
        EncoderError: It cannot be built or is larger (code `encoder-unopened`), or than the machine (`memory`).
    """
    with said_plainly(source), torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = build()
    numbers = sum(one.numel() for one in model.parameters())
    tables = sum(one.numel() * one.element_size() for one in model.buffers())
    if most is None and (numbers * _NUMBER + tables) > memory():
        why = f"its config.json describes a model of {size(numbers * _NUMBER)}, this machine has {size(memory())}"
        raise EncoderError(f"encoder {source}", why, "name a smaller encoder, or a larger machine", code="memory")
    if tables > _TABLES or (most is not None and numbers > most):
        held = "" if most is None else f", its weights {most - _SPARE:,}"
        why = f"its config.json describes a model of {numbers:,} numbers and {size(tables)} of tables{held}"
        remedy = "copy the configuration and the weights again from one place: they do not belong together"
        raise EncoderError(f"encoder {source} could not be opened", why, remedy, code="encoder-unopened")
    return model


def memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _files(source: str, revision: str | None, names: tuple[str, ...]) -> list[Path]:
    """The files that hold the weights."""
    for name in names:
        if (file := file_of(source, revision, name)) is not None:
            return [file]
        if (index := json_of(source, revision, f"{name}.index.json")) is not None:
            return [_shard(source, revision, one, name) for one in _shards(source, index)]
    raise unopened(source, f"it holds no {' and no '.join(names)}")


def _shards(source: str, index: Mapping[str, Any]) -> list[str]:
    """Names of the files that an index names: of its own folder, and nothing else."""
    named = index.get("weight_map")
    if not isinstance(named, dict) or not all(isinstance(one, str) for one in named.values()):
        raise unopened(source, "its index of weights is damaged")
    names = sorted(set(named.values()))
    for name in names:
        if Path(name).name != name or name.startswith("."):
            raise EncoderError(
                f"encoder {source}",
                f"its index of weights names {name[:80]!r}, which is no file beside it",
                "copy the index again from where the model came from",
                code="encoder-outside",
            )
    return names


def _shard(source: str, revision: str | None, name: str, whole: str) -> Path:
    file = file_of(source, revision, name) if Path(name).suffix == Path(whole).suffix else None
    if file is None:
        raise unopened(source, f"it holds no {name}, which its index of weights names")
    return file


def _safe(file: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each tensor of a safetensors file, whose header says no more than the file holds."""
    with file.open("rb") as raw:
        if (header := int.from_bytes(raw.read(8), "little")) > _HEADER:
            raise ValueError(f"{file.name} takes {size(header)} to name its tensors")
    with safe_open(file, framework="pt") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        return {name: (tuple(one.get_shape()), str(one.get_dtype())) for name, one in slices.items()}


def _pickled(file: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each tensor of a .bin."""
    return {name: (tuple(one.shape), str(one.dtype)) for name, one in pickled.tensors_of(file).items()}


def _quantised(source: str, name: str, kind: str) -> EncoderError:
    return EncoderError(
        f"encoder {source}",
        f"its weights are quantised ({name} is {kind.removeprefix('torch.')})",
        "use the checkpoint that it was made from, in float16 or float32",
        code="encoder-quantised",
    )
