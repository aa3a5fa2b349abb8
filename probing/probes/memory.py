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

_COPIES = 5  # of a block's parameters: themselves, gradients, two moments, and while narrowing
# Bytes of a block on a processor: 25 probes of 768 hidden units. A step takes 1.5 times as long, each, for 2 together,
# since calls then take more time than arithmetic; from 32 on there is nothing more to gain.
_BLOCK = 300_000_000
_SHARE = 2  # of a GPU's memory: a half for a block, the rest for the best probes, the states and what a step needs


def banked(corpus: Corpus, targets: Sequence[str]) -> list[tuple[str, ...]]:
    """The targets of each bank: all dimensions, if there are any, and then each category by itself."""
    named = categories_of(corpus, targets)
    rated = tuple(name for name in targets if name not in named)
    return [rated] * bool(rated) + [(name,) for name in named]


def refuse_large_bank(
    corpus: Corpus, options: FitOptions, n_layers: int, width: int, device: str, held: bool = True
) -> None:
    """Each bank must fit into memory, and so must gradients and Adam's moments of those that are trained together.

    Args:
        corpus: The utterances.
        options: What to fit; its dimensions are settled.
        n_layers: L.
        width: D.
        device: PyTorch's name of a device.
        held: Whether the features are held in memory; where they are not, all probes are trained together.

    Raises:
        FitError: One does not (code `bank-too-large`).
    """
    named = categories_of(corpus, options.dims)
    for targets in banked(corpus, options.dims):
        outputs = len(named.get(targets[0], ())) or 1
        _refuse_large(
            replace(options, dims=targets),
            n_layers,
            numbers_of(options.head, width, options.hidden or width, outputs),
            device,
            held,
        )


def block_of(numbers: int, device: str) -> int:
    """How many probes of some parameters each are trained together."""
    room = _BLOCK if torch.device(device).type == "cpu" else memory_of(device) // _SHARE
    return max(1, room // (torch.float32.itemsize * _COPIES * numbers))


def _refuse_large(options: FitOptions, n_layers: int, numbers: int, device: str, held: bool) -> None:
    probes = count_probes(options, n_layers)
    together = min(probes, block_of(numbers, device)) if held else probes
    needed, memory = torch.float32.itemsize * (probes + _COPIES * together) * numbers, memory_of(device)
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
