"""`probe runs`: the finished runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.errors import RunError
from probing.options import option, runs_option

if TYPE_CHECKING:
    from probing.runs.records import Record


@dataclass(frozen=True)
class RunsOptions:
    """Which runs are listed, and how."""

    runs: Path = runs_option()
    json: bool = option(False, "Print JSON for a program.")


@command()
@options_of(RunsOptions, "options")
def runs(options: RunsOptions) -> None:
    """List all runs and their evaluations, newest last.

    Prints date, command, corpus, encoder or system, scores and folder of each. A run whose files are missing or changed
    is marked as incomplete, and one of version 0.1.0 as such.

    \b
    Example: probe runs
    """
    if given("runs") and not options.runs.is_dir():
        raise RunError(f"--runs {options.runs}", "there is no such folder", "check the path", code="no-run")
    from probing.runs.printing import line
    from probing.runs.store import all_records, evaluations_of

    runs = all_records(options.runs)
    everything = [*runs, *(own for record in runs for own in evaluations_of(record))]
    found = sorted(everything, key=lambda record: (record.date, str(record.folder)))
    if options.json:
        click.echo(json.dumps([_content(record) for record in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo(f"no runs in {options.runs} yet; `probe fit` makes one")
    for record in found:
        click.echo("  ".join([line(record), *_marks(record)]))


def _marks(record: Record) -> list[str]:
    """What sets a run apart from a whole one of today's version."""
    from probing.errors import first_names
    from probing.runs.store import missing_files

    lacking = missing_files(record)
    return [f"[incomplete: {first_names(lacking, limit=3)}]"] if lacking else []


def _content(record: Record) -> dict[str, Any]:
    """What is listed of a run, JSON-ready."""
    from dataclasses import asdict

    from probing.runs.store import missing_files

    identity = record.corpus.identity
    return {
        "folder": str(record.folder),
        "command": record.command,
        "date": record.date,
        "version": record.version,
        "corpus": record.corpus.title,
        "corpus_digest": identity.short if identity else None,
        "title": record.title,
        "scores": [asdict(score) for score in record.scores],
        "category_scores": [asdict(score) for score in record.category_scores],
        "missing_files": missing_files(record),
    }
