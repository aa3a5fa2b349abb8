"""What accelerate, below transformers' Trainer, is told by environment variables, and several processes in step.

`accelerate launch` tells it by variables how to compute, and a shell's profile may do so too. What this toolkit has an
option for means that option; what it cannot do is refused; whatever else is set is part of the run's configuration.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from probing.errors import FitError, ProbingError

_PREFIX = "ACCELERATE_"
_PRECISION = f"{_PREFIX}MIXED_PRECISION"
_NOTHING = ("", "no", "none", "false", "f", "n", "0", "off", "default")  # values that ask for nothing
_REFUSED = tuple(
    f"{_PREFIX}{name}"
    for name in (
        *("USE_DEEPSPEED", "USE_FSDP", "USE_MEGATRON_LM", "USE_PARALLELISM_CONFIG", "USE_SAGEMAKER"),
        *("DYNAMO_BACKEND", "GRADIENT_ACCUMULATION_STEPS", "GRADIENT_CLIPPING", "DOWNCAST_BF16"),
    )
)
_HARMLESS = tuple(
    f"{_PREFIX}{name}"
    for name in (
        *("DEBUG_MODE", "LOG_LEVEL", "DISABLE_RICH", "CPU_AFFINITY", "BYPASS_DEVICE_MAP", "ENABLE_RICH"),
        *("DYNAMO_MODE", "DYNAMO_USE_FULLGRAPH", "DYNAMO_USE_DYNAMIC", "DYNAMO_USE_REGIONAL_COMPILATION"),
    )
)
_Found = TypeVar("_Found")


def refuse_conflicts(device: str) -> None:
    """Make sure that no variable asks accelerate for another training than the options do.

    Args:
        device: PyTorch's name of the device.

    Raises:
        FitError: One does (code `environment`).
    """
    for name in _REFUSED:
        value = os.environ.get(name, "")
        if value.lower() not in _NOTHING and (name, value) != (f"{_PREFIX}GRADIENT_ACCUMULATION_STEPS", "1"):
            raise _conflict(name, "systems are trained without that")
    if _asked(f"{_PREFIX}USE_CPU") and device != "cpu":
        raise _conflict(f"{_PREFIX}USE_CPU", f"the device is {device}", "add --device cpu, or ")
    wanted = os.environ.get(f"{_PREFIX}TORCH_DEVICE", device)
    if wanted.split(":")[0] != device.split(":")[0]:
        raise _conflict(f"{_PREFIX}TORCH_DEVICE", f"the device is {device}", f"add --device {wanted}, or ")


def precision_of(option: str | None) -> str | None:
    """The number format that is asked for, by --precision or by accelerate's variable; None where by neither.

    Raises:
        FitError: They differ, or it is a format that encoders are not trained in (code `environment`).
    """
    variable = os.environ.get(_PRECISION, "").lower()
    if variable in _NOTHING:  # `accelerate launch` always sets it, to "no" unless it was asked for another
        return option
    if variable != "bf16":
        raise _conflict(_PRECISION, "encoders are trained in bf16 or float32")
    if option is not None and option != variable:
        raise _conflict(_PRECISION, f"--precision is {option}")
    return variable


def other_settings() -> dict[str, str]:
    """Variables of accelerate that are set and have no option here: part of a run's configuration."""
    known = (*_REFUSED, *_HARMLESS, _PRECISION, f"{_PREFIX}USE_CPU", f"{_PREFIX}TORCH_DEVICE")
    return {name: os.environ[name] for name in sorted(os.environ) if _asked(name) and name not in known}


def shown_settings() -> tuple[str, ...]:
    """What accelerate is told by variables, a line for each; the run's record has them too."""
    told = {name: os.environ[name] for name in (_PRECISION, *other_settings()) if _asked(name)}
    return tuple(f"the environment variable {name} is {value}" for name, value in told.items())


def _asked(name: str) -> bool:
    return name.startswith(_PREFIX) and os.environ.get(name, "").lower() not in _NOTHING


def _conflict(name: str, why: str, instead: str = "") -> FitError:
    what, remedy = f"the environment variable {name}={os.environ[name]}", f"{instead}type `unset {name}`"
    return FitError(what, why, remedy, code="environment")


def by_the_first(find: Callable[[], _Found]) -> _Found:
    """What the first of several processes finds, in all of them; so is its error.

    Each of them might see another state of a folder that somebody else is working on, and those that go on would wait
    for ever for those that do not.

    Args:
        find: Called in the first process alone; what it returns is pickled.
    """
    state = PartialState()
    if state.num_processes == 1:
        return find()
    found: list[tuple[_Found | None, ProbingError | OSError | None]] = [(None, None)]
    if state.is_main_process:
        try:
            found = [(find(), None)]
        except (ProbingError, OSError) as error:
            found = [(None, error)]
    ((value, refusal),) = broadcast_object_list(found)
    if refusal is not None:
        raise refusal
    return value


@contextmanager
def held_by_the_first(hold: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Let the first process hold something for all of them, while the block lasts."""
    with ExitStack() as held:
        by_the_first(lambda: held.enter_context(hold()))
        yield
