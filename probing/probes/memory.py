"""Which probes are trained together, and whether memory holds them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import torch

from probing.corpus.model import Corpus
from probing.errors import FitError
from probing.files import size
from probing.probes.bank import count_probes
from probing.probes.classes import categories_of
from probing.probes.heads import numbers_of
from probing.probes.options import FitOptions

_COPIES = 6  # of a bank's parameters: themselves, gradients, two moments, the best so far, and while narrowing


def banked(corpus: Corpus, targets: Sequence[str]) -> list[tuple[str, ...]]:
    """The targets of each bank: all dimensions, if there are any, and then each category by itself."""
    named = categories_of(corpus, targets)
    rated = tuple(name for name in targets if name not in named)
    return [rated] * bool(rated) + [(name,) for name in named]


def refuse_large_bank(corpus: Corpus, options: FitOptions, n_layers: int, width: int, device: str) -> None:
    """Each bank must fit into memory with its gradients and Adam's moments.

    Raises:
        FitError: One does not (code `bank-too-large`).
    """
    named = categories_of(corpus, options.dims)
    for targets in banked(corpus, options.dims):
        outputs = len(named.get(targets[0], ())) or 1
        _refuse_large(replace(options, dims=targets), n_layers, width, outputs, device)


def _refuse_large(options: FitOptions, n_layers: int, width: int, outputs: int, device: str) -> None:
    numbers = numbers_of(options.head, width, options.hidden or width, outputs)
    probes = count_probes(options, n_layers)
    needed, memory = torch.float32.itemsize * _COPIES * probes * numbers, memory_of(device)
    if needed > memory:
        raise FitError(
            f"a bank of {probes:,} probes with {numbers:,} parameters each needs {size(needed)} of memory",
            f"{device} has {size(memory)}",
            "lower --seeds, --permutations, --refits or --hidden, or fit fewer dimensions at a time",
            code="bank-too-large",
        )


def memory_of(device: str) -> int:
    """Bytes of memory that a device has in all."""
    if torch.device(device).type == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(torch.cuda.get_device_properties(device).total_memory)
