"""The page on what layers contain: its numbers are those of the files they come from, and its commands work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from layers_runs import FINDING, planted_contents, write_layers

from probing.cli.main import main
from probing.pretrain.docs_contents import BLOCKS, alike, alone, bits, findings, nuisances, planted
from probing.pretrain.readme import PAGES, updated
from probing.report.contents_caption import caption

ROOT = Path(__file__).parents[2]
NAME = Path("docs/contents.md")
PAGE = (ROOT / NAME).read_text("utf-8")
PROBE = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]


def rows_of(table: str) -> list[list[str]]:
    """Cells of a Markdown table, without its header."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_number_is_generated_and_current() -> None:
    """Every marked block is what `make readme` writes, and every block that can be generated is there."""
    assert PAGES[NAME] is BLOCKS
    assert updated(PAGE, ROOT / "figures", BLOCKS) == PAGE
    assert sorted(re.findall(r"<!-- generated: (\w+) -->", PAGE)) == sorted(BLOCKS)


def test_no_number_stands_where_nothing_was_measured(tmp_path: Path) -> None:
    """A block whose figures are not there says how to make them; only what is planted is known beforehand."""
    for name, block in BLOCKS.items():
        found = block(tmp_path)
        assert name == "planted" or ("Not measured yet" in found and not re.search(r"\d\.\d", found))


@pytest.mark.parametrize("line", PROBE)
def test_every_command_parses(line: str) -> None:
    """The page and the command line agree on every option."""
    _, name, *words = shlex.split(line)
    main.commands[name].make_context(name, words)  # raises click.UsageError for an unknown option or argument


def test_its_pictures_and_files_are_there() -> None:
    """What the page shows and names is in the repository."""
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE)
    assert len(pictures) == 2 and all((ROOT / "docs" / picture).is_file() for picture in pictures)
    assert all((ROOT / path).exists() for path in re.findall(r"`(probing/[\w/.]+)`", PAGE))


def test_what_is_planted_is_what_made_the_world() -> None:
    """Arousal is in the voice alone, valence in the words alone, dominance in both, about as the recipe says."""
    rows = {name: [float(cell) for cell in cells] for name, *cells in rows_of(planted(Path()))}
    assert rows["arousal"][0] == 0 and rows["valence"][1] == 0
    assert rows["arousal"][1] == pytest.approx(0.93, abs=0.02) and rows["valence"][0] == pytest.approx(0.95, abs=0.02)
    assert rows["dominance"][2] == pytest.approx(rows["dominance"][0] + rows["dominance"][1], abs=0.05)


def test_tables_are_those_of_the_run(tmp_path: Path) -> None:
    """Numbers of a planted run: what is reached alone, what else is told, bits, likeness and findings."""
    table = planted_contents(("valence",))
    assert rows_of(alone(table)) == [["valence", "0.70 [0.67, 0.74]", "0.65 [0.62, 0.69]", "–"]]
    assert rows_of(nuisances(table))[0] == ["energy", *(f"{x:.2f} [{x - 0.03:.2f}, {x + 0.04:.2f}]" for x in ENERGY)]
    assert rows_of(bits(table))[0][-1] == "0.50 [0.47, 0.54]"
    likeness = ["layer 1: 0.80 [0.79, 0.81]", "layer 0: 0.70 [0.69, 0.71]"]
    assert rows_of(alike(table))[1] == ["other, layer 1", *likeness]
    path = tmp_path / "x.md"
    path.write_text(caption(write_layers(tmp_path, table, ("valence",)), table), "utf-8")
    assert findings(path).startswith("- cross-validated: owner/model: " + FINDING.claim)


ENERGY = (0.9, 0.65, 0.15, -0.1)  # of the first layer, the last, and two between
