"""`probe fit` writes a run and prints its scores; a cache that does not fit is refused with what to type."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from commands import done, probe, refused
from safetensors import safe_open

FIT = ["--epochs", "3", "--hidden", "4", "--permutations", "0", "--refits", "0"]


def test_a_fit_writes_what_it_prints(pooled: list[object]) -> None:
    """Scores, findings, notes and the paths of all files; weights that sum to one; estimates of every probe."""
    few = ["--epochs", 3, "--hidden", 4, "--permutations", 1, "--refits", 2]
    fitted = done("fit", *pooled, "--seeds", 2, "--layers", "both", *few)
    assert "by chance on test2" in fitted.stdout and "valence lies deeper than arousal" in fitted.stdout
    assert "store pooled" in fitted.stdout and "selected on" in fitted.stdout
    assert all(len(line) <= 120 for line in fitted.stdout.splitlines() if line not in fitted.paths)
    (folder,) = Path("runs").iterdir()
    names = "record.json importance.csv weights.csv scores.csv nulls.csv predictions.csv crossvalidated.csv"
    names += " jackknife.csv probes.safetensors ridge.safetensors"
    assert fitted.paths == [str(folder / name) for name in names.split()]
    weights = pd.read_csv(folder / "weights.csv")
    assert list(weights.columns) == ["dimension", "seed", "refit", "layer", "weight"]
    np.testing.assert_allclose(weights.groupby(["dimension", "seed", "refit"], dropna=False).weight.sum(), 1, atol=1e-6)
    assert set(weights.layer) == set(range(4))
    predictions = pd.read_csv(folder / "predictions.csv")
    assert len(predictions) == 3 * 32 and {"weighted-seed1", "layer3-seed0", "ridge-layer3"} <= set(predictions)
    record = json.loads((folder / "record.json").read_text())
    assert record["configuration"]["options"]["seeds"] == 2 and record["corpus"]["name"] == "small"
    assert record["configuration"]["options"]["dims"] == ["arousal", "valence", "dominance"]
    with safe_open(folder / "probes.safetensors", "pt") as probes:
        rows = probes.get_tensor("head.outer_PHO").shape[0]
        assert len(json.loads(probes.metadata()["probes"])) == rows == 3 * 2 * 5


def test_a_dry_run_only_prints(pooled: list[object]) -> None:
    """How long the fit would take, and of all folds as many times; nothing is written."""
    found = done("fit", *pooled, *FIT, "--dry-run").stdout
    assert re.search(r"^3 trained probes: .* \(3 epochs", found, re.MULTILINE)
    assert re.match(r"at most \d+:\d+ on one cpu", found.splitlines()[-1]) and not Path("runs").exists()
    folds = done("fit", *pooled, *FIT, "--split", "speaker:3", "--folds", "all", "--dry-run").stdout
    assert "for 3 folds on one cpu" in folds.splitlines()[-1] and not Path("runs").exists()


def test_a_dry_run_extracts_nothing(table: Path, checkpoints: dict[str, Path]) -> None:
    """Though --extract is typed: then what it would take is forecast too; else the command that extracts is named."""
    words = ["fit", table, "--encoder", checkpoints["hubert"], "--dry-run", *FIT]
    found = probe(*words)
    refused(found, "cache-missing")
    assert "probe extract" in found.stderr
    lines = done(*words, "--extract").stdout.splitlines()
    assert lines[0].startswith("extracted first: 32 utterances") and re.match(r"at most \d+:\d+", lines[-1])
    assert "not counted: start-up" in lines[-2] and not list(Path().rglob("*.h5"))


def test_what_is_printed_are_the_record_s_scores(pooled: list[object]) -> None:
    """The weighted sum first, then the ridge probe, the single layer last; to three digits, with the interval."""
    printed = done("fit", *pooled, "--dim", "valence", "--layers", "both", *FIT).stdout.splitlines()
    (folder,) = Path("runs").iterdir()
    scores = pd.DataFrame(json.loads((folder / "record.json").read_text())["scores"])
    lines = [line for line in printed if line.startswith("valence  ")]
    assert [line.split()[1] for line in lines] == ["weighted", "ridge,", "best"]
    for line, name in zip(lines, scores.probe.unique()[[0, 2, 1]], strict=True):
        assert name in line
        assert all(f"{row.ccc:.3f}" in line for row in scores[scores.probe == name].itertuples())


def test_the_paper_s_settings_are_one_word(pooled: list[object]) -> None:
    """--paper is recorded as what it stands for; options that contradict it, or change nothing, are refused."""
    refused(probe("fit", *pooled, "--paper", "--batch", 32), "exclusive", 2)
    refused(probe("fit", *pooled, "--head", "ridge", "--layers", "both"), "exclusive", 2)
    refused(probe("fit", *pooled, "--head", "ridge", "--refits", 3), "no-effect", 2)
    refused(probe("fit", *pooled, "--head", "linear", "--hidden", 3), "no-effect", 2)
    done("fit", *pooled, "--dim", "valence", "--paper", "--dropout", 0.1, *FIT)
    (folder,) = Path("runs").iterdir()
    options = json.loads((folder / "record.json").read_text())["configuration"]["options"]
    stated = {"head": "mlp", "normalize": "none", "pooling": "mean+max", "lr": 1e-5, "layer_lr": 1e-5, "batch": 16}
    assert options | stated | {"dropout": 0.1} == options and options["hidden"] == 4


def test_ridge_probes_alone_are_a_first_look(pooled: list[object]) -> None:
    """Then nothing is trained, and the folder holds no weights of layers."""
    fitted = done("fit", *pooled, "--dim", "valence", "--head", "ridge", "--permutations", 0)
    names = {Path(path).name for path in fitted.paths}
    assert "ridge.safetensors" in names and not names & {"weights.csv", "probes.safetensors"}
    assert "by chance" not in fitted.stdout and "not tested" in fitted.stdout and "seed" not in fitted.stdout


def test_scores_are_those_of_the_predictions(pooled: list[object]) -> None:
    """scores.csv can be computed again from predictions.csv alone."""
    done("fit", *pooled, "--dim", "valence", *FIT)
    (folder,) = Path("runs").iterdir()
    with (folder / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["partition"] == "test2"]
    y, p = (np.array([float(row[name]) for row in rows]) for name in ("truth", "weighted-seed0"))
    expected = 2 * np.cov(y, p, bias=True)[0, 1] / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    scores = pd.read_csv(folder / "scores.csv").query("partition == 'test2' and kind == 'weighted'")
    assert scores.ccc.item() == pytest.approx(expected, abs=1e-5)


def test_frames_and_pooled_lead_to_the_same_scores(table: Path, checkpoints: dict[str, Path]) -> None:
    """`--store` chooses what is read; with mean pooling it does not change the answer."""
    tables = []
    for store in ("frames", "pooled"):
        options = [table, "--encoder", checkpoints["wav2vec2-layer"], "--dtype", "float32", "--store", store]
        done("extract", *options)
        done("fit", *options, "--layers", "each", "--runs", store, *FIT[:-2])  # without --refits
        tables.append(pd.read_csv(next(Path(store).glob("*/scores.csv"))))
    np.testing.assert_allclose(tables[0].ccc, tables[1].ccc, atol=1e-4)


def test_a_named_cache_is_read_without_its_encoder(table: Path, save_checkpoint: Callable[..., Path]) -> None:
    """With --cache FILE a fit needs no weights, as on a node that has none."""
    encoder = save_checkpoint("hubert", seed=9)
    cache = done("extract", table, "--encoder", encoder, "--store", "pooled").stdout.strip()
    shutil.rmtree(encoder)
    done("fit", table, "--cache", cache, "--dim", "valence", *FIT)


def test_without_a_cache_the_command_to_type_is_named(table: Path, checkpoints: dict[str, Path]) -> None:
    """The error's command, typed as it stands, makes the cache that the fit then reads."""
    options = [table, "--encoder", checkpoints["hubert"], "--scale", "0", "1"]
    result = probe("fit", *options, *FIT)
    refused(result, "cache-missing")
    (line,) = [line for line in result.stderr.splitlines() if "probe extract" in line]
    words = shlex.split(line[line.index("probe extract") :])
    done(*words[1:])
    done("fit", *options, "--dim", "valence", *FIT)


