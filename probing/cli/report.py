"""`probe report`: one page on some runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from probing.cli.command import command
from probing.cli.compare import out_option, student_option, teacher_option
from probing.cli.derive import options_of
from probing.cli.there import demand_folders, demand_latest
from probing.options import option, runs_option


@dataclass(frozen=True)
class ReportOptions:
    """What the page says beyond its runs, and where it goes."""

    teacher: str | None = teacher_option()
    student: str | None = student_option()
    no_control: bool = option(False, "Look for no fits on random encoders; those among the RUNs are used all the same.")
    out: Path = out_option()
    name: str | None = option(
        None, "Suffix of the file's name.", metavar="NAME", shown_default="corpus and digest of the runs"
    )
    runs: Path = runs_option()


@command()
@click.argument("reported", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@options_of(ReportOptions, "options")
def report(reported: tuple[Path, ...], options: ReportOptions) -> None:
    """Write one page on RUNs of one corpus, by default on the latest fit.

    The page is a single HTML file that needs nothing else, on a screen, a phone or on paper: figures, tables, the
    findings in words with one correction over all of them, notes, what was left out, how each run was made, and how to
    cite. RUNs are fits, analyses of layers, finetune runs and evaluations in any mix. Beside a fit stand the latest
    fits on the same encoder with random weights (`@random`, `@random:1` …), unless such fits are among the RUNs.

    \b
    Example: probe report
             probe report runs/fit-demo-* runs/finetune-demo-*
    """
    demand_folders(reported)
    if not reported:
        demand_latest("fit", options.runs)
    from probing.report.page import write_page
    from probing.report.page_runs import latest_trained_fit

    runs = reported or (latest_trained_fit(options.runs),)
    controls = not options.no_control
    click.echo(write_page(runs, options.out, options.name, options.runs, controls, options.teacher, options.student))
