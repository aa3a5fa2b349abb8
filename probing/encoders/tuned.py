"""Our own fine-tuned systems as encoders, so that layers can be compared before and after fine-tuning.

A `probe finetune` run gives its audio encoder, or its text encoder where it has no other. A run's folder holds one
system a training seed (`seed0`, `seed1` …); of the run's own folder the first is taken.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from probing.encoders import received
from probing.encoders.configurations import configuration_of
from probing.encoders.pretrained import LOADING, unopened
from probing.encoders.weights import Weights, weights_of
from probing.errors import EncoderError
from probing.files import file_digest, read_json

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
    """The configuration of a system's audio encoder or, of a system on text alone, of its text encoder.

    Raises:
        EncoderError: It cannot be read (code `encoder-unopened`), or the run's record says that its folder was another
            (`encoder-changed`).
    """
    _refuse_changed(folder)
    described = _described(folder)
    try:
        return configuration_of(described[f"{_kind(described)}_config"], str(folder))
    except (*LOADING, StopIteration) as error:
        raise unopened(str(folder), error) from error


def weights(folder: Path, within: str) -> Weights:
    """Those of a system's encoder.

    Args:
        folder: The system's.
        within: What stands before their names in transformers' model of that kind.

    Raises:
        EncoderError: There are none (code `encoder-incomplete`), or as `weights_of`.
    """
    if not any(folder.glob("model*.safetensors")):
        why, remedy = "the run's weights are missing", "copy the run again, or rerun its `probe finetune` command"
        raise EncoderError(f"encoder {folder}", why, remedy, code="encoder-incomplete")
    return weights_of(str(folder), only_safe=True).part(_kind(_described(folder)) + ".", within)


def _refuse_changed(folder: Path) -> None:
    """Raise an EncoderError (code `encoder-changed`) where a run's record has other digests of the system's files.

    A system alone, as it lies on a hub, has no record beside it, and those of version 0.1.0 had no digests.
    """
    record = folder.parent / "record.json"
    if not _SEED.fullmatch(folder.name) or not record.is_file():
        return
    remedy = "copy the run again, or rerun its `probe finetune` command"
    named = read_json(record, remedy).get("files")
    for name, said in named.items() if isinstance(named, dict) else ():
        path = folder / str(name).removeprefix(f"{folder.name}/")
        if name != f"{folder.name}/{path.name}":
            continue
        if not path.is_file() or not isinstance(said, dict) or file_digest(path) != said.get("sha256"):
            why = f"{path.name} is missing, or not as the run's record says"
            raise EncoderError(f"encoder {folder}", why, remedy, code="encoder-changed")


def _kind(described: dict[str, Any]) -> str:
    return next(kind for kind in ("audio", "text") if described.get(f"{kind}_config"))


def _described(folder: Path) -> dict[str, Any]:
    """What a folder's config.json says; nothing where it cannot be read, of which the caller says more."""
    try:
        return received.configuration(str(folder), None)
    except EncoderError:
        return {}
