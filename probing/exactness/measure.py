"""Measure batches of every family of encoders, and of some encoders by name, as one table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import torch
import transformers

from probing.encoders.families import ALONE, EXACT_TEXT, TEXT, WINDOWED
from probing.exactness.checkpoints import ALL, save_small
from probing.extraction.padding import EXACT, MASKED, OURS, UNMASKED, PaddingErrors, measure_padding

BATCHES, WINDOWS, ONE_BY_ONE = "in batches", "in equal windows", "one at a time"


def measured(encoders: Sequence[str] = (), small: Sequence[str] = ALL) -> pd.DataFrame:
    """How far batches of small random checkpoints of every family are off, and those of some encoders.

    Args:
        encoders: What a user types for them.
        small: Which of `checkpoints.ALL`.

    Returns:
        A row for each encoder and layer: `reads` (speech or text), `family` (transformers' model type), `encoder`,
        `weights`, `here` (how this package runs it), `layer`, the largest relative error of an utterance in an ordinary
        batch without mask (`no_mask`), with it (`mask`; NaN where the model takes none) and in ours (`ours`), and the
        versions of transformers and torch.
    """
    rows = []
    for weights, found in _all(encoders, small):
        text = found.family in TEXT
        for place, layer in enumerate(found.state_names):
            rows.append(
                {
                    "reads": "text" if text else "speech",
                    "family": found.family,
                    "encoder": found.name,
                    "weights": weights,
                    "here": here(found.family),
                    "layer": layer,
                    "no_mask": found.worst(UNMASKED)[place],
                    "mask": found.worst(MASKED)[place] if MASKED in found.errors else float("nan"),
                    "ours": found.worst(OURS)[place],
                }
            )
    versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
    table = pd.DataFrame(rows).assign(**versions)
    errors = ["no_mask", "mask", "ours"]
    table[errors] = table[errors].map(lambda error: float(f"{error:.3g}"))
    return table


def inexact(table: pd.DataFrame) -> list[str]:
    """Encoders whose batches are not exact here."""
    return list(dict.fromkeys(table[~(table.ours <= EXACT)].encoder))


def here(family: str) -> str:
    """How this package runs encoders of a family."""
    if family in WINDOWED:
        return WINDOWS
    alone = family in ALONE or (family in TEXT and family not in EXACT_TEXT)
    return ONE_BY_ONE if alone else BATCHES


def _all(encoders: Sequence[str], small: Sequence[str]) -> Iterator[tuple[str, PaddingErrors]]:
    """What kind of weights an encoder has, and its errors; small checkpoints live in a temporary folder."""
    with TemporaryDirectory() as folder:
        for name in small:
            print(name, file=sys.stderr)
            yield "small, random", measure_padding(str(save_small(Path(folder) / name, name)))
    for name in encoders:
        print(name, file=sys.stderr)
        found = measure_padding(name)
        yield "random" if "@random" in found.name else "trained", found
