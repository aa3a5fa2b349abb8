from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from probing.cli.main import main
from probing.encoders import checkpoints
from probing.report import controls
from probing.report.controls import differences, find_control
from probing.runs.records import Record, read_record

ROOT = Path(__file__).parents[2]
OPTIONS = {"dims": ["valence"], "layers": "both", "seeds": 5, "normalize": "none", "lr": None, "workers": 0}


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Record]:
    """A function that plants a `fit` run in runs/: encoder, its day, changes of options and record → record."""
    monkeypatch.chdir(tmp_path)

    def plant(
        name: str, day: int = 1, /, layers: int = 2, options: dict[str, Any] | None = None, **more: Any
    ) -> Record:
        folder = Path("runs") / f"fit-{len(list(Path().glob('runs/*')))}"
        folder.mkdir(parents=True)
        weights = [("valence", seed, layer, 1 / (layers + 1)) for seed in (0, 1) for layer in range(layers + 1)]
        columns = ["dimension", "seed", "layer", "weight"]
        pd.DataFrame(weights, columns=columns).to_csv(folder / "weights.csv", index=False)
        scores = [("valence", "single", layer, seed, "test1", 0.01 * day) for _, seed, layer, _ in weights]
        columns = ["dimension", "kind", "layer", "seed", "partition", "ccc"]
        pd.DataFrame(scores, columns=columns).to_csv(folder / "scores.csv", index=False)
        identity = {"architecture": {"num_hidden_layers": layers}}
        content = {
            "command": "fit",
            "typed": f"probe fit my.csv --encoder {name} --seeds 5",
            "date": f"2025-01-{day:02d}T00:00:00+00:00",
            "corpus": {"name": "my", "title": "my fold 1"},
            "encoder": {"name": name, "title": name, "identity": identity},
            "configuration": {"labels": "ab", "scale": [1, 7], "store": "pooled", "options": OPTIONS | (options or {})},
        } | more
        (folder / "record.json").write_text(json.dumps(content))
        return read_record(folder)

    return plant


def figure(*words: object) -> Result:
    return CliRunner().invoke(main, ["figure", "2", *map(str, words)])


def random_ccc() -> float | None:
    """The CCC that the figure's CSV has for random weights; None where it has none."""
    (path,) = Path("figures").glob("*.csv")
    table = pd.read_csv(path).query("source == 'random' and panel == 'CCC test1'")
    return None if table.empty else float(table.value.mean())


def test_the_latest_run_on_random_weights_is_the_control(fitted: Callable[..., Record]) -> None:
    """Of several runs on the same encoder with random weights the newest is drawn, and nothing is said."""
    for encoder, day in (("hubert@random", 3), ("hubert@random", 5), ("wavlm@random", 6), ("hubert", 7)):
        fitted(encoder, day)
    drawn = figure()
    assert drawn.exit_code == 0 and drawn.stderr == "" and random_ccc() == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("own", "random"),
    [("hubert", "hubert@random"), ("owner/m-layers3-C", "owner/m@random-layers3-C")],
)
def test_a_control_is_known_by_its_name(fitted: Callable[..., Record], own: str, random: str) -> None:
    """Pruned encoders and those with state C have `@random` within their names."""
    record, control = fitted(own), fitted(random)
    assert differences(record, control) == [] and find_control(record).folder == control.folder
    assert differences(control, record) and differences(record, record)
    assert find_control(control) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers": 3}, "transformer layers 3, not 2"),
        ({"options": {"normalize": "layer"}}, "--normalize layer, not none"),
        ({"options": {"lr": 0.5}}, "--lr 0.5, not None"),
        ({"options": {"dims": ["arousal"]}}, "--dim arousal, not valence"),
        ({"corpus": {"name": "my", "title": "my fold 2"}}, "corpus my fold 2, not my fold 1"),
        ({"configuration": {"labels": "cd", "scale": [1, 7], "options": OPTIONS}}, "checksum of partitions and labels"),
        (
            {"encoder": {"name": "wavlm@random", "title": "wavlm@random"}},
            "encoder wavlm@random, not hubert with @random",
        ),
        ({"command": "finetune"}, "command finetune, not fit"),
    ],
)
def test_another_fit_is_no_control(fitted: Callable[..., Record], change: dict[str, Any], said: str) -> None:
    """Where anything but seeds differs a run is not found, and when it is named the error says what differs."""
    record, control = fitted("hubert"), fitted("hubert@random", **change)
    assert find_control(record) is None
    named = figure(record.folder, "--control", control.folder)
    assert named.exit_code == 1 and said in named.stderr and "What to do" in named.stderr
    assert not Path("figures").exists()


def test_seeds_and_readers_may_differ(fitted: Callable[..., Record]) -> None:
    """Fewer seeds on random weights, or other reading processes, make no other estimate."""
    record = fitted("hubert")
    control = fitted("hubert@random", options={"seeds": 2, "workers": 4})
    assert find_control(record).folder == control.folder


