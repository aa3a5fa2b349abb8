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
from probing.errors import EncoderError, ProbingError
from probing.files.recorded import File, is_whole, listed_files, run_of

_SYSTEM = "emotion-system"  # model_type of our systems
_SEED = re.compile("seed([0-9]+)")
_AGAIN = "copy the run again, or rerun its `probe finetune` command"


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
    """The weights of a system's encoder.

    Args:
        folder: The system's.
        within: What stands before their names in transformers' model of that kind.

    Raises:
        EncoderError: There are none (code `encoder-incomplete`), or as `weights_of`.
    """
    if not any(folder.glob("model*.safetensors")):
        raise EncoderError(f"encoder {folder}", "the run's weights are missing", _AGAIN, code="encoder-incomplete")
    return weights_of(str(folder), only_safe=True).part(_kind(_described(folder)) + ".", within)


def _refuse_changed(folder: Path) -> None:
    """Raise an EncoderError (code `encoder-changed`) where a run's record does not vouch for the system's files.

    A system alone, as it lies on a hub, has no record beside it, and those of version 0.1.0 had no digests.
    """
    run = run_of(folder)
    if run is None:
        return
    try:
        files = listed_files(run, _AGAIN)
    except ProbingError as error:
        raise _changed(folder, f"the run's record: {error.why}") from error
    except (OSError, ValueError) as error:
        raise _changed(folder, f"the run's record is damaged ({str(error)[:200]})") from error
    if files is None:
        return
    within = f"{folder.absolute().relative_to(run)}/".removeprefix("./")
    own: dict[str, File | None] = dict.fromkeys((f"{within}config.json", f"{within}model.safetensors"))
    own |= {name: written for name, written in files.items() if name.startswith(within)}
    for name, written in own.items():
        if written is None or not is_whole(run, name, written):
            raise _changed(folder, f"{name} is missing, or not as the run's record says")


def _changed(folder: Path, why: str) -> EncoderError:
    return EncoderError(f"encoder {folder}", why, _AGAIN, code="encoder-changed")


def _kind(described: dict[str, Any]) -> str:
    return next(kind for kind in ("audio", "text") if described.get(f"{kind}_config"))


def _described(folder: Path) -> dict[str, Any]:
    """The content of a folder's config.json; an empty one if it cannot be read, which the caller reports."""
    try:
        return received.configuration(str(folder), None)
    except EncoderError:
        return {}
