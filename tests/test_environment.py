"""Environment variables that are malformed are refused by their names, and ordinary ones are not."""

from __future__ import annotations

import pytest

from probing.environment import local_rank, processes, refuse_half_launched, refuse_malformed
from probing.errors import ProbingError

MALFORMED = [
    *(("WORLD_SIZE", value) for value in ("abc", "", "0", "-1", "2.0", "1e3", "²", "1_0", "9" * 40)),
    *(("RANK", value) for value in ("x", "-1")),
    *(("LOCAL_RANK", value) for value in ("x", "-2")),
    *(("MASTER_PORT", value) for value in ("http", "70000", "-1")),
    *(("OMP_NUM_THREADS", value) for value in ("abc", "", "0", "4,x", "-2")),
    *(("OMPI_COMM_WORLD_SIZE", "two"), ("PMI_RANK", "?"), ("MKL_NUM_THREADS", "all")),
    *(("ACCELERATE_USE_CPU", "perhaps"), ("ACCELERATE_USE_DEEPSPEED", ""), ("ACCELERATE_DEBUG_MODE", "2")),
    *(("ACCELERATE_MIXED_PRECISION", "bf8"), ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "x")),
    *(
        ("PROBING_CACHE", ""),
        ("PROBING_RUNS", " "),
        ("TQDM_NCOLS", "abc"),
        ("TQDM_MININTERVAL", ""),
        ("CUDA_VISIBLE_DEVICES", "gpu0"),
        ("CUDA_VISIBLE_DEVICES", "0;1"),
    ),
]
SOUND = [
    {},
    {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "-1", "OMP_NUM_THREADS": "4,2", "PROBING_CACHE": "/data"},
    {"CUDA_VISIBLE_DEVICES": ""},
    {"CUDA_VISIBLE_DEVICES": "0, 1"},
    {"CUDA_VISIBLE_DEVICES": "-1"},
    {"CUDA_VISIBLE_DEVICES": "GPU-5a1f7c22-0f1c-11ee,MIG-2b0c/1/0", "ACCELERATE_MIXED_PRECISION": "BF16"},
]
TOGETHER = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    """With its value, and with how to be rid of it."""
    with pytest.raises(ProbingError) as caught:
        refuse_malformed({name: value})
    assert caught.value.code == "environment"
    assert f"{name}={value}" in caught.value.what and f"unset {name}" in caught.value.remedy


@pytest.mark.parametrize("environment", SOUND)
def test_ordinary_variables_are_no_error(environment: dict[str, str]) -> None:
    """None set, those of torchrun, GPUs by number or by name."""
    refuse_malformed(environment)
    refuse_half_launched(environment)


@pytest.mark.parametrize("lacking", ["RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_one_of_several_processes_must_know_the_others(lacking: str) -> None:
    """Without a variable of torchrun's a process would train alone, or wait for ever."""
    refuse_half_launched(TOGETHER)
    assert processes(TOGETHER) == 2
    with pytest.raises(ProbingError) as caught:
        refuse_half_launched({name: value for name, value in TOGETHER.items() if name != lacking})
    assert caught.value.code == "environment" and lacking in caught.value.why


def test_a_rank_is_below_the_number_of_processes() -> None:
    """Also where there is one alone."""
    for environment in (TOGETHER | {"RANK": "2"}, {"RANK": "1"}):
        with pytest.raises(ProbingError) as caught:
            refuse_half_launched(environment)
        assert caught.value.code == "environment" and "RANK" in caught.value.what


def test_a_process_alone_is_the_first_on_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not something has set LOCAL_RANK to -1."""
    for value, found in ((None, 0), ("-1", 0), ("3", 3)):
        monkeypatch.delenv("LOCAL_RANK", raising=False)
        if value is not None:
            monkeypatch.setenv("LOCAL_RANK", value)
        assert local_rank() == found