def test_the_user_chooses_the_control(fitted: Callable[..., Record]) -> None:
    """--control names a run, --no-control leaves it out without a word, and both at once are refused."""
    earlier = fitted("hubert@random", 3).folder
    fitted("hubert@random", 5)
    fitted("hubert", 7)
    assert figure("--control", earlier).exit_code == 0 and random_ccc() == pytest.approx(0.03)
    without = figure("--no-control")
    assert without.exit_code == 0 and without.stderr == "" and random_ccc() is None
    assert figure("--no-control", "--control", earlier).exit_code == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "probe fit 'my data.csv' --scale 1 7 --encoder hubert --encoder-layers 3 --seeds 5",
            [
                "probe extract 'my data.csv' --scale 1 7 --encoder hubert@random --layers 3 --store pooled",
                "probe fit 'my data.csv' --scale 1 7 --encoder-layers 3 --seeds 5 --encoder hubert@random",
            ],
        ),
        (
            "probe fit",
            [
                "probe extract demo --encoder demo-hubert@random --store pooled",
                "probe fit --encoder demo-hubert@random",
            ],
        ),
        (
            "probe fit my.csv --allow-missing 2 --encoder hubert",
            [
                "probe extract my.csv --encoder hubert@random --store pooled --allow-missing 2",
                "probe fit my.csv --allow-missing 2 --encoder hubert@random",
            ],
        ),
        ("probe fit my.csv --cache some.h5", ["probe extract", "probe fit"]),
        ("probe fit my.csv --option-of-another-version", ["probe extract", "probe fit"]),
        ("python my_script.py", ["probe extract", "probe fit"]),
    ],
)
def test_without_a_control_the_two_commands_that_make_it_are_named(
    fitted: Callable[..., Record], typed: str, said: list[str]
) -> None:
    """The figure is drawn, and one line on stderr says what to type; what it says to type is accepted."""
    fitted("hubert", typed=typed)
    drawn = figure()
    assert drawn.exit_code == 0 and drawn.stdout.count("figure2") == 4 and random_ccc() is None
    assert drawn.stderr.count("\n") == 1 and re.findall(r"`([^`]+)`", drawn.stderr) == said
    for command in said:
        _, name, *words = shlex.split(command)
        main.commands[name].make_context(name, words)


@pytest.mark.parametrize("encoder", ["hubert@random", "demo-hubert (random weights)"])
def test_a_run_on_random_weights_has_no_control(fitted: Callable[..., Record], encoder: str) -> None:
    """Neither is one looked for nor is it missed."""
    name = encoder.split()[0]
    fitted(name.removesuffix("@random") + "@random", 1)
    fitted(name, 2, encoder={"name": name, "title": encoder})
    drawn = figure()
    assert drawn.exit_code == 0 and drawn.stderr == "" and random_ccc() is None


def test_random_weights_are_named_as_the_encoders_name_them() -> None:
    """The suffix by which controls are known is the one that opens them."""
    assert controls._RANDOM == checkpoints.RANDOM


def test_the_named_commands_make_the_control(
    tmp_path: Path, table: Path, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typing the two commands that a figure without control names gives a figure with it."""
    monkeypatch.chdir(tmp_path)

    def typed(line: str) -> Result:
        monkeypatch.setattr("sys.argv", shlex.split(line))
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, result.output
        return result

    encoder = f"--encoder {shlex.quote(str(checkpoints['hubert']))}"
    fit = f"--dim valence --layers both --seeds 2 --epochs 2 --hidden 4 {encoder} --convolution"
    typed(f"probe extract {shlex.quote(str(table))} {encoder} --store pooled --convolution")
    typed(f"probe fit {shlex.quote(str(table))} {fit}")
    (own,) = Path("runs").iterdir()
    for command in re.findall(r"`([^`]+)`", typed("probe figure 2").stderr):
        typed(command)
    assert typed(f"probe figure 2 {own}").stderr == ""
    (control,) = set(Path("runs").iterdir()) - {own}
    scores = pd.read_csv(control / "scores.csv").query("kind == 'single' and partition == 'test1'")
    assert random_ccc() == pytest.approx(scores.ccc.mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "encoders", "figure"),
    [
        ([], ["demo-hubert@random", "demo-hubert"], "figure 2"),
        (["ENCODER=my folder/m"], ["my folder/m@random", "my folder/m"], "figure 2"),
        (["ENCODER=hubert-base@random"], ["hubert-base@random"], "figure 2"),
        (["CONTROL=no"], ["demo-hubert"], "figure 2 --no-control"),
    ],
)
def test_make_figure2_fits_the_control_first(
    tmp_path: Path, settings: list[str], encoders: list[str], figure: str
) -> None:
    """`make figure2` extracts and fits random weights, then the encoder, whose run is then the latest."""
    ready = tmp_path / "ready"
    ready.touch()
    command = ["make", "-n", "-o", str(ready), f"VENV={tmp_path}", "figure2", *settings]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    lines = [shlex.split(line)[1:] for line in printed.replace("\\\n", " ").splitlines()]
    made = [(words[0], words[words.index("--encoder") + 1]) for words in lines[:-1]]
    assert made == [(step, encoder) for encoder in encoders for step in ("extract", "fit")]
    assert " ".join(lines[-1]) == figure
