"""Which run is another's control: the same fit on the same encoder with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probing.errors import ProbingError
from probing.runs.records import RUNS, Record, all_records

_RANDOM = "@random"  # as `probing.encoders.checkpoints.RANDOM`, which loads torch
_MAY_DIFFER = ("seeds", "workers")  # options that leave what is estimated the same


def on_random_weights(record: Record) -> bool:
    """Whether a run's encoder has random weights, and so needs no such control."""
    return _RANDOM in record["encoder"]["name"] or "(random weights)" in record["encoder"]["title"]


def find_control(record: Record, root: Path = RUNS) -> Record | None:
    """The latest run that is a run's control, or None; a run on random weights has none.

    Args:
        record: A `fit` run.
        root: Folder of all runs.
    """
    if on_random_weights(record):
        return None
    return next((other for other in reversed(all_records(root)) if not differences(record, other)), None)


def require_control(record: Record, control: Record) -> Record:
    """A control that the user names, once it is known to be one.

    Raises:
        ProbingError: It is no control of this run; the message names all that differs.
    """
    if differing := differences(record, control):
        raise ProbingError(
            f"--control {control.folder}",
            f"it is not the fit of {record.folder} on random weights: {'; '.join(differing)}",
            "name a run made with the same corpus and options, or leave --control out, which finds one",
        )
    return control


def differences(record: Record, control: Record) -> list[str]:
    """All in which a run is not another's control, as text for the user; empty where it is."""
    own, other = _settled(record), _settled(control)
    found = [f"{key} {other.get(key)}, not {own.get(key)}" for key in own | other if own.get(key) != other.get(key)]
    name, random = record["encoder"]["name"], control["encoder"]["name"]
    if _RANDOM not in random or random.replace(_RANDOM, "") != name:
        found.insert(0, f"encoder {random}, not {name} with {_RANDOM}")
    return found


def _settled(record: Record) -> dict[str, Any]:
    """What a run and its control have in common, each by the name that the user knows."""
    configuration = record["configuration"]
    options = {key: value for key, value in configuration.get("options", {}).items() if key not in _MAY_DIFFER}
    dims = sorted(options.pop("dims", []))
    return {
        "command": record["command"],
        "corpus": record["corpus"].get("title", record["corpus"]["name"]),
        "scale": configuration.get("scale"),
        "checksum of partitions and labels": configuration.get("labels"),
        "transformer layers": record["encoder"].get("identity", {}).get("architecture", {}).get("num_hidden_layers"),
        "--dim": " ".join(dims),
        **{f"--{key.replace('_', '-')}": value for key, value in options.items()},
    }
