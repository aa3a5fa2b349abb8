"""Where PyTorch computes."""

from __future__ import annotations

import torch

from probing.environment import local_rank, refuse_malformed, refuse_malformed_gpus, unset_empty
from probing.errors import EncoderError


def settle_device(name: str | None) -> str:
    """The device that the user names; without a name this process's own GPU, or the CPU where there is none.

    Raises:
        EncoderError: PyTorch has no such device here (code `device`).
        ProbingError: An environment variable is malformed (code `environment`).
    """
    unset_empty()  # a program that uses the package has not been through the command line
    refuse_malformed()
    if name is None or name.startswith("cuda"):
        refuse_malformed_gpus()
    if name is None and torch.cuda.is_available():
        return f"cuda:{local_rank() % torch.cuda.device_count()}"
    if name is None:
        return "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built with CUDA
        why = f"{error}".splitlines()[0]
        remedy = "leave --device out, or name cpu, cuda or cuda:N"
        raise EncoderError(f"--device {name}", why, remedy, code="device") from error
    return name
