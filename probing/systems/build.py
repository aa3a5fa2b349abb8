"""Systems by name, from pre-trained encoders.

A system's name is the name of an encoder, or of an audio and a text encoder joined by `+`, in any order. Each part is
what `probing.encoders.checkpoints.load_checkpoint` takes, with a suffix of its own: in `hubert-base+tinybert@random`
only the text encoder's weights are random, `hubert-base@random+tinybert@random` says it of both. A part with `+` in it
can only stand alone, as a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from probing.encoders.checkpoints import Checkpoint, load_checkpoint
from probing.encoders.families import WINDOWED
from probing.encoders.spec import resolved, shown_apart, spelled, taken_apart, typed
from probing.encoders.text import limit_of
from probing.encoders.whisper import no_windows, shorten, window_of, window_samples, windowed
from probing.errors import EncoderError
from probing.systems.config import SystemConfig
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor

SYSTEMS = (  # the rows of Table 1
    "wav2vec2-large-robust-12",
    "hubert-base",
    "distilhubert",
    "wav2vec2-large-robust-12+tinybert",
    "hubert-base+tinybert",
    "distilhubert+tinybert",
)
_SETTINGS = (  # of SystemConfig
    *("dimensions", "categories", "class_weights", "scale"),
    *("fusion", "dropout", "spec_augment", "freeze"),
)


def build_system(
    name: str, seed: int = 0, window: float | None = None, **settings: Any
) -> tuple[EmotionSystem, Processor]:
    """A system to be trained, from pre-trained encoders, and what feeds it.

    Args:
        name: `audio`, `text` or `audio+text`; each part a preset, a hub id or a folder, with or without `@random`.
        seed: Of the head's initialisation; `@random` encoders have a seed of their own.
        window: Seconds that a Whisper is given at a time, if not those that it was trained with.
        **settings: `dimensions`, `categories`, `class_weights`, `scale`, `fusion`, `dropout`, `spec_augment` and
            `freeze`, as in `SystemConfig`.

    Returns:
        The system, in training mode on the CPU in float32, and its processor.

    Raises:
        EncoderError: Two encoders of one kind, more than two (code `system-name`), no such window (`window`), or what
            `load_checkpoint` and `EmotionSystem` raise.
        TypeError: There is no such setting.
    """
    unknown = settings.keys() - {*_SETTINGS}
    if unknown:
        raise TypeError(f"build_system() has no setting {', '.join(sorted(unknown))}; they are {', '.join(_SETTINGS)}")
    found = _open(parts_of(name), window)
    config = _system_config(found, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        system = EmotionSystem(config)
    for kind, checkpoint in found.items():
        getattr(system, kind).load_state_dict(checkpoint.model.state_dict())
    return system, _processor(found)


def count_parameters(name: str, window: float | None = None) -> tuple[int, int]:
    """Parameters of a system with K = 3, and how many of them learn; no weights are loaded or allocated.

    Args:
        name: As in `build_system`; of a hub id the configuration is read.
        window: As in `build_system`.

    Returns:
        All parameters (Table 1), and those without the frozen front end (of which the abstract says "~20 %").
    """
    with torch.device("meta"):
        parameters = list(EmotionSystem(_system_config(_open(_on_random_weights(name), window))).parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


def parameter_table(names: Sequence[str] = SYSTEMS) -> pd.DataFrame:
    """Parameters of several systems: columns system, parameters, trainable."""
    rows = [(name, *count_parameters(name)) for name in names]
    return pd.DataFrame(rows, columns=["system", "parameters", "trainable"])


def kinds_of(name: str) -> tuple[str, ...]:
    """Which encoders a system has, of `audio` and `text`; no weights are loaded."""
    with torch.device("meta"):
        return tuple(_open(_on_random_weights(name)))


def parts_of(name: str) -> list[str]:
    """The encoders that a system's name is made of; folders by their absolute paths.

    Raises:
        EncoderError: It is not one encoder, nor two joined by one + (code `system-name`), or what follows `@random:`
            is no seed (`random-seed`).

    >>> parts_of("hubert-base@random:2+tinybert@random")
    ['hubert-base@random:2', 'tinybert@random']
    """
    parts = [name] if Path(taken_apart(name)[0]).is_dir() else name.split("+")
    if len(parts) > 2 or not all(parts):
        raise EncoderError(
            f"system {name!r}",
            "it is not one encoder, nor two joined by one +",
            "name for example hubert-base, tinybert or hubert-base+tinybert",
            code="system-name",
        )
    return [resolved(part) for part in parts]


def _on_random_weights(name: str) -> list[str]:
    """The parts of a name, all with random weights: what there is to know without loading any."""
    return [spelled(taken_apart(part)[0], 0) for part in parts_of(name)]


def _open(parts: Sequence[str], window: float | None = None) -> dict[str, Checkpoint]:
    """Checkpoints by what they take, `audio` before `text`; a Whisper takes windows of so many seconds."""
    found: dict[str, Checkpoint] = {}
    for part in parts:
        checkpoint = load_checkpoint(part)
        kind = "text" if checkpoint.reads else "audio"
        if kind in found:
            (first, _), (second, _) = shown_apart(found[kind].name), taken_apart(typed(part))
            raise EncoderError(
                f"system {first}+{second}",
                f"{first} and {second} are both {kind} encoders",
                "join an audio and a text encoder, for example hubert-base+tinybert, or name only one",
                code="system-kinds",
            )
        found[kind] = checkpoint
    if window is not None:
        found |= {"audio": _shortened(found, "+".join(map(typed, parts)), window)}
    return {kind: found[kind] for kind in ("audio", "text") if kind in found}


def _shortened(found: dict[str, Checkpoint], name: str, window: float) -> Checkpoint:
    """The audio encoder, a Whisper, that takes windows of so many seconds."""
    audio = found.get("audio")
    if audio is None or audio.model.config.model_type not in WINDOWED:
        raise no_windows(name, window)
    trained = window_of(audio.model.config)
    shorten(audio.model, window_samples(window, trained, audio.name))
    return replace(audio, name=windowed(audio.name, window, trained))


def _system_config(found: dict[str, Checkpoint], **settings: Any) -> SystemConfig:
    return SystemConfig(
        **{f"{kind}_config": checkpoint.model.config for kind, checkpoint in found.items()},
        encoders="+".join(checkpoint.name for checkpoint in found.values()),
        do_normalize="audio" in found and bool(getattr(found["audio"].preprocessor, "do_normalize", False)),
        **settings,
    )


def _processor(found: dict[str, Checkpoint]) -> Processor:
    preprocessors = {kind: checkpoint.preprocessor for kind, checkpoint in found.items()}
    if "text" in found:
        tokenizer = preprocessors["text"]
        tokenizer.model_max_length = limit_of(found["text"].model.config, tokenizer)
    window = window_of(found["audio"].model.config) if "audio" in found else 0
    return Processor(preprocessors.get("audio"), preprocessors.get("text"), window=window)
