"""Scoring a trained system: on its own corpus, on another one with another scale, and what cannot be scored."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from probing.cli.main import main
from probing.corpus.opening import open_corpus
from probing.statistics.concordance import ccc
from probing.systems.inference import predictions_table, scores_table


@pytest.fixture(scope="module")
def run(checkpoints: dict[str, Path], table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds on the table; its folder's parent is the place to type commands in."""
    root = tmp_path_factory.mktemp("evaluate")
    words = ["finetune", str(table), "--system", str(checkpoints["distilhubert"]), "--max-steps", "3", "--batch", "4"]
    result = CliRunner().invoke(
        main, [*words, "--seeds", "2", "--runs", str(root / "runs"), "--cache", str(root / "cache"), "--name", "it"]
    )
    assert result.exit_code == 0, result.output
    return root / "runs/it"


@pytest.fixture
def typed(run: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    monkeypatch.chdir(run.parent.parent)
    return lambda words: CliRunner().invoke(main, words.split())


def test_a_run_scored_again_gives_its_own_scores(typed: Callable[[str], Result], run: Path) -> None:
    """In other batches, the estimates agree to 1e-5, and so do the scores."""
    result = typed("evaluate runs/it --batch 3")
    assert result.exit_code == 0, result.output
    for name, columns in (("predictions", ["seed0", "seed1"]), ("scores", ["ccc", "low", "mean_high"])):
        first, again = (pd.read_csv(folder / f"{name}.csv") for folder in (run, run / "evaluations/small"))
        np.testing.assert_allclose(first[columns], again[columns], atol=1e-5)
    assert "test2" in result.stdout and "runs/it/evaluations/small/scores.csv" in result.stdout


def test_another_corpus_is_scored_on_its_own_scale(
    typed: Callable[[str], Result], run: Path, table: Path, tmp_path: Path
) -> None:
    """The same recordings rated from 1 to 5 and without dominance: estimates are mapped, CCC stays the same."""
    frame = pd.read_csv(table)
    frame["path"] = [str(table.parent / name) for name in frame.path]
    frame[["arousal", "valence"]] = 1 + 4 * frame[["arousal", "valence"]]
    frame.drop(columns="dominance").to_csv(tmp_path / "other.csv", index=False)
    result = typed(f"evaluate runs/it --corpus {tmp_path / 'other.csv'} --scale 1 5")
    assert result.exit_code == 0, result.output
    own, other = (pd.read_csv(folder / "scores.csv") for folder in (run, run / "evaluations/other"))
    merged = own.merge(other, on=["dimension", "seed", "partition"])
    assert set(other.dimension) == {"arousal", "valence"} and len(merged) == len(other)
    np.testing.assert_allclose(merged.ccc_x, merged.ccc_y, atol=1e-5)
    first, second = (pd.read_csv(folder / "predictions.csv") for folder in (run, run / "evaluations/other"))
    np.testing.assert_allclose(1 + 4 * first[first.dimension != "dominance"].seed0, second.seed0, atol=1e-4)
    assert "through [0, 1]" in result.stdout


def test_what_cannot_be_scored_is_said(
    typed: Callable[[str], Result], run: Path, table: Path, tmp_path: Path, checkpoints: dict[str, Path]
) -> None:
    """A corpus that rates nothing of it, an incomplete run, no run at all."""
    frame = pd.read_csv(table)
    frame["path"] = [str(table.parent / name) for name in frame.path]
    frame = frame.drop(columns=["arousal", "valence", "dominance"]).assign(joy=0.5)
    frame.to_csv(tmp_path / "joy.csv", index=False)
    result = typed(f"evaluate runs/it --corpus {tmp_path / 'joy.csv'}")
    assert result.exit_code == 1 and "rates none of arousal, valence, dominance" in result.stderr
    shutil.copytree(run, tmp_path / "half")
    (tmp_path / "half/seed1/model.safetensors").unlink()
    result = typed(f"evaluate {tmp_path / 'half'}")
    assert result.exit_code == 1 and "cannot be opened as a trained system" in result.stderr
    (tmp_path / "half/record.json").unlink()
    result = typed(f"evaluate {tmp_path / 'half'}")
    assert result.exit_code == 1 and "has begun but not ended" in result.stderr and "it goes on" in result.stderr
    result = typed(f"evaluate {checkpoints['hubert']}")
    assert result.exit_code == 1 and "holds no record.json" in result.stderr


def test_scores_are_over_the_whole_partition_and_the_truth_scores_one(table: Path) -> None:
    """Perfect estimates give CCC 1 with the interval [1, 1]; unrated utterances do not count."""
    corpus = open_corpus(str(table))
    truth = np.array([[u.labels["arousal"], u.labels["valence"]] for u in corpus.utterances])
    noisy = truth + np.random.default_rng(0).normal(0, 0.1, truth.shape)
    predictions = predictions_table(corpus, ["arousal", "valence"], {"seed0": truth, "seed1": noisy})
    scores = scores_table(corpus, predictions).set_index(["dimension", "seed", "partition"])
    row = scores.loc[("arousal", 0, "test1")]
    assert (row.ccc, row.low, row.high, row.n) == (1, 1, 1, 6)
    chosen = [u.partition == "train" for u in corpus.utterances]
    assert scores.loc[("valence", 1, "train")].ccc == pytest.approx(float(ccc(truth[chosen, 1], noisy[chosen, 1])))
    predictions.loc[predictions.id == "u00", "truth"] = np.nan
    assert scores_table(corpus, predictions).query("partition == 'train'").n.unique().tolist() == [13]


def test_runs_lists_a_finetune_run(typed: Callable[[str], Result]) -> None:
    """With its system and its scores on the test partitions."""
    result = typed("runs")
    assert result.exit_code == 0 and "finetune" in result.stdout and "distilhubert" in result.stdout
    assert "valence test2" in result.stdout


def test_a_run_brings_a_model_card_that_is_true(typed: Callable[[str], Result], run: Path) -> None:
    """Its scores are those of the record, its licence what the user said, and its code runs."""
    record = json.loads((run / "record.json").read_text("utf-8"))
    text = (run / "README.md").read_text("utf-8")
    assert "Licence of the data | not stated" in text and "license:" not in text
    (row,) = [r for r in record["scores"] if r["dimension"] == "valence" and r["partition"] == "test2"]
    (line,) = [line for line in text.splitlines() if line.startswith("| valence |")]
    assert f"{row['ccc']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in line.split(" | ")[-1]
    assert text.startswith("---\nlibrary_name: transformers\n")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("recording.wav", str(open_corpus(record["corpus"]["spec"]).utterances[0].path)), names)
    predicted = pd.read_csv(run / "predictions.csv").query("id == 'u00'").seed0
    np.testing.assert_allclose(names["ratings"][0].detach(), predicted, atol=1e-5)
    assert "folder = '.'" in (run / "seed1/README.md").read_text("utf-8")


def test_the_card_states_the_licence_that_the_user_states(
    typed: Callable[[str], Result], run: Path, table: Path, checkpoints: dict[str, Path]
) -> None:
    words = f"finetune {table} --system {checkpoints['distilhubert']} --max-steps 3 --batch 4 --seeds 2 --name it"
    assert typed(f"{words} --data-licence CC-BY-NC-4.0").exit_code == 0
    text = (run / "seed1/README.md").read_text("utf-8")
    assert "license_name: 'CC-BY-NC-4.0'" in text and "| Licence of the data | CC-BY-NC-4.0 |" in text
