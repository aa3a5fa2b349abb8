from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from probing.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
LINES = [
    line.split("    #")[0]
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [re.sub(r"^torchrun .* -m probing ", "probe ", line) for line in LINES]
PROBE = [line for line in COMMANDS if line.startswith("probe ")]


@pytest.mark.parametrize("line", PROBE)
def test_every_probe_command_in_the_readme_parses(line: str) -> None:
    """What the README says to type is what the command line takes."""
    _, name, *words = shlex.split(line, comments=True)
    command = main.commands[name]
    command.make_context(name, words)  # raises click.UsageError for an unknown option or argument


def test_the_python_lines_of_the_readme_run(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README shows in Python works as it stands, on a table and the cache made of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my").symlink_to(table.parent)
    (tmp_path / "my/table.csv").symlink_to(table)
    extracted = CliRunner().invoke(main, ["extract", "my/table.csv", "--dtype", "float32", "--scale", "0", "1"])
    assert extracted.exit_code == 0, extracted.output
    *_, code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {"path": extracted.stdout.splitlines()[-1]}
    exec(code.replace("scale=(1, 7)", "scale=(0, 1)"), names)
    np.testing.assert_allclose(names["same"], names["states"], atol=1e-4)
    assert names["states"].shape[1:] == (13, 64) and round(float(names["score"]), 3) == 0.936


def test_a_trained_system_loads_as_the_readme_says(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines about a trained system give ratings on the corpus's scale, those that the run predicted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my/audio").mkdir(parents=True)
    (tmp_path / "my/audio/u1.wav").symlink_to(table.parent / "01.wav")
    words = f"finetune {table} --system {checkpoints['hubert']} --max-steps 2 --batch 4 --name it"
    trained = CliRunner().invoke(main, words.split())
    assert trained.exit_code == 0, trained.output
    code, short, _ = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, Any] = {"folder": "runs/it/seed0"}
    exec(code, names)
    predicted = pd.read_csv("runs/it/predictions.csv").query("id == 'u01'").seed0
    np.testing.assert_allclose(names["ratings"][0].detach(), predicted, atol=1e-5)
    names = {"folder": "runs/it"}
    exec(short, names)
    np.testing.assert_allclose(names["ratings"].iloc[0, 2:].astype(float), predicted, atol=1e-5)  # shorter than 5 s


def test_the_listed_systems_are_what_is_printed() -> None:
    """The README's table of the six systems is that of `probe finetune --list`."""
    assert CliRunner().invoke(main, ["finetune", "--list"]).stdout in README


def test_every_command_is_in_the_readme_and_has_an_example() -> None:
    """The README's table names every command, and every help text shows how to type it."""
    for name, command in main.commands.items():
        assert f"`probe {name}" in README
        assert "Example: probe" in command.get_help(click.Context(command))


def test_make_targets_in_the_readme_exist() -> None:
    """Each `make` target that the README names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    typed = "\n".join([*LINES, *re.findall(r"`[^`\n]+`", README)])
    targets = set(re.findall(r"\bmake ([a-z][a-z0-9]*)\b", typed))
    assert {"figure2", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_readme_shows_the_generated_figure() -> None:
    """The picture in the README is the file that `make figure2` writes, and it is in the repository."""
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures[0] == "figures/figure2-demo-demo-hubert.png"
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_the_readme_shows_the_full_systems_as_they_were_compared() -> None:
    """Each score in its table and each finding that it lists is that of the files that `make compare` made."""
    table = pd.read_csv(ROOT / "figures/table1-demo.csv")
    for row in table.itertuples():
        (line,) = [line for line in README.splitlines() if line.startswith(f"| {row.model} | {row.parameters_M:.3g} |")]
        place = 2 + 3 * (row.partition == "test2") + ["arousal", "valence", "dominance"].index(row.dimension)
        assert line.strip("| ").split(" | ")[place] == f"{row.ccc:.3f} ± {row.sd:.3f}"
    assert len(table) == 6 * 6
    said = (ROOT / "figures/findings-demo.md").read_text("utf-8").splitlines()
    unseen = [line for line in said if line.startswith("- test2")]
    assert len(unseen) == 7 and all(line in README for line in unseen)


def test_the_readme_shows_table_2_as_it_was_measured() -> None:
    """Each score and each word error rate in its miniature is that of the file that `make words` made."""
    table = pd.read_csv(ROOT / "figures/table2-demo.csv")
    assert {"corrupted at 22.2 %", "corrupted at 24.1 %"} <= set(table.trained_on)
    for (trained, tested), own in table.groupby(["trained_on", "tested_on"]):
        (line,) = [line for line in README.splitlines() if line.startswith(f"| {trained} | {tested} |")]
        cells = line.strip("| ").split(" | ")
        unseen = own[own.partition == "test2"]
        assert cells[2] == ("–" if tested == "human" else f"{unseen.wer.iloc[0]:.1%}")
        for row in own.itertuples():
            place = 3 + 3 * (row.partition == "test2") + ["arousal", "valence", "dominance"].index(row.dimension)
            assert cells[place] == f"{row.ccc:.3f} ± {row.sd:.3f}"
