"""`probe bench` counts, measures, writes tables and pictures, and refuses what cannot be measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from commands import Typed, done, probe, refused
from transformers import AutoConfig

from probing.bench.asked import layers_of
from probing.encoders.presets import PRESETS


def test_counts_are_printed_and_written(trained: Typed, checkpoints: dict[str, Path]) -> None:
    """A run and an encoder without time: sizes of both, and the run's CCC over operations, on its own corpus."""
    found = done("bench", "runs/it", checkpoints["hubert"], "--no-time", "--seconds", 0.5, "--json", "--name", "two")
    content = json.loads(found.stdout)
    run, encoder = content["table"]
    file = Path("runs/it/seed0/model.safetensors")
    assert run["disk_MB"] == pytest.approx(file.stat().st_size / 1e6) and run["disk"] == "file"
    assert (encoder["kind"], encoder["disk"], "rtf" in encoder) == ("encoder", "computed", False)
    assert {row["dimension"] for row in content["scores"]} == {"valence"}
    assert {row["partition"] for row in content["scores"]} == {"test1", "test2"}
    corpus = content["scores"][0]["file"]
    stems = [f"bench-two{end}.{kind}" for end in ("", f"-ccc-{corpus}") for kind in ("pdf", "png", "svg", "csv")]
    assert [Path(path).name for path in content["files"]] == [*stems, "bench-two.md"]
    assert all(Path(path).is_file() for path in content["files"])
    assert list(pd.read_csv("figures/bench-two.csv").gflop) == pytest.approx([run["gflop"], encoder["gflop"]], rel=1e-5)


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["--seconds", "0.01"], "option-bounds", 2),
        (["--threads", "0"], "option-bounds", 2),
        (["--repeats", "0"], "option-bounds", 2),
        (["nobody-knows-it"], "encoder-unknown", 1),
        (["demo-hubert+demo-distilhubert"], "system-kinds", 1),
        (["demo-hubert", "--device", "abacus"], "device", 1),
        (["demo-hubert", "--encoder-layers", "40"], "encoder-layers", 1),
        (["demo-hubert", "--encoder-layers", "0"], "option-bounds", 2),
        (["demo-hubert", "--seconds", "1e9"], "option-bounds", 2),
        (["demo-hubert", "--threads", "99999"], "option-bounds", 2),
        (["demo-hubert", "--name="], "option-bounds", 2),
        (["demo-hubert", "--no-time", "--threads", "1"], "no-effect", 2),
        (["demo-hubert", "--no-time", "--repeats", "3"], "no-effect", 2),
        (["demo-hubert", "--no-time", "--device", "cpu"], "no-effect", 2),
        (["--window", "6"], "no-effect", 2),
        (["demo-hubert+demo-tinybert", "--window", "6"], "window", 1),
        (["demo-hubert", "--runs", "nowhere"], "no-run", 1),
        (["."], "encoder-incomplete", 1),
    ],
)
def test_what_cannot_be_measured_is_refused(words: list[str], code: str, status: int) -> None:
    """Before anything is measured or written; a random stand-in is not blamed for what its encoder lacks."""
    found = probe("bench", *words)
    refused(found, code, status)
    assert "@random" not in found.stderr
    assert not Path("figures").exists()


def test_a_run_that_is_not_there_is_no_encoder() -> None:
    """Where there is a folder of runs, a mistyped run is not looked for on the hub; an unfinished one is said to be."""
    Path("runs/begun").mkdir(parents=True)
    Path("runs/begun/configuration.json").write_text("{}")
    refused(probe("bench", "runs/mistyped"), "no-run")
    refused(probe("bench", "runs/begun"), "run-unfinished")


@pytest.mark.slow
def test_time_and_memory_are_measured() -> None:
    """On one thread and on two, with intervals, in a table of the typical length and a CSV of every length."""
    words = ["--seconds", 0.5, "--seconds", 2, "--threads", 1, "--threads", 2, "--repeats", 3]
    found = done("bench", "demo-distilhubert", *words)
    table = pd.read_csv("figures/bench-demo-distilhubert.csv")
    assert list(zip(table.threads, table.seconds, strict=True)) == [(1, 0.5), (1, 2), (2, 0.5), (2, 2)]
    assert (table.rtf_low <= table.rtf).all() and (table.rtf <= table.rtf_high).all() and (table.rtf > 0).all()
    assert table.peak_MB.between(100, 2000).all() and "real-time factor, 2 threads" in found.stdout


def test_what_is_cheap_to_know_is_answered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no encoder known by name has, and what is no device, is refused where the measuring cannot be imported."""
    monkeypatch.setitem(sys.modules, "probing.bench.measured", None)
    monkeypatch.setitem(sys.modules, "probing.encoders.device", None)
    cases = {("--device", "foo"): "device", ("--window", "6"): "window", ("--encoder-layers", "99"): "encoder-layers"}
    for words, code in cases.items():
        refused(probe("bench", "distilhubert", *words), code)


def test_layers_of_known_encoders_are_those_of_their_configurations() -> None:
    """As transformers completes them."""
    for name, preset in PRESETS.items():
        folder = Path(preset.source)
        known = AutoConfig.from_pretrained(folder) if folder.is_dir() else None
        config = known or AutoConfig.for_model(preset.model_type, **preset.config)
        assert layers_of(preset) == config.num_hidden_layers, name
