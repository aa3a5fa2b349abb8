"""Our own fine-tuned systems as encoders, so that layers can be compared before and after fine-tuning.

A `probe finetune` run gives its audio encoder, or its text encoder where it has no other. A run's folder holds one
system a training seed (`seed0`, `seed1` …); of the run's own folder the first is taken.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor
from transformers import PretrainedConfig

from probing.encoders.configurations import configuration_of
from probing.encoders.pretrained import LOADING, unopened
from probing.errors import EncoderError

_SYSTEM = "emotion-system"  # model_type of our systems
_SEED = re.compile("seed([0-9]+)")


def seed_folder(stem: str) -> Path | None:
    """The folder of the system that a run's folder, or the folder of one of its seeds, stands for; None for others."""
    folder = Path(stem)
    if not folder.is_dir():
        return None
    if (folder / "config.json").is_file():
        return folder if _described(folder).get("model_type") == _SYSTEM else None
    seeds = [path for path in folder.iterdir() if _SEED.fullmatch(path.name) and (path / "config.json").is_file()]
    first = min(seeds, key=lambda path: int(path.name.removeprefix("seed")), default=None)
    return first if first is not None and _described(first).get("model_type") == _SYSTEM else None


def name_of(folder: Path) -> str:
    """The encoder's name in titles and file names: that of the run, and the seed's."""
    return f"{folder.parent.name}-{folder.name}" if _SEED.fullmatch(folder.name) else folder.name


def configuration(folder: Path) -> PretrainedConfig:
    """The configuration of a system's audio encoder or, of a system on text alone, of its text encoder."""
    described = _described(folder)
    try:
        return configuration_of(described[f"{_kind(described)}_config"], str(folder))
    except (*LOADING, StopIteration) as error:
        raise unopened(str(folder), error) from error


def load_weights(folder: Path, model: Any) -> None:
    """Put a system's weights into its encoder.

    Raises:
        EncoderError: They cannot be read (code `encoder-unopened`), or are not all there (`encoder-incomplete`).
    """
    prefix = _kind(_described(folder)) + "."
    held: dict[str, Tensor] = {}
    try:
        for file in _weights(folder):
            held |= load_file(file)
        found = {key.removeprefix(prefix): value.float() for key, value in held.items() if key.startswith(prefix)}
        lacking, _ = model.load_state_dict(found, strict=False)
    except LOADING as error:
        raise unopened(str(folder), error) from error
    lacking = [key for key in lacking if key != "masked_spec_embed"]
    if lacking:
        raise EncoderError(
            f"encoder {folder}",
            f"the run's weights lack {len(lacking)} tensors, the first {lacking[0]}",
            "the run is incomplete: copy it again, or rerun its `probe finetune` command (see record.json)",
            code="encoder-incomplete",
        )


def _weights(folder: Path) -> list[Path]:
    """The files that hold a system's weights: one or, of a large system, those that its index names."""
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file():
        names = {Path(name).name for name in json.loads(index.read_text("utf-8"))["weight_map"].values()}
    return [folder / name for name in sorted(names) if (folder / name).is_file()]


def _kind(described: dict[str, Any]) -> str:
    return next(kind for kind in ("audio", "text") if described.get(f"{kind}_config"))


def _described(folder: Path) -> dict[str, Any]:
    """What a folder's config.json says; nothing where it cannot be read, of which the caller says more."""
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
