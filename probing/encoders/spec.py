"""What names an encoder: JSON in records, options on a command line. Loads without torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from probing.encoders.presets import PRESETS
from probing.errors import EncoderError
from probing.files import absolute, shown

RANDOM = "@random"  # suffix: the same architecture with seeded random weights; `@random:1` has the seed 1 instead of 0
MOST_SEED = 999_999
# DOTALL: the name of a folder may hold a line break.
_TYPED = re.compile(rf"(?P<own>.*){RANDOM}(?::(?P<seed>[^/+]*))?", re.DOTALL)
_SHOWN = re.compile(
    rf"(?P<own>.*){RANDOM}(?::(?P<seed>[0-9]+))?(?P<kept>(?:-layers[0-9]+)?(?:-window[0-9.]+)?(?:-C)?)", re.DOTALL
)


def taken_apart(name: str) -> tuple[str, int | None]:
    """What a user typed for one encoder: its name, and the seed of its random weights, None where they are its own.

    Raises:
        EncoderError: What follows `@random:` is no seed (code `random-seed`).

    >>> taken_apart("hubert-base"), taken_apart("hubert-base@random"), taken_apart("hubert-base@random:2")
    (('hubert-base', None), ('hubert-base', 0), ('hubert-base', 2))
    """
    found = _TYPED.fullmatch(name)
    if found is None:
        return name, None
    typed_seed = found["seed"]
    if typed_seed is None:
        return found["own"], 0
    if not re.fullmatch("[0-9]{1,6}", typed_seed):
        raise EncoderError(
            f"encoder {name}",
            f"{typed_seed!r} is no seed of random weights",
            f"type {found['own']}{RANDOM}, or {found['own']}{RANDOM}:1 with any whole number from 0 to {MOST_SEED}",
            code="random-seed",
        )
    return found["own"], int(typed_seed)


def shown_apart(name: str) -> tuple[str, int | None]:
    """The same of a name as records, caches and titles have it, with `-layersK`, `-windowS` and `-C` behind it.

    >>> shown_apart("hubert-base@random:2-layers6-C"), shown_apart("hubert-base-layers6")
    (('hubert-base-layers6-C', 2), ('hubert-base-layers6', None))
    """
    found = _SHOWN.fullmatch(name)
    return (found["own"] + found["kept"], int(found["seed"] or 0)) if found else (name, None)


def spelled(own: str, seed: int | None) -> str:
    """A name with the seed of its random weights behind it; 0 is not spelled out, so that an encoder has one name.

    >>> spelled("hubert-base", None), spelled("hubert-base", 0), spelled("hubert-base", 3)
    ('hubert-base', 'hubert-base@random', 'hubert-base@random:3')
    """
    return own if seed is None else own + RANDOM + (f":{seed}" if seed else "")


def any_random(encoders: str) -> bool:
    """Whether one of the encoders of a system's name, as records have it, has random weights.

    >>> any_random("hubert-base+tinybert@random:2"), any_random("hubert-base+tinybert")
    (True, False)
    """
    return any(shown_apart(part)[1] is not None for part in encoders.split("+"))


@dataclass(frozen=True)
class EncoderSpec:
    """All that a user types to name an encoder; a folder's path holds from every other folder.

    Args:
        name: A preset, a hub id or the absolute path of a folder; `@random` or `@random:SEED` behind it.
        layers: Only the first so many transformer layers.
        revision: Branch, tag or commit of a hub repository.
        convolution: Whether state C, the raw output of the convolutions, stands in front.
        window: Seconds that a Whisper is given at a time; None: as it was trained, 30.
    """

    name: str
    layers: int | None = None
    revision: str | None = None
    convolution: bool = False
    window: float | None = None

    @classmethod
    def resolve(
        cls,
        name: str,
        layers: int | None = None,
        revision: str | None = None,
        convolution: bool = False,
        window: float | None = None,
    ) -> Self:
        """What a user typed in the current folder.

        Raises:
            EncoderError: What follows `@random:` is no seed (code `random-seed`).
        """
        return cls(resolved(name), layers, revision, convolution, window)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; a window is named only where there is one, so that other encoders have the JSON they had."""
        return {key: value for key, value in asdict(self).items() if key != "window" or value is not None}

    @property
    def seed(self) -> int | None:
        """The seed of its random weights; None where they are its own."""
        return taken_apart(self.name)[1]

    @property
    def random(self) -> bool:
        """Whether its weights are asked to be random."""
        return self.seed is not None

    def on_random_weights(self, seed: int = 0) -> Self:
        """The same encoder with random weights of a seed, which have no revision."""
        name = spelled(taken_apart(self.name)[0], seed)
        random = type(self)(name, self.layers, None, self.convolution, self.window)
        return self if self == random else random

    def words(self) -> list[str]:
        """What a user types; a folder below the current one is relative to it."""
        words = ["--encoder", typed(self.name)]
        words += ["--encoder-layers", str(self.layers)] if self.layers is not None else []
        words += ["--revision", self.revision] if self.revision is not None else []
        words += ["--window", f"{self.window:g}"] if self.window is not None else []
        return words + ["--convolution"] * self.convolution


def resolved(name: str) -> str:
    """A name as it is, or a folder's absolute path; `@random` stays behind it, with its seed unless that is 0.

    A preset's name stands for the preset even if the current folder has one of that name, which `./NAME` opens.

    Raises:
        EncoderError: What follows `@random:` is no seed (code `random-seed`).

    >>> resolved("demo-hubert@random:0"), resolved("demo-hubert@random:1")
    ('demo-hubert@random', 'demo-hubert@random:1')
    """
    own, seed = taken_apart(name)
    folder = own not in PRESETS and Path(own).expanduser().is_dir()
    return spelled(absolute(own) if folder else own, seed)


def typed(name: str) -> str:
    """A resolved name as a user would type it in the current folder."""
    own, seed = taken_apart(name)
    return spelled(shown(own) if Path(own).is_absolute() else own, seed)
