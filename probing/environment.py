"""Environment variables that this toolkit and the libraries below it read: what is malformed is refused by its name.

Libraries turn such a value into a traceback (`WORLD_SIZE=abc`), or take it for something else without a word
(`CUDA_VISIBLE_DEVICES=gpu0` is no GPU at all). An empty value is none, as a shell leaves it where another variable was
not set (`OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK`); only an empty CUDA_VISIBLE_DEVICES has a meaning, that of no GPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping

from probing.errors import ProbingError

# Set by torchrun, mpirun and `accelerate launch`, and read by accelerate: variable → its least value.
_WHOLE = {
    **{"WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": -1, "MASTER_PORT": 0},
    **{"PMI_SIZE": 1, "PMI_RANK": 0, "MPI_LOCALNRANKS": 1, "MPI_LOCALRANKID": 0},
    **{"OMPI_COMM_WORLD_SIZE": 1, "OMPI_COMM_WORLD_RANK": 0},
    **{"OMPI_COMM_WORLD_LOCAL_SIZE": 1, "OMPI_COMM_WORLD_LOCAL_RANK": 0},
    **{"MV2_COMM_WORLD_SIZE": 1, "MV2_COMM_WORLD_RANK": 0},
    **{"MV2_COMM_WORLD_LOCAL_SIZE": 1, "MV2_COMM_WORLD_LOCAL_RANK": 0},
    **{"MKL_NUM_THREADS": 1, "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": 1},
}
_MOST = {"MASTER_PORT": 65535}
_FLAGS = ("USE_CPU", "USE_DEEPSPEED", "USE_FSDP", "USE_MEGATRON_LM", "USE_SAGEMAKER", "DEBUG_MODE", "CPU_AFFINITY")
_TRUTH = ("1", "0", "true", "false", "yes", "no", "y", "n", "t", "f", "on", "off")
_FORMATS = ("no", "fp16", "bf16", "fp8")  # that accelerate knows
_ACCELERATE = {**{f"ACCELERATE_{flag}": _TRUTH for flag in _FLAGS}, "ACCELERATE_MIXED_PRECISION": _FORMATS}
_BARS = ("NCOLS", "NROWS", "POSITION", "MININTERVAL", "MAXINTERVAL", "MINITERS", "SMOOTHING", "DELAY")  # of tqdm
_FOLDERS = ("PROBING_CACHE", "PROBING_RUNS")
_THREADS = r"\s*[1-9][0-9]{0,5}\s*"  # several numbers are those of nested regions
_GPU = r"-?\d+|(GPU|MIG)-[\w/-]+"
_NO_GPU = r"|NoDevFiles|none|void"
_CODE = "environment"
_TOGETHER = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def unset_empty(environment: MutableMapping[str, str] | None = None) -> None:
    """Unset what is set to nothing, for the libraries below and for child processes too.

    Args:
        environment: Variable → value; by default this process's.
    """
    found = os.environ if environment is None else environment
    bars = [f"TQDM_{bar}" for bar in _BARS]
    own = {*_WHOLE, *_TOGETHER, *_FOLDERS, *bars, "OMP_NUM_THREADS"}
    for name in [name for name, value in found.items() if value == ""]:
        if name in own or name.startswith("ACCELERATE_"):
            del found[name]


def refuse_malformed(environment: Mapping[str, str] | None = None) -> None:
    """Make sure that no variable is malformed which every command, or a library that it loads, may read.

    Args:
        environment: Variable → value, without those that `unset_empty` unsets; by default this process's.

    Raises:
        ProbingError: One is (code `environment`).
    """
    found = os.environ if environment is None else environment
    for name, least in _WHOLE.items():
        _demand_whole_number(name, found.get(name), least, _MOST.get(name))
    threads = found.get("OMP_NUM_THREADS", "1")
    if not re.fullmatch(rf"{_THREADS}(,{_THREADS})*", threads):
        raise _malformed("OMP_NUM_THREADS", threads, "it is no number of threads")
    for name, choices in _ACCELERATE.items():
        _demand_one_of(name, found, choices)
    for bar in _BARS:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", number := found.get(f"TQDM_{bar}", "0")):
            raise _malformed(f"TQDM_{bar}", number, "it is no number")
    for name in _FOLDERS:
        if name in found and not found[name].strip():
            raise _malformed(name, found[name], "it names no folder")


def refuse_malformed_gpus(environment: Mapping[str, str] | None = None) -> None:
    """Make sure that GPUs are named as CUDA reads them: a malformed list is no GPU at all, without a word.

    Args:
        environment: Variable → value; by default this process's.

    Raises:
        ProbingError: They are not (code `environment`).
    """
    gpus = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES", "")
    if not re.fullmatch(rf"\s*({_NO_GPU}|({_GPU})(\s*,\s*({_GPU}))*\s*,?)\s*", gpus):
        raise _malformed("CUDA_VISIBLE_DEVICES", gpus, "it is no list of GPUs like 0,1")


def refuse_half_launched(environment: Mapping[str, str] | None = None) -> None:
    """Make sure that a process which is to be one of several knows all that they need to find one another.

    Raises:
        ProbingError: It does not (code `environment`).
    """
    found = os.environ if environment is None else environment
    n_processes, rank = processes(found), int(found.get("RANK") or "0")
    if n_processes > 1 or int(found.get("LOCAL_RANK") or "-1") >= 0:
        lacking = [name for name in _TOGETHER if not found.get(name)]
        if lacking:
            given = next(name for name in _TOGETHER if found.get(name))
            why = f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set"
            raise ProbingError(
                f"{given}={found[given]}", why, f"start it with torchrun, or {_unset(given)}", code=_CODE
            )
    if rank >= n_processes:
        raise _malformed("RANK", str(rank), f"it must be below WORLD_SIZE, which is {n_processes}")


def processes(environment: Mapping[str, str] | None = None) -> int:
    """Number of processes that work on one training; torchrun says it."""
    return int((os.environ if environment is None else environment).get("WORLD_SIZE") or "1")


def local_rank() -> int:
    """This process's number on its machine, from 0; torchrun says it."""
    return max(0, int(os.environ.get("LOCAL_RANK") or "0"))


def _unset(name: str) -> str:
    return f"type `unset {name}`"


def _malformed(name: str, value: str, why: str) -> ProbingError:
    remedy = f"correct it, or {_unset(name)}"
    return ProbingError(f"the environment variable {name}={value}", why, remedy, code=_CODE)


def _demand_whole_number(name: str, value: str | None, least: int, most: int | None = None) -> None:
    if value is None:
        return
    # Python also reads 1_0 and digits of other scripts, which other libraries do not.
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", value.strip()):
        raise _malformed(name, value, "it is no whole number")
    if int(value) < least or (most is not None and int(value) > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise _malformed(name, value, f"it must be {bounds}")


def _demand_one_of(name: str, environment: Mapping[str, str], choices: tuple[str, ...]) -> None:
    if name in environment and environment[name].strip().lower() not in choices:
        raise _malformed(name, environment[name], f"it must be one of {', '.join(choices)}")
