"""Systems by name, from pre-trained encoders.

A system's name is the name of an encoder, or of an audio and a text encoder joined by `+`, in any order. Each part is
what `probing.encoders.checkpoints.load_checkpoint` takes, with a suffix of its own: in `hubert-base+tinybert@random`
only the text encoder's weights are random, `hubert-base@random+tinybert@random` says it of both. A part with `+` in it
can only stand alone, as a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from probing.corpus.model import EMOTIONS
from probing.encoders.checkpoints import RANDOM, Checkpoint, load_checkpoint
from probing.errors import EncoderError
from probing.systems.model import EmotionSystem, SystemConfig
from probing.systems.processor import Processor

SYSTEMS = (  # the rows of Table 1
    "wav2vec2-large-robust-12",
    "hubert-base",
    "distilhubert",
    "wav2vec2-large-robust-12+tinybert",
    "hubert-base+tinybert",
    "distilhubert+tinybert",
)


def build_system(
    name: str,
    dimensions: Sequence[str] = EMOTIONS,
    scale: Sequence[float] = (0.0, 1.0),
    fusion: str = "sum",
    dropout: float = 0.1,
    spec_augment: bool = False,
    freeze: Sequence[str] = (),
    seed: int = 0,
) -> tuple[EmotionSystem, Processor]:
    """A system to be trained, from pre-trained encoders, and what feeds it.

    Args:
        name: `audio`, `text` or `audio+text`; each part a preset, a hub id or a folder, `@random` behind it.
        dimensions: As in `SystemConfig`, like the other options.
        scale: Lowest and highest rating of the corpus.
        fusion: A name in `FUSIONS`.
        dropout: Probability.
        spec_augment: Whether to mask spans of frames in training.
        freeze: Encoders that do not learn.
        seed: Of the head's initialisation; `@random` encoders have a seed of their own.

    Returns:
        The system, in training mode on the CPU in float32, and its processor.

    Raises:
        EncoderError: Two encoders of one kind, more than two, or what `load_checkpoint` and `EmotionSystem` raise.
    """
    found = _open(parts_of(name))
    config = _system_config(
        found,
        dimensions=dimensions,
        scale=scale,
        fusion=fusion,
        dropout=dropout,
        spec_augment=spec_augment,
        freeze=freeze,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        system = EmotionSystem(config)
    for kind, checkpoint in found.items():
        getattr(system, kind).load_state_dict(checkpoint.model.state_dict())
    return system, _processor(found)


def count_parameters(name: str) -> tuple[int, int]:
    """Parameters of a system with K = 3, and how many of them learn; no weights are loaded or allocated.

    Args:
        name: As in `build_system`; of a hub id the configuration is read.

    Returns:
        All parameters (Table 1), and those without the frozen front end (of which the abstract says "~20 %").
    """
    with torch.device("meta"):
        found = _open([part.removesuffix(RANDOM) + RANDOM for part in parts_of(name)])
        parameters = list(EmotionSystem(_system_config(found)).parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


def kinds_of(name: str) -> tuple[str, ...]:
    """What a system reads, of `audio` and `text`; no weights are loaded."""
    with torch.device("meta"):
        return tuple(_open([part.removesuffix(RANDOM) + RANDOM for part in parts_of(name)]))


def parts_of(name: str) -> list[str]:
    """The encoders that a system's name is made of."""
    parts = [name] if Path(name.removesuffix(RANDOM)).is_dir() else name.split("+")
    if len(parts) > 2 or not all(parts):
        raise EncoderError(
            f"system {name!r}",
            "it is not one encoder, nor two joined by one +",
            "name for example hubert-base, tinybert or hubert-base+tinybert",
        )
    return parts


def _open(parts: Sequence[str]) -> dict[str, Checkpoint]:
    """Checkpoints by what they are, `audio` before `text`."""
    found: dict[str, Checkpoint] = {}
    for part in parts:
        checkpoint = load_checkpoint(part)
        kind = "text" if checkpoint.reads else "audio"
        if kind in found:
            first, second = found[kind].name.removesuffix(RANDOM), part.removesuffix(RANDOM)
            raise EncoderError(
                f"system {first}+{second}",
                f"{first} and {second} are both {kind} encoders",
                "join an audio and a text encoder, for example hubert-base+tinybert, or name only one",
            )
        found[kind] = checkpoint
    return {kind: found[kind] for kind in ("audio", "text") if kind in found}


def _system_config(found: dict[str, Checkpoint], **options: Any) -> SystemConfig:
    return SystemConfig(
        **{f"{kind}_config": checkpoint.model.config for kind, checkpoint in found.items()},
        encoders="+".join(checkpoint.name for checkpoint in found.values()),
        do_normalize="audio" in found and bool(found["audio"].preprocessor.do_normalize),
        **options,
    )


def _processor(found: dict[str, Checkpoint]) -> Processor:
    preprocessors = {kind: checkpoint.preprocessor for kind, checkpoint in found.items()}
    if "text" in found:
        config, tokenizer = found["text"].model.config, preprocessors["text"]
        behind = config.pad_token_id + 1 if config.model_type == "roberta" else 0  # its positions begin behind padding
        tokenizer.model_max_length = min(config.max_position_embeddings - behind, tokenizer.model_max_length)
    return Processor(preprocessors.get("audio"), preprocessors.get("text"))
