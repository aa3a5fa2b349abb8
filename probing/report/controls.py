"""Which run is another's control: the same fit on the same encoder with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from probing.encoders.spec import RANDOM
from probing.errors import RunError
from probing.report.compared import corpus_shown
from probing.runs.records import FitRecord
from probing.runs.store import RUNS, all_records, missing_files

_MAY_DIFFER = ("seeds", "workers")  # options that leave what is estimated the same


def find_control(record: FitRecord, root: Path = RUNS) -> FitRecord | None:
    """The latest finished run that is a fit's control, or None; a fit on random weights has none.

    Args:
        record: A fit.
        root: Folder of all runs.
    """
    if record.encoder.random:
        return None
    fits = [other for other in reversed(all_records(root)) if isinstance(other, FitRecord)]
    return next((other for other in fits if not differences(record, other) and not missing_files(other)), None)


def require_control(record: FitRecord, control: FitRecord) -> FitRecord:
    """A control that the user names, once it is known to be one.

    Raises:
        RunError: It is no control of this run (code `no-control`); the message names all that differs.
    """
    if differing := differences(record, control):
        raise RunError(
            f"--control {control.folder}",
            f"it is not the fit of {record.folder} on random weights: {'; '.join(differing)}",
            "name a run made with the same corpus and options, or leave --control out, which finds one",
            code="no-control",
        )
    return control


def differences(record: FitRecord, control: FitRecord) -> list[str]:
    """All in which a run is not another's control, for the user to read; empty where it is one."""
    own, other = _settled(record), _settled(control)
    found = [f"{key} {other.get(key)}, not {own.get(key)}" for key in own | other if own.get(key) != other.get(key)]
    if not record.same_corpus(control):
        found.insert(0, f"corpus {corpus_shown(control)}, not {corpus_shown(record)}")
    if not _on_random_weights(record, control):
        found.insert(0, f"encoder {control.encoder.name}, not {record.encoder.name} with {RANDOM}")
    return found


def _on_random_weights(record: FitRecord, control: FitRecord) -> bool:
    """Whether the control's encoder is the run's with random weights: by what opens both, or else by their names."""
    own, random = record.encoder, control.encoder
    if RANDOM not in random.name or random.name.replace(RANDOM, "") != own.name:
        return False
    if own.spec is None or random.spec is None or record.version != control.version:
        return True  # version 0.1.0 followed links to a folder, today's does not
    return replace(random.spec, revision=None) == own.spec.on_random_weights()  # random weights have no revision


def _settled(record: FitRecord) -> dict[str, Any]:
    """What a run and its control have in common, each by the name that the user knows."""
    options = {key: value for key, value in record.options.items() if key not in _MAY_DIFFER}
    dims = sorted(options.pop("dims", []))
    return {
        "scale": tuple(record.corpus.scale),
        "transformer layers": record.encoder.identity.get("architecture", {}).get("num_hidden_layers"),
        "--dim": " ".join(dims),
        **{f"--{key.replace('_', '-')}": value for key, value in options.items()},
    }
