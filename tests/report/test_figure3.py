"""Figure 3, the comparison figure and `probe compare`: what is drawn, and what is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import planted, rows, write_run
from click.testing import CliRunner

from probing.cli.main import main
from probing.errors import ProbingError
from probing.report.figure3 import comparison_figure, figure3, gains
from probing.runs.records import Record, read_record
from probing.statistics.concordance import ccc


def write_fit(root: Path, corpus: str = "made-up", layers: int = 13) -> Record:
    """A fit run's folder with weights that grow with the layer, and single-layer scores."""
    folder = root / f"fit-{corpus}"
    folder.mkdir(parents=True)
    rows, scores = [], []
    for dimension in ("arousal", "valence"):
        for seed in range(2):
            weights = np.arange(1.0, layers + 1) + seed
            rows += [(dimension, seed, layer, w) for layer, w in enumerate(weights / weights.sum())]
            scores += [
                (dimension, "single", layer, seed, "test2", 40, layer / 20, layer / 20 - 0.1, layer / 20 + 0.1)
                for layer in range(layers)
            ]
    pd.DataFrame(rows, columns=["dimension", "seed", "layer", "weight"]).to_csv(folder / "weights.csv", index=False)
    columns = ["dimension", "kind", "layer", "seed", "partition", "n", "ccc", "mean_low", "mean_high"]
    pd.DataFrame(scores, columns=columns).to_csv(folder / "scores.csv", index=False)
    record = {
        "command": "fit",
        "date": "2026-01-01T00:00:00",
        "corpus": {"name": corpus, "title": corpus},
        "encoder": {"name": "large", "title": "large"},
        "configuration": {"options": {"seeds": 2}},
    }
    (folder / "record.json").write_text(json.dumps(record))
    return read_record(folder)


def test_gains_are_those_of_the_scores(tmp_path: Path) -> None:
    """Relative and absolute gain of both regimes, each over the fine-tuned audio-only system."""
    records = planted(tmp_path, small=0.5, small_text=0.2)
    found = gains(records).set_index(["encoder", "regime", "partition", "measure"])

    def score(record: Record) -> float:
        table = rows(record, "valence", "test1")
        return float(np.mean([ccc(table.truth, table[f"seed{s}"]) for s in range(3)]))

    audio, tuned, frozen = (score(records[i]) for i in (1, 3, 5))
    assert found.loc[("small", "FT", "test1", "absolute")].value == pytest.approx(tuned - audio)
    assert found.loc[("small", "FT", "test1", "relative")].value == pytest.approx((tuned - audio) / audio)
    assert found.loc[("small", "FT⇒FRZ", "test1", "relative")].value == pytest.approx((frozen - audio) / audio)
    row = found.loc[("small", "FT", "test2", "relative")]
    assert row.low < row.value < row.high and row.said == ""


def test_a_relative_gain_over_nothing_is_undefined(tmp_path: Path) -> None:
    """Where audio alone gives no valence, the relative gain is not drawn and the table says why."""
    lost = {"arousal": 0.2, "valence": 40.0, "dominance": 0.2}
    records = [write_run(tmp_path, "small", noise=lost), write_run(tmp_path, "small", "words", noise=0.2)]
    found = gains(records)
    relative = found[found.measure == "relative"]
    assert relative.low.isna().all() and relative.said.str.len().gt(0).all()
    assert found[found.measure == "absolute"].low.gt(0).all()
    assert figure3(records, tmp_path / "out")


def test_the_comparison_figure_holds_layers_and_systems(tmp_path: Path) -> None:
    """Its CSV has the learned weights of every layer and each system's score; another corpus is refused."""
    records = planted(tmp_path, small=0.5, small_text=0.2)
    paths = comparison_figure(write_fit(tmp_path), records, tmp_path / "out")
    assert {path.suffix for path in paths} == {".pdf", ".png", ".svg", ".csv"} and all(p.is_file() for p in paths)
    drawn = pd.read_csv(paths[-1])
    assert len(drawn[drawn.panel == "weight"]) == 2 * 2 * 13
    assert drawn[drawn.side == "systems"].model.nunique() == 6
    with pytest.raises(ProbingError, match="is on elsewhere, the systems are on made-up"):
        comparison_figure(write_fit(tmp_path, "elsewhere"), records, tmp_path / "out")


def test_compare_writes_everything_and_equal_runs_give_equal_files(tmp_path: Path) -> None:
    """Tables, findings and figures, found fit included, and a second call writes the same bytes."""
    records = planted(tmp_path / "runs", small=0.5, small_text=0.2)
    write_fit(tmp_path / "runs")
    words = ["compare", *(str(r.folder) for r in records), "--runs", str(tmp_path / "runs"), "--out"]
    results = [CliRunner().invoke(main, [*words, str(tmp_path / out)]) for out in ("one", "two")]
    assert all(result.exit_code == 0 for result in results), results[0].output
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    stems = {name.rsplit(".", 1)[0] for name in names}
    assert stems == {"table1-made-up", "findings-made-up", "figure3-made-up", "comparison-made-up-large"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
        assert name in results[0].stdout
    assert "**holds**" in results[0].stdout


def test_an_incomplete_or_foreign_run_is_refused(tmp_path: Path) -> None:
    """Each with what is wrong and what to type."""
    record = write_run(tmp_path, "large")
    shutil.copytree(record.folder, tmp_path / "half")
    (tmp_path / "half/predictions.csv").unlink()
    for folder, said in ((tmp_path / "half", "incomplete"), (write_fit(tmp_path).folder, "it is a fit run")):
        result = CliRunner().invoke(main, ["compare", str(folder), "--out", str(tmp_path / "out")])
        assert result.exit_code == 1 and said in result.stderr and "What to do" in result.stderr
    result = CliRunner().invoke(main, ["compare", str(tmp_path / "nothing")])
    assert result.exit_code == 1 and "holds no record.json" in result.stderr
