"""`probe compare`: fine-tuned runs set against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.there import demand_folders
from probing.options import option, runs_option


def out_option() -> Path:
    """Folder of tables and figures."""
    found: Path = option(Path("figures"), "Folder of the tables and figures.", metavar="DIR")
    return found


def name_option() -> str | None:
    """What stands in the names of the files in place of corpus and runs."""
    found: str | None = option(
        None, "Suffix of the output file names.", metavar="NAME", shown_default="corpus and digest of the runs"
    )
    return found


def teacher_option() -> str | None:
    """The encoder that claims about systems call the full one."""
    found: str | None = option(
        None,
        "Audio encoder that the findings call the full one.",
        metavar="NAME",
        shown_default="what the distilled is known to be distilled from",
    )
    return found


def student_option() -> str | None:
    """The encoder that claims about systems call the distilled one."""
    found: str | None = option(
        None,
        "Audio encoder that the findings call the distilled one.",
        metavar="NAME",
        shown_default="the one that is known to be distilled",
    )
    return found


@dataclass(frozen=True)
class CompareOptions:
    """What is compared with what, and where the tables and figures go."""

    against: Path | None = option(
        None, "Run that differences are taken to.", metavar="RUN", shown_default="the largest on audio alone"
    )
    fit: Path | None = option(
        None, "Fit run for the comparison figure.", metavar="RUN", shown_default="the latest on the same corpus"
    )
    teacher: str | None = teacher_option()
    student: str | None = student_option()
    out: Path = out_option()
    name: str | None = name_option()
    runs: Path = runs_option()


@command()
@click.argument("runs_compared", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@options_of(CompareOptions, "options")
def compare(runs_compared: tuple[Path, ...], options: CompareOptions) -> None:
    """Compare fine-tuned RUNs on one corpus, or RUNs of any kind on other corpora.

    Writes Table 1 with intervals, paired differences and the drop from seen to unseen; which of the paper's findings
    hold among these runs, corrected for their number; Figure 3 (what text adds to valence); and, with a fit run on the
    same corpus, the importance of each layer beside the systems. Systems of categories stand in a table of UAR,
    macro-F1 and accuracy. What `probe evaluate RUN --corpus CORPUS` scored on other corpora stands in a table of
    training corpus × test corpus; of fits, and of RUNs on several corpora, that is all that is compared. A run
    that is still training is skipped. Evaluations of published models on that corpus, which `probe evaluate` makes, may
    be named too and stand in Table 1.

    \b
    Example: probe compare runs/finetune-demo-*
             probe compare runs/fit-crema-d-* runs/fit-ravdess-*
    """
    demand_folders((*runs_compared, options.against, options.fit))
    from probing.report.compare import compare as run
    from probing.report.compare import latest_fit
    from probing.report.compared import finished
    from probing.runs.records import SystemRecord

    records = finished(runs_compared)
    systems = [record for record in records if isinstance(record, SystemRecord)]
    fit = options.fit or (latest_fit(systems, options.runs) if len(systems) == len(records) else None)
    found = run(records, options.out, options.against, fit, options.name, options.teacher, options.student)
    click.echo(found)
    for path in found.paths:
        click.echo(path)
