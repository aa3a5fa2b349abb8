"""Options of a step, documented once.

A step's options are a frozen dataclass whose fields are made by `option`; default, help, choices and bounds are written
only there. `validate` checks an instance, wherever it was made; `probing.cli.derive` makes command-line options of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any

from probing.errors import OptionError

RUNS, RUNS_VARIABLE = Path("runs"), "PROBING_RUNS"  # folder of all runs, and what names another


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    **shown: Any,
) -> Any:
    """A field of an options dataclass.

    Args:
        default: Its default; None if it depends on something else, which `shown_default` then says.
        help: What it does, as `--help` prints it.
        choices: The only values allowed.
        at_least: Smallest value allowed.
        above: Value that it must exceed.
        below: Value that it must be less than.
        **shown: How the command line shows it: `flag` (another spelling than the field's name), `old` (spellings of
            earlier versions), `metavar`, `shown_default` (text in place of None), `envvar`, `hidden`.
    """
    bounds = {"at_least": at_least, "above": above, "below": below}
    return field(default=default, metadata={"help": help, "choices": tuple(choices), "bounds": bounds, "shown": shown})


def flag_of(name: str, metadata: Any = None) -> str:
    """How a field is spelled on the command line.

    >>> flag_of("layer_lr")
    '--layer-lr'
    """
    return str((metadata or {}).get("shown", {}).get("flag") or f"--{name.replace('_', '-')}")


def validate(options: Any) -> None:
    """Check every field of an options dataclass; call it in `__post_init__`.

    Raises:
        OptionError: A value is none of the choices (code `option-choice`), not finite or out of bounds
            (`option-bounds`); the message names the option as it is typed.
    """
    for one in fields(options):
        value, metadata = getattr(options, one.name), one.metadata
        if value is None or "help" not in metadata:
            continue
        shown = f"{flag_of(one.name, metadata)} {value}"
        if metadata["choices"] and value not in metadata["choices"]:
            allowed = ", ".join(metadata["choices"])
            raise OptionError(shown, "invalid choice", f"choose one of {allowed}", code="option-choice")
        if isinstance(value, int | float) and not isinstance(value, bool):
            _demand_bounds(shown, value, metadata["bounds"])


def _demand_bounds(shown: str, value: float, bounds: dict[str, float | None]) -> None:
    low, above, below = bounds["at_least"], bounds["above"], bounds["below"]
    rules = [
        (not math.isfinite(value), "it must be a finite number"),
        (low is not None and value < low, f"it must be at least {low}"),
        (above is not None and value <= above, f"it must be above {above}"),
        (below is not None and value >= below, f"it must be below {below}"),
    ]
    for broken, rule in rules:
        if broken:
            raise OptionError(shown, rule, "give another value, or leave it out for the default", code="option-bounds")


def with_settings(parts: Sequence[Any], settings: Mapping[str, Any]) -> list[Any]:
    """Options dataclasses with some of their fields replaced, each in whichever has it: what a Python call names.

    Args:
        parts: Instances whose fields have different names.
        settings: Field → value.

    Raises:
        OptionError: None of them has such a field (code `option-unknown`).
    """
    known = [one.name for part in parts for one in fields(part)]
    if unknown := sorted(settings.keys() - set(known)):
        remedy = f"the options are {', '.join(sorted(known))}"
        raise OptionError(f"there is no option {', '.join(unknown)}", "", remedy, code="option-unknown")
    return [
        replace(part, **{one.name: settings[one.name] for one in fields(part) if one.name in settings})
        for part in parts
    ]


def device_option() -> Any:
    """Where PyTorch computes."""
    return option(None, "Where to compute: cpu, cuda, cuda:1 …", shown_default="the GPU if there is one")


def allow_missing_option() -> Any:
    """How many utterances may be left out."""
    return option(0, "Leave out up to N utterances that cannot be used.", at_least=0, metavar="N")


def allow_leaks_option() -> Any:
    """Whether test partitions may share what they must not."""
    return option(
        False,
        "Go on although a test partition shares recordings with train or development, or test2 (unseen) speakers; "
        "record, tables and figures say so.",
    )


def cache_option() -> Any:
    """Folder of all caches."""
    return option(Path("cache"), "Folder of all caches.", envvar="PROBING_CACHE", metavar="DIR")


def runs_option() -> Any:
    """Folder of all runs."""
    return option(RUNS, "Folder of all runs.", envvar=RUNS_VARIABLE, metavar="DIR")
