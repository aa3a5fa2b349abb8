"""What names an encoder: JSON in records, options on a command line. Loads without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from probing.encoders.presets import PRESETS
from probing.files import absolute, shown

RANDOM = "@random"  # suffix: the same architecture with seeded random weights


@dataclass(frozen=True)
class EncoderSpec:
    """All that a user types to name an encoder; a folder's path holds from every other folder.

    Args:
        name: A preset, a hub id or the absolute path of a folder; `@random` behind it.
        layers: Only the first so many transformer layers.
        revision: Branch, tag or commit of a hub repository.
        convolution: Whether state C, the raw output of the convolutions, stands in front.
    """

    name: str
    layers: int | None = None
    revision: str | None = None
    convolution: bool = False

    @classmethod
    def resolve(
        cls, name: str, layers: int | None = None, revision: str | None = None, convolution: bool = False
    ) -> Self:
        """What a user typed in the current folder."""
        return cls(resolved(name), layers, revision, convolution)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @property
    def random(self) -> bool:
        """Whether its weights are asked to be random."""
        return self.name.endswith(RANDOM)

    def on_random_weights(self) -> Self:
        """The same encoder with random weights."""
        return self if self.random else type(self)(self.name + RANDOM, self.layers, None, self.convolution)

    def words(self) -> list[str]:
        """What a user types; a folder below the current one is relative to it."""
        words = ["--encoder", typed(self.name)]
        words += ["--encoder-layers", str(self.layers)] if self.layers is not None else []
        words += ["--revision", self.revision] if self.revision is not None else []
        return words + ["--convolution"] * self.convolution


def resolved(name: str) -> str:
    """A name as it is, or a folder's absolute path; `@random` stays behind it.

    A preset's name stands for the preset even if the current folder has one of that name, which `./NAME` opens.

    >>> resolved("demo-hubert@random")
    'demo-hubert@random'
    """
    stem = name.removesuffix(RANDOM)
    folder = stem not in PRESETS and Path(stem).expanduser().is_dir()
    return absolute(stem) + RANDOM * name.endswith(RANDOM) if folder else name


def typed(name: str) -> str:
    """A resolved name as a user would type it in the current folder."""
    stem = name.removesuffix(RANDOM)
    return shown(stem) + RANDOM * name.endswith(RANDOM) if Path(stem).is_absolute() else name
