"""How exact batches are, for reading: Markdown tables from figures/padding.csv alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from probing.extraction.padding import EXACT
from probing.runs.printing import markdown_table

FILE = "padding.csv"
_COLUMNS = ["ordinary batch, no mask", "ordinary batch, mask", "here", "batch here"]


def readme_block(figures: Path) -> str:
    """The table of the README's section on encoders: families of speech one by one, those of text together.

    Args:
        figures: Folder with padding.csv, as `make padding` writes it.
    """
    table = pd.read_csv(figures / FILE)
    small = table[table.weights == "small, random"]
    rows = []
    for family, own in small[small.reads == "speech"].groupby("family", sort=False):
        rows.append([f"`{family}`", *_cells(own)])
    for own in _texts(small[small.reads == "text"]):
        rows.append([", ".join(f"`{family}`" for family in dict.fromkeys(own.family)), *_cells(own)])
    for name, own in table[table.weights != "small, random"].groupby("encoder", sort=False):
        rows.append([f"{name} ({own.weights.iloc[0]} weights)", *_cells(own)])
    more = (
        " Families, by their `model_type`, are small random checkpoints of every kind of norm and front end that they "
    )
    more += "have; of several, from the least error to the largest."
    return f"{_said(table)}{more}\n\n{_table(['encoder', *_COLUMNS], rows)}"


def markdown(table: pd.DataFrame) -> str:
    """Every encoder, with the error of its first state and the largest of all."""
    rows = []
    for name, own in table.groupby("encoder", sort=False):
        first = own.iloc[0]
        ends = [f"{_error(first[kind])} / {_error(own[kind].max())}" for kind in ("no_mask", "mask", "ours")]
        rows.append([name, f"`{first.family}`", first.weights, *ends[:2], first.here, ends[2]])
    said = _said(table) + " Layer 0 / the worst layer of each encoder; every layer is in padding.csv."
    return f"# Padded batches\n\n{said}\n\n{_table(['encoder', '`model_type`', 'weights', *_COLUMNS], rows)}\n"


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """The largest errors of each encoder, over layers, a row each."""
    return (
        table.groupby(["reads", "family", "encoder", "weights"], sort=False)[["no_mask", "mask", "ours"]]
        .max()
        .reset_index()
    )


def versions(table: pd.DataFrame) -> str:
    """What it was measured with.

    >>> versions(pd.DataFrame({"transformers": ["5.1"], "torch": ["2.9"]}))
    'transformers 5.1, torch 2.9'
    """
    return f"transformers {table.transformers.iloc[0]}, torch {table.torch.iloc[0]}"


def _said(table: pd.DataFrame) -> str:
    return (
        "Largest relative error ‖batch − alone‖/‖alone‖ of an utterance in a batch of several, over all layers, "
        f"against transformers' own model run on each alone ({versions(table)}); – where the model takes no mask."
    )


def _texts(texts: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Text families by how they are run here, those that run alone by whether their masked batches are exact."""
    leaks = texts.groupby("encoder").mask.transform(lambda errors: not bool((errors <= EXACT).all()))
    for _, own in texts.groupby([texts.here, leaks], sort=False):
        yield own


def _cells(own: pd.DataFrame) -> list[str]:
    """The largest errors of some encoders, from the best of them to the worst."""
    by = own.groupby("encoder")[["no_mask", "mask", "ours"]].max()
    return [_ends(by.no_mask), _ends(by["mask"]), str(own.here.iloc[0]), _ends(by.ours)]


def _ends(errors: pd.Series) -> str:
    low, high = _error(errors.min()), _error(errors.max())
    return low if low == high else f"{low} – {high}"


def _error(error: float) -> str:
    """An error, short.

    >>> _error(0.8712), _error(4.36e-7), _error(0.0), _error(float("nan"))
    ('0.87', '4e-07', '0', '–')
    """
    if np.isnan(error):
        return "–"
    return f"{error:.2f}" if error >= 0.01 else f"{error:.0e}" if error else "0"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(pd.DataFrame(list(rows), columns=list(columns)), str)
