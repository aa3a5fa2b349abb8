"""`probe figure` draws from finished runs and prints what it wrote; a missing control is told how to make."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from builders import write_fit, write_run
from commands import done, probe, refused

FIT = ["--epochs", "2", "--hidden", "4", "--dim", "valence", "--layers", "both"]


def test_the_control_that_is_missing_can_be_made_as_it_is_told(pooled: list[object]) -> None:
    """The commands, typed as they stand, make the run that the figure then draws beside the first, and draw it."""
    done("fit", *pooled, *FIT)
    (run,) = Path("runs").iterdir()
    alone = done("figure", 2)
    assert alone.paths and all(Path(path).is_file() for path in alone.paths)
    commands = re.findall(r"`(probe [^`]+)`", alone.stderr)
    assert [shlex.split(line)[1] for line in commands] == ["extract", "fit", "figure"]
    *_, both = (done(*shlex.split(line)[1:]) for line in commands)
    assert both.stderr == "" and not {*both.paths} & {*alone.paths}
    assert "random" in Path(next(path for path in both.paths if path.endswith(".csv"))).read_text()
    (control,) = [folder for folder in Path("runs").iterdir() if folder != run]
    assert done("figure", 2, run, "--control", control).paths == both.paths
    without = done("figure", 2, run, "--no-control")
    assert without.stderr == "" and without.paths == alone.paths
    refused(probe("figure", 2, run, "--control", run), "no-control")


def test_the_command_loads_neither_torch_nor_h5py(here: Path) -> None:
    """A figure is drawn from records and tables, also where the note on its missing control is printed."""
    run = write_fit(here / "runs", "demo-hubert").folder
    code = (
        "import sys\n"
        "from probing.cli.main import main\n"
        f"main(['figure', '2', {str(run)!r}], standalone_mode=False)\n"
        "loaded = {'torch', 'transformers', 'h5py'} & set(sys.modules)\n"
        "sys.exit(' '.join(sorted(loaded)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "`probe extract" in result.stderr


def test_without_runs_there_is_nothing_to_draw(here: Path) -> None:
    """No run at all, no such run, a run of another kind, too many."""
    refused(probe("figure", 2), "no-run")
    refused(probe("figure", 2, "nowhere"), "no-run")
    refused(probe("figure", 2, "a", "b"), "one-run", status=2)
    system = write_run(here / "runs", "large").folder
    refused(probe("figure", 2, system), "run-kind")
    refused(probe("figure", "wer", system), "no-curve")
