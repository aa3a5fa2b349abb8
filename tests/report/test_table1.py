"""Table 1: order, numbers, differences, fall, and the published rows apart from one's own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from builders import rows, write_run

from probing.errors import ProbingError
from probing.report import table1 as tables
from probing.report.published import published
from probing.runs.records import Record
from probing.statistics.concordance import ccc


@pytest.fixture
def runs(tmp_path: Path) -> list[Record]:
    return [
        write_run(tmp_path, "small", "words", "FT⇒FRZ", noise=0.4),
        write_run(tmp_path, "small", "words", noise=0.2),
        write_run(tmp_path, None, "words", noise=0.5),
        write_run(tmp_path, "small", noise=0.4),
        write_run(tmp_path, "large", noise=0.3),
        write_run(tmp_path, "large", noise=3.0, shuffled=True),
    ]


def test_systems_stand_in_the_papers_order(runs: list[Record]) -> None:
    """By modality, the larger first, fine-tuned before frozen, controls last."""
    names = [tables.model_name(record) for record in tables.systems(runs)]
    assert names == [
        "large",
        "small",
        "words",
        "small+words",
        "small+words (FT⇒FRZ)",
        "large — control: permuted labels",
    ]


def test_its_numbers_are_those_of_the_predictions(runs: list[Record]) -> None:
    """Mean over seeds, spread, parameters, difference to the largest audio system, fall."""
    table = tables.table1(runs).set_index(["model", "partition", "dimension"])
    found = {record["system"]["name"]: record for record in runs if not record["shuffled"]}

    def score(name: str, partition: str) -> np.ndarray:
        own = rows(found[name], "valence", partition)
        return np.array([ccc(own.truth, own[f"seed{s}"]) for s in range(3)])

    row = table.loc[("small", "test2", "valence")]
    own = {name: {p: score(name, p) for p in ("test1", "test2")} for name in ("small", "large")}
    assert row.ccc == pytest.approx(own["small"]["test2"].mean()) and row.sd == pytest.approx(
        own["small"]["test2"].std(ddof=1)
    )
    assert row.difference == pytest.approx(own["small"]["test2"].mean() - own["large"]["test2"].mean())
    assert row.fall == pytest.approx(own["small"]["test2"].mean() - own["small"]["test1"].mean())
    assert row.against == "large" and row.parameters_M == 20 and row.seeds == 3
    assert np.isnan(table.loc[("large", "test2", "valence")].difference)


def test_published_numbers_stand_apart_with_their_corpus(runs: list[Record]) -> None:
    """No column holds both, and the heading says on what they were measured."""
    text = tables.markdown(tables.table1(runs), "made-up")
    own, paper = text.split("## Table 1 as published")
    assert "MSP-Podcast v1.10" in paper and "no other corpus" in " ".join(paper.split()) and "HuBERT base" not in own
    assert "0.333" in paper and "± " in own and "### From seen to unseen" in own
    assert len(published("table1")) == 12 and published("table2").wer.dropna().tolist() == [0.222, 0.241]


def test_latex_has_as_many_cells_as_columns(runs: list[Record]) -> None:
    """Each row fills the tabular's columns, and what TeX would read as its own is escaped."""
    text = tables.latex(tables.table1(runs), "made-up")
    columns = re.search(r"begin\{tabular\}\{(\w+)\}", text)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert columns and all(line.count(" & ") == len(columns[1]) - 1 for line in body)
    assert "⇒" not in text and r"\#params" in text and len(body) == 7


def test_runs_on_several_corpora_are_refused(runs: list[Record], tmp_path: Path) -> None:
    other = write_run(tmp_path, "large", corpus="elsewhere")
    with pytest.raises(ProbingError, match="several corpora"):
        tables.table1([*runs, other])


def test_a_corpus_without_test_partitions_is_scored_on_development(tmp_path: Path) -> None:
    record = write_run(tmp_path, "large", partitions=("development",), seeds=1)
    table = tables.table1([record])
    assert (
        set(table.partition) == {"development"}
        and "fall" not in table
        and "±" not in tables.markdown(table, "x").split("##")[1].splitlines()[-1]
    )
