"""Where and how everything is computed."""

from __future__ import annotations

import os
import sys

import torch

from probing.bench.options import BenchOptions
from probing.bench.turns import Setting
from probing.encoders.device import settle_device
from probing.errors import OptionError


def settings_of(options: BenchOptions) -> list[Setting]:
    """Where and how everything is computed: on a CPU one utterance at a time, on a GPU in full batches too.

    Raises:
        EncoderError: PyTorch has no such device here (code `device`).
        OptionError: Threads are given, and no CPU is to compute (code `no-effect`).
    """
    devices = options.devices or ("cpu", *(["cuda"] if torch.cuda.is_available() else []))
    devices = tuple(dict.fromkeys(settle_device(device) for device in devices))
    if options.threads and "cpu" not in devices:
        why = "only the CPU has threads, and it is not among the devices"
        raise OptionError("--threads changes nothing", why, "add --device cpu, or leave it out", code="no-effect")
    threads = tuple(dict.fromkeys(options.threads or (1, torch.get_num_threads())))
    found = [Setting("cpu", number) for number in threads] if "cpu" in devices else []
    gpus = [device for device in devices if device != "cpu"]
    return found + [Setting(device, full=full) for device in gpus for full in (False, True)]


def say_what_is_left_out(options: BenchOptions) -> None:
    """Say on stderr what a user may look for in vain: a GPU, and all threads where the environment allows one."""
    if not options.devices and not torch.cuda.is_available():
        print("no GPU found: CPU alone", file=sys.stderr)
    on_cpu, cores = not options.devices or "cpu" in options.devices, os.cpu_count() or 1
    if on_cpu and not options.threads and torch.get_num_threads() == 1 < cores:
        named = os.environ.get("OMP_NUM_THREADS")
        why = f"OMP_NUM_THREADS={named} leaves" if named else "this machine leaves"
        print(f"one thread alone: {why} PyTorch one of {cores} cores; for all, type --threads {cores}", file=sys.stderr)
