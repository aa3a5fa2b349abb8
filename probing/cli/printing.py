"""What the commands print of the values that the steps return: results on stdout, remarks on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from probing.asr.transcribe import Transcripts
    from probing.runs.records import EvaluationRecord, FinetuneRecord, Record


def say_left_out(ids: Sequence[str]) -> None:
    """Name on stderr what a command goes on without."""
    from probing.errors import first_names

    if ids:
        click.echo(f"left out as --allow-missing permits: {first_names(ids)}", err=True)


def trained(record: FinetuneRecord) -> str:
    """A training's scores, notes and files."""
    say_left_out(record.corpus.left_out)
    from probing.runs.printing import intervals_said, measured

    system, seeds = record.system, len(record.seeds)
    heading = (
        f"{measured(record)}, mean over {seeds} seed{'s' * (seeds > 1)} [{intervals_said([seeds])}] · {system.name} "
        f"({system.parameters / 1e6:.3g} M parameters, {system.regime}) on {record.corpus.full_title}"
    )
    files = ("record.json", *_tables(record), *(() if record.members else ("seed0",)))
    return _whole(record, heading, scores_of(record), {"dimension": 12}, files)


def evaluated(record: EvaluationRecord, run: Path) -> str:
    """An evaluation's scores, notes and files.

    Args:
        record: The evaluation.
        run: Folder of the run that was scored, as the user typed it.
    """
    from probing.runs.printing import intervals_said, measured
    from probing.runs.store import read_record

    say_left_out(record.corpus.left_out)
    intervals = intervals_said([len(record.seeds)])
    heading = f"{measured(record)} [{intervals}] · {record.title} ({run}) on {record.corpus.full_title}"
    names = ("record.json", *_tables(record))
    # Another corpus's development partition has selected nothing.
    if record.published is not None:
        selected = record.published.trained_on(record.corpus)
    else:
        selected = read_record(record.folder / record.run).same_corpus(record)
    return _whole(record, heading, scores_of(record), {"dimension": 12}, names, selected)


def _tables(record: Record) -> list[str]:
    """The tables of a run's scores and estimates."""
    return [name for name in record.required if name.endswith(".csv")]


def scores_of(record: Record) -> pd.DataFrame:
    """A record's scores as a table: dimension, probe, partition, ccc, sd, low, high, n; NaN where there is none."""
    from dataclasses import asdict, fields

    import pandas as pd

    from probing.runs.records import Score

    table = pd.DataFrame([asdict(score) for score in record.scores], columns=[one.name for one in fields(Score)])
    numbers = ["ccc", "sd", "low", "high"]
    return table.assign(**{name: pd.to_numeric(table[name]).astype(float) for name in numbers})


def _whole(
    record: Record,
    heading: str,
    scores: pd.DataFrame,
    keys: dict[str, int],
    files: Sequence[str],
    selected: bool = True,
) -> str:
    from probing.runs.printing import classified, crossed

    parts = [heading] + [crossed(scores, keys, selected)] * bool(len(scores))
    parts += [classified(record.category_scores, selected)] if record.category_scores else []
    notes = [f"note: {note}" for note in record.notes]
    return "\n".join([*parts, *notes, *(f"{record.folder}/{name}" for name in files)])


def transcribed(found: Transcripts) -> str:
    """The word errors of a table of transcripts, and where it is."""
    lines = [
        f"{found.utterances:,} utterances by {found.asr} ({found.parameters / 1e6:.3g} M parameters, {found.language})"
    ]
    if found.wer:
        lines += [f"word errors ({found.counted})"]
        lines += [f"  {'partition':14s}{'WER':>8s}{'words':>12s}{'substituted':>13s}{'deleted':>10s}{'inserted':>10s}"]
        lines += [
            f"  {name:14s}{row['wer']:8.1%}{row['words']:12,}{row['substitutions']:13,}{row['deletions']:10,}"
            f"{row['insertions']:10,}"
            for name, row in found.wer.items()
        ]
    else:
        lines += ["the corpus has no text of its own: word errors cannot be counted"]
    lines += [f"note: {found.empty:,} transcripts are empty"] if found.empty else []
    return "\n".join([*lines, str(found.table), str(found.record)])


def system_sizes(table: pd.DataFrame) -> str:
    """The six systems of Table 1: all parameters, those that learn, and their ratio to the largest.

    Args:
        table: Columns system, parameters, trainable.
    """
    largest = table.trainable.max()
    lines = [f"{'system':38s}{'parameters':>14s}{'trainable':>14s}{'of the largest':>18s}"]
    lines += [
        f"{row.system:38s}{row.parameters / 1e6:12.1f} M{row.trainable / 1e6:12.1f} M{row.trainable / largest:17.1%}"
        for row in table.itertuples()
    ]
    return "\n".join(lines)
