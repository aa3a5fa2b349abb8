"""README and docs: what they say to type works, and their numbers are those of the files they come from."""

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
from probing.pretrain.readme import BLOCKS, updated

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = "".join(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
CODE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
LINES = [
    line.split("    #")[0]
    for block in re.findall(r"```sh\n(.*?)```", README + PAGES, flags=re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [re.sub(r"^torchrun .* -m probing ", "probe ", line) for line in LINES]
PROBE = [line for line in COMMANDS if line.startswith("probe ")]


def code_with(word: str) -> str:
    """The only Python block of the README that uses a word."""
    (found,) = [code for code in CODE if word in code]
    return found


def test_a_table_with_a_scale_is_named_as_the_readme_says(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines about CorpusSpec give a fit of that table."""
    monkeypatch.chdir(tmp_path)
    code = code_with("mine = CorpusSpec").replace("my/table.csv", str(table)).replace("(1, 7)", "(0, 1)")
    names: dict[str, Any] = {}
    exec(code.replace("epochs=20", "epochs=2"), names)
    assert names["record"].corpus.scale == (0, 1)
    assert names["record"].corpus.spec.source == str(table)


@pytest.mark.parametrize("line", PROBE)
def test_every_probe_command_in_readme_and_docs_parses(line: str) -> None:
    """README, docs and the command line agree on every option."""
    _, name, *words = shlex.split(line, comments=True)
    main.commands[name].make_context(name, words)  # raises click.UsageError for an unknown option or argument


def test_the_building_blocks_in_python_run(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's lines about corpus, encoder and cache work as they stand, on a table and its cache."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my").symlink_to(table.parent)
    (tmp_path / "my/table.csv").symlink_to(table)
    extracted = CliRunner().invoke(main, ["extract", "my/table.csv", "--dtype", "float32", "--scale", "0", "1"])
    assert extracted.exit_code == 0, extracted.output
    names: dict[str, Any] = {"path": extracted.stdout.splitlines()[-1]}
    exec(code_with("open_encoder").replace("scale=(1, 7)", "scale=(0, 1)"), names)
    np.testing.assert_allclose(names["same"], names["states"], atol=1e-4)
    assert names["states"].shape[1:] == (13, 64) and round(float(names["score"]), 3) == 0.936


def test_extract_fit_and_plot_take_three_lines(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's lines give Axes over one axis of layers: importance, each test partition, learned weights."""
    monkeypatch.chdir(tmp_path)
    code = code_with("plot_layers").replace('"demo", ', f'"{table}", ').replace("seeds=3", "seeds=1, epochs=2")
    names: dict[str, Any] = {}
    exec(code, names)
    assert [ax.get_xlabel()[:5] for ax in np.ravel(names["axes"])] == ["", "", "", "layer"]


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
    names: dict[str, Any] = {"folder": "runs/it/seed0"}
    exec(code_with("EmotionSystem"), names)
    predicted = pd.read_csv("runs/it/predictions.csv").query("id == 'u01'").seed0
    np.testing.assert_allclose(names["ratings"][0].detach(), predicted, atol=1e-5)
    names = {"folder": "runs/it"}
    exec(code_with("open_run"), names)
    np.testing.assert_allclose(names["ratings"].iloc[0, 2:].astype(float), predicted, atol=1e-5)  # shorter than 5 s


def test_every_number_in_the_readme_is_generated_and_current() -> None:
    """Every marked block is what `make readme` writes, and every block that can be generated is there."""
    assert updated(README, ROOT / "figures") == README
    assert set(re.findall(r"<!-- generated: (\w+) -->", README)) == set(BLOCKS)


def test_an_edited_number_is_noticed() -> None:
    """A block whose numbers were typed is not current."""
    (block,) = re.findall(r"<!-- generated: table1 -->.*?<!-- end -->", README, flags=re.DOTALL)
    typed = block.replace("| 0.", "| 1.")
    assert typed != block and updated(typed, ROOT / "figures") == block


@pytest.mark.parametrize(
    ("block", "target"), [("layers", "figure2"), ("calibration", "calibrate"), ("padding", "padding")]
)
def test_a_block_whose_figures_are_not_there_says_how_to_make_them(block: str, target: str, tmp_path: Path) -> None:
    """It shows no number."""
    found = updated(f"<!-- generated: {block} -->\n<!-- end -->", tmp_path)
    assert f"make {target}" in found and not re.search(r"\d\.\d", found)


def test_the_readme_s_layers_are_those_of_the_figure(tmp_path: Path) -> None:
    """Places and claims about them; what is tested on each partition is left to the file."""
    lines = ["caption", "", "- arousal: best layer 2", "- test1: some layer carries it", "- train+development: deeper"]
    (tmp_path / "figure2-demo-demo-hubert.md").write_text("\n".join(lines))
    assert BLOCKS["layers"](tmp_path).splitlines()[:3] == [lines[2], lines[4], ""]


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


def test_the_readme_shows_the_generated_figures() -> None:
    """The first picture is what `make figure2` writes; every picture, linked file and linked section is there."""
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures[0] == "figures/figure2-demo-demo-hubert.png"
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert [link for link in links if link not in anchors and not (ROOT / link).is_file()] == []


def test_contributing_names_folders_that_exist() -> None:
    """Who wants to add something opens exactly one folder, which is there."""
    rows = re.findall(r"^\| an? (.+?) \| `([^`]+)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 5
    assert all((ROOT / folder).is_dir() for what, folder in rows if what != "option")


def test_every_promise_names_tests_that_are_there() -> None:
    """The tests in the README's table of promises exist, by file and by name."""
    promises = README.partition("## What it promises")[2].partition("\n## ")[0]
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", promises)
    assert len(named) > 15
    for path, name in named:
        text = (ROOT / path).read_text("utf-8")
        assert f"def {name}(" in text if name else text, f"{path}::{name}"
