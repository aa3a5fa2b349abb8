"""`probe figure` draws from finished runs and prints what it wrote and found; how to make controls it tells."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from builders import write_run
from commands import done, probe, refused
from ridge_fits import write_ridge_fit

FIT = ["--epochs", "2", "--hidden", "4", "--dim", "valence", "--permutations", "0", "--refits", "0"]


@pytest.mark.slow
def test_the_controls_that_are_missing_can_be_made_as_it_is_told(pooled: list[object]) -> None:
    """The commands, typed as they stand, make the runs that the figure then draws beside the first, and draw it."""
    done("fit", *pooled, *FIT)
    (run,) = Path("runs").iterdir()
    alone = done("figure", 2)
    assert alone.paths and all(Path(path).is_file() for path in alone.paths)
    commands = [shlex.split(line) for line in alone.stderr.splitlines() if line.startswith("  probe ")]
    assert [words[1] for words in commands] == [*["extract", "fit"] * 3, "figure"]
    *_, both = (done(*words[1:]) for words in [*commands[:4], commands[-1]])
    assert both.stderr == "" and not {*both.paths} & {*alone.paths}
    assert "2 encoders with random weights" in both.stdout
    (caption,) = [Path(path) for path in both.paths if path.endswith(".md")]
    assert caption.read_text("utf-8").replace("**", "").strip() in both.stdout
    controls = [folder for folder in Path("runs").iterdir() if folder != run]
    named = [word for control in controls for word in ("--control", control)]
    assert done("figure", 2, run, *named).paths == both.paths
    without = done("figure", 2, run, "--no-control")
    assert without.stderr == "" and without.paths == alone.paths and "random" not in without.stdout.lower()
    refused(probe("figure", 2, run, "--control", run), "no-control")
    refused(probe("figure", 2, run, *named, *named), "control-twice")
    refused(probe("figure", 2, run, "--no-control", *named), "exclusive", status=2)


def test_without_runs_there_is_nothing_to_draw(here: Path) -> None:
    """No run at all, no such run, a run of another kind, too many."""
    for which in (2, "contents", "confusion", "wer"):
        nothing = probe("figure", which, "--runs", "nosuch")
        refused(nothing, "no-run")
        assert "--runs DIR" in nothing.stderr
    refused(probe("figure", 2, "nowhere"), "no-run")
    refused(probe("figure", 2, "a", "b"), "one-run", status=2)
    system = write_run(here / "runs", "large").folder
    refused(probe("figure", 2, system), "run-kind")
    refused(probe("figure", "wer", system), "no-curve")


@pytest.mark.slow
def test_an_atlas_is_drawn_from_the_runs_that_are_named(here: Path) -> None:
    """Its tables are printed, then its files; options of other figures are refused, and so is naming nothing."""
    runs = [write_ridge_fit(here / "runs", name, head="ridge").folder for name in ("owner/one", "owner/two")]
    drawn = done("figure", "atlas", *runs, "--name", "both")
    assert "| owner/one |" in drawn.stdout and "figures/atlas-both-map.pdf" in drawn.stdout
    refused(probe("figure", "atlas"), "no-run", status=2)
    refused(probe("figure", "atlas", *runs, "--no-control"), "no-effect", status=2)
    refused(probe("figure", 2, runs[0], "--name", "mine"), "no-effect", status=2)
