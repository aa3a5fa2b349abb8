"""What `probe fit` prints of a record beside the scores: chance, places, findings, files; of old runs what there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from builders import write_fit
from ridge_fits import PERMUTATIONS, write_ridge_fit

from probing.cli.printing_fit import fitted
from probing.runs.records import Score
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import Finding

SCORES = (Score("valence", "test2", 0.5, 0.1, 0.47, 0.54, 8, "weighted"),)


def test_chance_is_the_range_of_the_permutations_that_are_the_null(tmp_path: Path) -> None:
    """Of every layer and dimension; on test1, whose speakers are known from train, of those within speakers."""
    record = replace(write_ridge_fit(tmp_path), scores=SCORES)
    printed = " ".join(fitted(record).split())
    nulls = pd.read_csv(record.folder / "nulls.csv")
    for partition, labels, how in (("test1", "by-speaker", "within"), ("test2", "permuted", "between")):
        said = printed[printed.index(f"by chance on {partition}, labels permuted {how} speakers") :]
        own = nulls.query(f"partition == '{partition}' and labels == '{labels}'").groupby("kind").ccc
        ridge, weighted = (f"{own.min()[kind]:.3f} to {own.max()[kind]:.3f}" for kind in ("ridge", "weighted"))
        assert f"ridge probes of all layers {ridge} ({PERMUTATIONS} permutations)" in said
        assert f"the weighted sum {weighted} (" in said
    assert "by chance on development" not in printed and "by chance on train" not in printed


def test_what_is_said_comes_in_order_and_fits_a_terminal(tmp_path: Path) -> None:
    """Scores, chance, places, findings, notes, files; only a path may be longer than a line."""
    finding = Finding("a claim of many words " * 8, "test2", "a measure", value=0.25, verdict="undecided")
    where = {"valence": LayerSummary("valence", "undecided", 2)}
    notes = ("first " * 30, f"see {'x' * 150}")
    record = replace(write_ridge_fit(tmp_path), scores=SCORES, layers=where, findings=(finding,), notes=notes)
    text = fitted(record)
    starts = ["dimension", "valence  ", "by chance", "valence: it is undecided", "test2: a claim", "note: first"]
    order = [text.index(f"\n{start}") for start in starts]
    assert text.startswith("CCC, ") and order == sorted(order)
    assert ": undecided (a measure: 0.250)" in " ".join(text.split()) and "**" not in text
    paths = [line for line in text.splitlines() if line.startswith(str(record.folder))]
    assert text.endswith("\n".join(paths))
    assert [Path(path).name for path in paths[:2]] == ["record.json", "importance.csv"]
    long = [line for line in text.splitlines() if len(line) > 120 and line not in paths]
    assert [line.strip() for line in long] == ["x" * 150]


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_of_the_version_before_prints_what_it_has(tmp_path: Path, version: int) -> None:
    """Neither chance nor places nor findings, and no file that is not there."""
    record = replace(write_fit(tmp_path, version=version), scores=SCORES)
    text = fitted(record)
    assert "0.500" in text and "by chance" not in text and "importance.csv" not in text and "best layer" not in text


def test_ridge_probes_alone_have_no_seeds(tmp_path: Path) -> None:
    """Their closed form has none, and no weighted sum was permuted."""
    score = Score("valence", "development", 0.5, None, 0.47, 0.54, 8, "ridge, layer 2")
    text = fitted(replace(write_ridge_fit(tmp_path, head="ridge"), scores=(score,)))
    assert "seed" not in text and "weighted" not in text and "weights.csv" not in text and "jackknife" in text
    assert "development (selected on)" in text and "ridge, layer 2" in text
