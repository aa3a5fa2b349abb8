"""Environment variables that are malformed are refused by their names, and ordinary ones are not."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from probing.cli.main import main
from probing.encoders.device import settle_device
from probing.environment import (
    local_rank,
    processes,
    refuse_half_launched,
    refuse_malformed,
    refuse_malformed_gpus,
    unset_empty,
)
from probing.errors import ProbingError

MALFORMED = [
    *(("WORLD_SIZE", value) for value in ("abc", " ", "0", "-1", "2.0", "1e3", "²", "1_0", "9" * 40)),
    *(("RANK", value) for value in ("x", "-1")),
    *(("LOCAL_RANK", value) for value in ("x", "-2")),
    *(("MASTER_PORT", value) for value in ("http", "70000", "-1")),
    *(("OMP_NUM_THREADS", value) for value in ("abc", " ", "0", "4,x", "-2")),
    *(("OMPI_COMM_WORLD_SIZE", "two"), ("PMI_RANK", "?"), ("MKL_NUM_THREADS", "all")),
    *(("ACCELERATE_USE_CPU", "perhaps"), ("ACCELERATE_USE_DEEPSPEED", " "), ("ACCELERATE_DEBUG_MODE", "2")),
    *(("ACCELERATE_MIXED_PRECISION", "bf8"), ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "x")),
    *(
        ("PROBING_CACHE", "\t"),
        ("PROBING_RUNS", " "),
        ("TQDM_NCOLS", "abc"),
        ("TQDM_MININTERVAL", "-"),
    ),
]
SOUND = [
    {},
    {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "-1", "OMP_NUM_THREADS": "4,2", "PROBING_CACHE": "/data"},
    {"ACCELERATE_MIXED_PRECISION": "BF16"},
    {"CUDA_VISIBLE_DEVICES": "gpu0"},  # a command that opens no device does not read it
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


def test_an_empty_variable_is_unset() -> None:
    """Whichever it is, but for the one whose emptiness says that there is no GPU."""
    names = {name for name, _ in MALFORMED} | {"MASTER_ADDR", "ACCELERATE_DYNAMO_BACKEND"}
    environment = dict.fromkeys(names, "") | {"CUDA_VISIBLE_DEVICES": "", "HOME": "", "RANK": "0"}
    unset_empty(environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": "", "HOME": "", "RANK": "0"}
    refuse_malformed(environment)


@pytest.mark.parametrize(
    "value", ["", " ", "0, 1", "-1", "none", "void", "NoDevFiles", "GPU-5a1f7c22-0f1c,MIG-2b0c/1/0"]
)
def test_gpus_are_named_as_cuda_reads_them(value: str) -> None:
    """By number or by name; or it is said that there is none."""
    refuse_malformed_gpus({"CUDA_VISIBLE_DEVICES": value})


@pytest.mark.parametrize("value", ["gpu0", "0;1", "all"])
def test_gpus_are_looked_at_only_where_one_may_be_opened(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA takes for no GPU at all is no reason to refuse what runs on the processor."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    ran = CliRunner().invoke(main, ["runs"])
    assert ran.exit_code == 0, ran.output
    monkeypatch.setenv("WORLD_SIZE", "")
    assert settle_device("cpu") == "cpu" and not {"OMP_NUM_THREADS", "WORLD_SIZE"} & {*os.environ}
    for name in (None, "cuda"):
        with pytest.raises(ProbingError) as caught:
            settle_device(name)
        assert caught.value.code == "environment" and f"CUDA_VISIBLE_DEVICES={value}" in caught.value.what


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
