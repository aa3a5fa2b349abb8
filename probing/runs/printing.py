"""Scores and runs as text for a terminal or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from probing.corpus.model import DEVELOPMENT
from probing.runs.escapes import latex, markdown, plain
from probing.runs.records import CategoryScore, FitRecord, Record
from probing.runs.scores import summary
from probing.runs.standing import WEIGHTED, standing

SEEN, UNSEEN = "test1", "test2"
_TITLES = {SEEN: "seen", UNSEEN: "unseen"}  # as the paper calls them
_WHOLE = (None, WEIGHTED)  # probes of a score that need no name: a full system, a weighted sum
MEASURES = {"uar": "UAR", "macro_f1": "macro-F1", "accuracy": "accuracy"}  # of categories, and their titles
_SELECTED_ON = f"{DEVELOPMENT} (selected on)"  # early stopping chose what scores best there


def titled(partition: str) -> str:
    """A test partition as the paper calls it; development as what it is, selected on.

    >>> titled("test1"), titled("development")
    ('seen', 'development (selected on)')
    """
    return _SELECTED_ON if partition == DEVELOPMENT else _TITLES.get(partition, partition)


def partition_title(partition: str) -> str:
    """A partition with what the paper calls it.

    >>> partition_title("test1"), partition_title("development"), partition_title("held-out")
    ('test1 (seen)', 'development (selected on)', 'held-out')
    """
    title = titled(partition)
    return title if title.startswith(partition) else f"{partition} ({title})"


def intervals_said(seeds: Iterable[int]) -> str:
    """What the 95 % intervals of some scores are.

    Args:
        seeds: Numbers of training seeds of the scores.

    >>> intervals_said([1])
    "95 % interval: jackknife over speakers, Student's t; one seed shows no spread over seeds"
    """
    own = set(seeds)
    said = "95 % interval: jackknife over speakers, Student's t"
    said += ", spread over training seeds included" * (own != {1})
    return said + "; one seed shows no spread over seeds" * (1 in own)


def spread(sd: float | None) -> str:
    """A standard deviation, to be appended to a mean, if there is one."""
    return f" ± {sd:.3f}" if sd is not None and np.isfinite(sd) else ""


def ends(low: float | None, high: float | None) -> str:
    """An interval, if there is one."""
    known = low is not None and high is not None and np.isfinite(low)
    return f"[{low:.3f}, {high:.3f}]" if known else "[no interval]"


def signed(value: float, low: float, high: float) -> str:
    """A difference with its interval."""
    return f"{value:+.3f} " + (f"[{low:+.3f}, {high:+.3f}]" if np.isfinite(low) else "[no interval]")


def seeds_of(number: int) -> str:
    """Number of training seeds that a mean is over.

    >>> seeds_of(1), seeds_of(3)
    ('one seed', '3 seeds')
    """
    return f"{number} seeds" if number > 1 else "one seed"


def crossed(table: pd.DataFrame, keys: Mapping[str, int], selected: bool = True) -> str:
    """Scores as text: a line for each combination of the keys, a column for each partition.

    Args:
        table: Columns dimension, partition, ccc, low, high (NaN where there is no interval) and the keys; dimensions
            and partitions keep their order.
        keys: Name of a column, `dimension` first → its width in characters.
        selected: Whether what is scored was selected on the development partition.
    """
    partitions = list(dict.fromkeys(table.partition))
    titles = [_SELECTED_ON if selected and p == DEVELOPMENT else p for p in partitions]
    lines = ["".join(f"{key:{width}s}" for key, width in keys.items()) + "".join(f"{t:26s}" for t in titles)]
    for _, own in table.groupby("dimension", sort=False):
        for names, row in own.groupby(list(keys), sort=False):
            cells = {r.partition: _cell(r.ccc, r.low, r.high) for r in row.itertuples()}
            # A longer name pushes its numbers on, and never runs into them.
            head = "".join(f"{plain(name):{width - 1}s} " for name, width in zip(names, keys.values(), strict=True))
            lines.append(head + "".join(f"{cells.get(p, '—'):26s}" for p in partitions))
    return "\n".join(line.rstrip() for line in lines)


def printed(scores: pd.DataFrame) -> str:
    """Scores of a full system as a text table: mean over seeds with the 95 % interval of that mean."""
    return crossed(summary(scores), {"dimension": 12})


def measure_of(score: CategoryScore, measure: str) -> str:
    """A measure of a category as text; UAR has an interval."""
    said = f"{getattr(score, measure):.3f}"
    return f"{said} {ends(score.low, score.high)}" if measure == "uar" else said


def classified(scores: Sequence[CategoryScore], selected: bool = True) -> str:
    """Scores of categories as text: a line for each category, probe and measure, a column for each partition.

    Args:
        scores: Of a record.
        selected: Whether what is scored was selected on the development partition.
    """
    partitions = list(dict.fromkeys(score.partition for score in scores))
    probed = any(score.probe for score in scores)
    titles = [_SELECTED_ON if selected and p == DEVELOPMENT else p for p in partitions]
    lines = [f"{'category':12s}" + f"{'probe':18s}" * probed + f"{'measure':12s}" + "".join(f"{t:26s}" for t in titles)]
    for category, probe in dict.fromkeys((score.category, score.probe) for score in scores):
        own = {s.partition: s for s in scores if (s.category, s.probe) == (category, probe)}
        head = f"{plain(category):11s} " + f"{plain(probe or ''):17s} " * probed
        for measure, title in MEASURES.items():
            cells = (measure_of(own[p], measure) if p in own else "—" for p in partitions)
            lines.append(f"{head}{title:12s}" + "".join(f"{cell:26s}" for cell in cells))
    return "\n".join(line.rstrip() for line in lines)


def line(record: Record) -> str:
    """A line about a run: date, command, corpus, encoder or system, scores on the test partitions, folder.

    Of a fit they are those of the probes that stand for it (`probing.runs.standing`). A run of `probe layers` has no
    scores.
    """
    taught = ("train", DEVELOPMENT)
    rated = standing([score for score in record.scores if score.partition not in taught])
    named = standing([score for score in record.category_scores if score.partition not in taught])
    found = [(s.probe, f"{plain(s.dimension)} {plain(s.partition)} {s.ccc:.3f}") for s in rated]
    found += [(s.probe, f"{plain(s.category)} {plain(s.partition)} UAR {s.uar:.3f}") for s in named]
    scores = " ".join(said + f" ({probe})" * (probe not in _WHOLE) for probe, said in found)
    identity = record.corpus.identity
    known = plain(record.corpus.full_title) + (f" ({identity.short})" if identity else " (version 0.1.0: no digest)")
    when = record.date[:16].replace("T", " ")
    parts = (when, record.command, known, plain(record.title), scores, str(record.folder))
    return "  ".join(part for part in parts if part)


def measured(record: Record) -> str:
    """What a run's scores measure: CCC of dimensions, UAR and more of categories."""
    categories = ", ".join(MEASURES.values())
    return "; ".join(["CCC"] * bool(record.scores) + [categories] * bool(record.category_scores)) or "CCC"