def test_a_cache_of_other_weights_is_not_read(table: Path, save_checkpoint: Callable[..., Path]) -> None:
    """The same folder name with other weights is another fingerprint, and the error says so."""
    done("extract", table, "--encoder", save_checkpoint("hubert", seed=5), "--store", "pooled")
    refused(probe("fit", table, "--encoder", save_checkpoint("hubert", seed=6), *FIT), "cache-fingerprint")


def test_damage_to_a_cache_is_named(pooled: list[object]) -> None:
    """Flipped bytes and a missing part stop a fit; extracting again mends it."""
    (part,) = Path("cache").glob("*/*/part-00000.h5")
    with h5py.File(part, "r+") as file:
        file["mean"][3, 1, 5] += 1
    result = probe("fit", *pooled, "--normalize", "none", *FIT)
    refused(result, "cache-damaged")
    assert part.name in result.stderr
    part.unlink()
    refused(probe("fit", *pooled, *FIT), "parts-missing")
    done("extract", *pooled, "--store", "pooled")
    done("fit", *pooled, "--dim", "valence", *FIT)


def test_a_corpus_that_has_grown_says_what_to_type(table: Path, checkpoints: dict[str, Path]) -> None:
    """A cache of one partition does not do for a fit; extracting the rest keeps what is there."""
    options = [table, "--encoder", checkpoints["hubert"]]
    done("extract", *options, "--store", "pooled", "--partition", "train")
    refused(probe("fit", *options, *FIT), "cache-incomplete")
    done("extract", *options, "--store", "pooled")
    assert len(list(Path("cache").glob("*/*/part-*.h5"))) == 2
    done("fit", *options, "--dim", "valence", *FIT)


