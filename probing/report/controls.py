"""Which runs are another's controls: the same fit on the same encoder with random weights, one for each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from probing.encoders.spec import RANDOM, shown_apart
from probing.errors import RunError
from probing.report.compared import corpus_shown
from probing.report.ridge import has_ridge
from probing.runs.records import FitRecord
from probing.runs.store import RUNS, all_records, is_complete

_SAME_ESTIMATE = ("seeds", "workers")  # options that leave what a fit without a ridge look estimates the same
# The only ones that matter to a ridge look, which is exact from either store.
_OF_THE_LOOK = ("class_weights", "normalize", "pooling")
_REMEDY = "name runs made with the same corpus and options, or leave --control out, which finds them"


def find_controls(record: FitRecord, root: Path = RUNS) -> list[FitRecord]:
    """The latest finished control of each random seed, by seed; a fit on random weights has none.

    Args:
        record: A fit.
        root: Folder of all runs.
    """
    if record.encoder.random:
        return []
    found: dict[int, FitRecord] = {}
    for other in all_records(root):  # oldest first
        if isinstance(other, FitRecord) and not differences(record, other) and is_complete(other):
            found[seed_of(other)] = other
    return [found[seed] for seed in sorted(found)]


def require_controls(record: FitRecord, controls: Sequence[FitRecord]) -> list[FitRecord]:
    """Controls that the user names, by seed, once they are known to be such.

    Raises:
        RunError: One is no control of this run (code `no-control`; the message names all that differs), or two have
            the same random weights (`control-twice`).
    """
    found: dict[int, FitRecord] = {}
    for control in controls:
        if differing := differences(record, control):
            why = f"it is not the fit of {record.folder} on random weights: {'; '.join(differing)}"
            raise RunError(f"--control {control.folder}", why, _REMEDY, code="no-control")
        seed = seed_of(control)
        if seed in found:
            why = f"it has the random weights of {found[seed].folder}, which count once"
            what = f"{control.folder} cannot be a control too"
            raise RunError(what, why, "leave one of the two runs out", code="control-twice")
        found[seed] = control
    return [found[seed] for seed in sorted(found)]


def seed_of(control: FitRecord) -> int:
    """The seed of a control's random weights."""
    return shown_apart(control.encoder.name)[1] or 0


def differences(record: FitRecord, control: FitRecord) -> list[str]:
    """All in which a run is not another's control, for the user to read; empty where it is one."""
    look = has_ridge(record)
    own, other = _settled(record, look), _settled(control, look)
    found = [f"{key} {other.get(key)}, not {own.get(key)}" for key in own | other if own.get(key) != other.get(key)]
    own_dims, other_dims = (sorted(one.options.get("dims", [])) for one in (record, control))
    if own_dims != other_dims and not (look and set(own_dims) <= set(other_dims)):
        found.append(f"--dim {' '.join(other_dims)}, not {' '.join(own_dims)}")
    if look != has_ridge(control):
        found.append("only one of them has ridge probes: an earlier version made the other")
    if not record.same_corpus(control):
        found.insert(0, f"corpus {corpus_shown(control)}, not {corpus_shown(record)}")
    if not _on_random_weights(record, control):
        found.insert(0, f"encoder {control.encoder.name}, not {record.encoder.name} with {RANDOM}")
    return found


def _on_random_weights(record: FitRecord, control: FitRecord) -> bool:
    """Whether the control's encoder is the run's with random weights: by what opens both, or else by their names."""
    own, random = record.encoder, control.encoder
    name, seed = shown_apart(random.name)
    if seed is None or name != own.name:
        return False
    if own.spec is None or random.spec is None or (record.version == 1) != (control.version == 1):
        return True  # version 0.1.0 followed links to a folder, today's does not
    return replace(random.spec, revision=None) == own.spec.on_random_weights(seed)  # random weights have no revision


def _settled(record: FitRecord, look: bool) -> dict[str, Any]:
    """What a run and its control have in common beside dimensions, each by the name that the user knows.

    Args:
        record: One of them.
        look: Whether ridge looks are compared, on which few options have an effect.
    """
    options = {key: value for key, value in record.options.items() if key not in ("dims", *_SAME_ESTIMATE)}
    if look:
        options = {key: value for key, value in options.items() if key in _OF_THE_LOOK}
    return {
        "scale": tuple(record.corpus.scale),
        "transformer layers": record.encoder.identity.get("architecture", {}).get("num_hidden_layers"),
        **{f"--{key.replace('_', '-')}": value for key, value in options.items()},
    }