def heading(record: Record, seeds: int) -> str:
    """The line above a run's scores: what they are, of which encoder or system, on which corpus."""
    over = f"mean over {seeds} seed{'s' * (seeds > 1)} [{intervals_said([seeds])}]"
    read = f" · read from store {record.cache.store}" if isinstance(record, FitRecord) else ""
    return f"{measured(record)}, {over} · {plain(record.title)} on {plain(record.corpus.full_title)}{read}"


def markdown_table(frame: pd.DataFrame, written: Callable[[object], str] = markdown) -> str:
    r"""A table of texts in Markdown, with the names of its columns as the header.

    Args:
        frame: The table.
        written: How a cell is written; `str` where all cells are Markdown already.

    >>> print(markdown_table(pd.DataFrame({"a": ["x|y"], "b": ["2"]})))
    | a | b |
    | --- | --- |
    | x\|y | 2 |
    """

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    rows = (map(written, row) for row in frame.itertuples(index=False, name=None))
    return "\n".join([line(map(written, frame.columns)), line(["---"] * frame.shape[1]), *map(line, rows)])


def latex_table(frame: pd.DataFrame, columns: str, said: str) -> str:
    """A table of texts for a paper; it needs \\usepackage{booktabs}.

    Args:
        frame: The table; the names of its columns are its header.
        columns: How LaTeX sets the columns.
        said: What it is, for a comment above it.
    """
    written = frame.map(latex).set_axis([latex(name) for name in frame.columns], axis=1)
    body = written.to_latex(index=False, escape=False, column_format=columns)
    return f"% needs \\usepackage{{booktabs}}\n% {plain(said)}\n{body}"


def _cell(score: float, low: float, high: float) -> str:
    return f"{score:6.3f} [{low:6.3f}, {high:6.3f}]" if np.isfinite(low) else f"{score:6.3f} [no interval]"