def test_a_cache_file_of_another_store_is_refused(table: Path, checkpoints: dict[str, Path]) -> None:
    """Latents cannot be fitted."""
    cache = done("extract", table, "--encoder", checkpoints["hubert"], "--store", "latents").stdout.strip()
    refused(probe("fit", table, "--cache", cache, *FIT), "store-unfit")
    refused(probe("fit", table, "--cache", "nowhere.h5"), "cache-missing")


@pytest.mark.parametrize("option", ["--hidden", "--seeds"])
def test_a_bank_beyond_the_memory_is_refused(pooled: list[object], option: str) -> None:
    """Absurd numbers are refused before they take the machine down."""
    refused(probe("fit", *pooled, option, 10**10), "bank-too-large")


def test_what_a_corpus_does_not_have_is_refused_before_a_cache_is_asked_for(
    table: Path, checkpoints: dict[str, Path], here: Path
) -> None:
    """A dimension of no rating, and a corpus without development."""
    assert probe("fit", table, "--dim", "valance").code == "dimension-unknown"
    lines = [line for line in table.read_text().splitlines() if "development" not in line]
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    copy.write_text("\n".join(lines) + "\n")
    refused(probe("fit", copy, "--encoder", checkpoints["hubert"]), "too-few")


def test_the_raw_convolution_output_is_layer_c(table: Path, checkpoints: dict[str, Path]) -> None:
    """With --convolution the states have one more layer in front, −1 in the tables and C in the figure."""
    options = [table, "--encoder", checkpoints["hubert"], "--convolution"]
    done("extract", *options, "--store", "pooled")
    done("fit", *options, "--layers", "both", "--dim", "valence", *FIT)
    weights = pd.read_csv(next(Path("runs").glob("*/weights.csv")))
    assert sorted(set(weights.layer)) == [-1, 0, 1, 2, 3]
    assert all(Path(path).is_file() for path in done("figure", 2).paths)
