"""Table 1: order, numbers, differences, fall, one row a run, and the published rows apart from one's own."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import rows, write_run

from probing.errors import RunError
from probing.report.published import published
from probing.report.table1 import latex, markdown, table1
from probing.runs.records import FinetuneRecord
from probing.statistics.concordance import ccc


@pytest.fixture(params=[1, 2])
def runs(tmp_path: Path, request: pytest.FixtureRequest) -> list[FinetuneRecord]:
    """Six systems, one of them a control, in both versions of the record."""
    version = request.param
    return [
        write_run(tmp_path, "small", "words", "FT⇒FRZ", noise=0.4, version=version),
        write_run(tmp_path, "small", "words", noise=0.2, version=version),
        write_run(tmp_path, None, "words", noise=0.5, version=version),
        write_run(tmp_path, "small", noise=0.4, version=version),
        write_run(tmp_path, "large", noise=0.3, version=version),
        write_run(tmp_path, "large", noise=3.0, shuffled=True, version=version),
    ]


def test_its_numbers_are_those_of_the_predictions(runs: list[FinetuneRecord]) -> None:
    """Mean over seeds, spread, parameters, difference to the largest audio system, fall."""
    table = table1(runs).set_index(["model", "partition", "dimension"])
    found = {record.system.name: record for record in runs if not record.shuffled}

    def score(name: str, partition: str) -> np.ndarray:
        own = rows(found[name], "valence", partition)
        return np.array([ccc(own.truth, own[f"seed{s}"]) for s in range(3)])

    row = table.loc[("small", "test2", "valence")]
    own = {name: {p: score(name, p) for p in ("test1", "test2")} for name in ("small", "large")}
    assert row.ccc == pytest.approx(own["small"]["test2"].mean())
    assert row.sd == pytest.approx(own["small"]["test2"].std(ddof=1))
    assert row.difference == pytest.approx(own["small"]["test2"].mean() - own["large"]["test2"].mean())
    assert row.fall == pytest.approx(own["small"]["test2"].mean() - own["small"]["test1"].mean())
    assert row.against == "large" and row.parameters_M == 20 and row.seeds == 3
    assert np.isnan(table.loc[("large", "test2", "valence")].difference)


def test_the_order_of_the_runs_is_no_matter(runs: list[FinetuneRecord]) -> None:
    """The same table whatever is typed first."""
    for order in list(permutations(runs))[:: 6 * 5 * 4]:
        pd.testing.assert_frame_equal(table1(order), table1(runs))


def test_two_runs_of_one_system_are_two_rows(tmp_path: Path) -> None:
    """Told apart by what differs, in the table, in Markdown and in LaTeX, in any order."""
    twins = [write_run(tmp_path, "large", options={"lr": lr}, noise=lr, folder=str(lr)) for lr in (0.1, 0.3)]
    for order in permutations(twins):
        table = table1(order)
        assert list(dict.fromkeys(table.model)) == ["large, lr 0.1", "large, lr 0.3"]
        assert set(table.run) == {"0.1", "0.3"} and set(table.against.dropna()) == {"large, lr 0.1"}
        for text in (markdown(table, "made-up"), latex(table, "made-up")):
            assert text.count("large, lr 0.3") >= 1 and text.count("large, lr 0.1") >= 1


def test_the_reference_may_be_another_run(runs: list[FinetuneRecord], tmp_path: Path) -> None:
    """Among the runs or beside them; on another corpus it is refused."""
    small = next(run for run in runs if run.system.name == "small" and not run.shuffled)
    assert set(table1(runs, small).against.dropna()) == {"small"}
    beside = write_run(tmp_path / "x", "large", "more", version=runs[0].version)
    assert set(table1(runs, beside).against.dropna()) == {"large+more"}
    elsewhere = write_run(tmp_path / "y", "large", corpus="elsewhere", version=runs[0].version)
    with pytest.raises(RunError) as caught:
        table1(runs, elsewhere)
    assert caught.value.code == "several-corpora"


def test_published_numbers_stand_apart_with_their_corpus(runs: list[FinetuneRecord]) -> None:
    """No column holds both, the heading says on what they were measured, and every published row is there."""
    own, paper = markdown(table1(runs), "made-up").split("## Table 1 as published")
    assert "MSP-Podcast v1.10" in paper and "no other corpus" in " ".join(paper.split()) and "HuBERT base" not in own
    assert "± " in own and "### From seen to unseen" in own
    printed = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in paper.splitlines() if line.startswith("| a")
    ]
    table = published("table1")
    for _, pair in table.groupby(["modality", "model"]):
        seen, unseen = (pair[pair.partition == p].iloc[0] for p in ("test1", "test2"))
        scores = [f"{row[d]:.3f}" for row in (seen, unseen) for d in ("arousal", "valence", "dominance")]
        assert [seen.modality, seen.model, f"{seen.parameters_M:.0f}", *scores] in printed
    assert len(printed) == 6


def test_latex_has_as_many_cells_as_columns(runs: list[FinetuneRecord]) -> None:
    """Each row fills the tabular's columns, and what TeX would read as its own is escaped."""
    text = latex(table1(runs), "made-up")
    columns = re.search(r"begin\{tabular\}\{(\w+)\}", text)
    tabular = text[text.index("begin{tabular}") :]
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert columns and all(line.count(" & ") == len(columns[1]) - 1 for line in body)
    assert "⇒" not in tabular and "±" not in tabular and r"\#params" in text and len(body) == 7


def test_names_with_signs_of_tex_and_markdown_are_escaped(tmp_path: Path) -> None:
    """An underscore, a brace and a bar are part of a name."""
    table = table1([write_run(tmp_path, "a_b{c}|d&e")])
    assert r"a\_b\{c\}\textbar{}d\&e" in latex(table, "x") and r"a_b{c}\|d&e" in markdown(table, "x")


def test_a_corpus_without_test_partitions_is_scored_on_development(tmp_path: Path) -> None:
    """There is then no fall, and one seed has no spread."""
    table = table1([write_run(tmp_path, "large", partitions=("development",), seeds=1)])
    assert set(table.partition) == {"development"} and "fall" not in table
    assert "±" not in markdown(table, "x").split("##")[1].splitlines()[-1]
