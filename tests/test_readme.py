from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from probing.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines()]
PROBE = [line for line in LINES if line.startswith("probe ")]


@pytest.mark.parametrize("line", PROBE)
def test_every_probe_command_in_the_readme_parses(line: str) -> None:
    """What the README says to type is what the command line takes."""
    _, name, *words = shlex.split(line, comments=True)
    command = main.commands[name]
    command.make_context(name, words)  # raises click.UsageError for an unknown option or argument


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
    (picture,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert picture == "figures/figure2-demo-demo-hubert.png"
    assert (ROOT / picture).is_file()
