"""What `probe fit` prints of its record: scores, where each dimension is, findings, notes, files."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from probing.cli.printing import say_left_out, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from probing.runs.records import FitRecord
    from probing.statistics.layers import LayerSummary
    from probing.statistics.verdicts import Finding

_WIDTH = 120  # of a terminal
_ORDER = {"weighted": 0, "shuffled labels": 3}  # others between: ridge probes first, then single layers
_KINDS = {"ridge": "ridge probes of all layers", "weighted": "the weighted sum"}


def fitted(record: FitRecord) -> str:
    """A fit's scores, findings, notes and files."""
    from probing.runs.printing import crossed, heading

    say_left_out(record.corpus.left_out)
    table = scores_of(record).replace({"probe": {"shuffled": "shuffled labels"}})
    order = table.probe.map(_ORDER).fillna(1 + table.probe.str.startswith("best layer"))
    table = table.iloc[order.argsort(kind="stable")]
    names = [name for name in _FILES if name in (record.files or {})]
    lines = [
        *_wrapped([heading(record, int(record.options["seeds"]))]),
        crossed(table, {"dimension": 12, "probe": 18}),
        *_wrapped(_chance(record)),
        *_wrapped(_place(summary) for summary in record.layers.values()),
        *_wrapped(_said(finding) for finding in record.findings),
        *_wrapped(f"note: {note}" for note in record.notes),
        *(f"{record.folder}/{name}" for name in ("record.json", *names)),
    ]
    return "\n".join(lines)


_FILES = """
    importance.csv weights.csv scores.csv nulls.csv predictions.csv crossvalidated.csv jackknife.csv
    probes.safetensors ridge.safetensors
""".split()


def _wrapped(lines: Iterable[str]) -> list[str]:
    return [textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines]


def _chance(record: FitRecord) -> list[str]:
    """What probes of permuted labels reach on each test partition, all dimensions together: a line for each."""
    from probing.report.ridge import null_labels, nulls_of

    nulls, lines = nulls_of(record), []
    for partition in dict.fromkeys(nulls.partition[~nulls.partition.isin(["train", "development"])]):
        labels = null_labels(partition)
        own = nulls[(nulls.partition == partition) & (nulls.labels == labels)]
        parts = [
            f"{_KINDS.get(str(kind), kind)} {_range(of_kind.ccc)} ({of_kind.permutation.nunique()} permutations)"
            for kind, of_kind in own.groupby("kind")
        ]
        how = "within speakers" if labels == "by-speaker" else "freely"
        lines.append(f"by chance on {partition}, labels permuted {how}: {', '.join(parts)}")
    return lines


def _range(scores: pd.Series[float]) -> str:
    return f"{scores.min():.3f} to {scores.max():.3f}"


def _place(summary: LayerSummary) -> str:
    """Where a dimension is.

    >>> from probing.statistics.layers import LayerSummary
    >>> _place(LayerSummary("valence", "holds", 9, (9, 10), 0.7, 0.6, 0.8))
    'valence: best layer 9 by R², one of 9, 10 with 95 % confidence; centre at depth 0.70 [0.60, 0.80] of 0 to 1'
    """
    if not summary.confidence_set:
        return f"{summary.dimension}: nothing to locate, since it is undecided whether any layer carries it"
    best = ", ".join(map(str, summary.confidence_set))
    said = f"{summary.dimension}: best layer {summary.best_layer} by R², one of {best} with 95 % confidence"
    if summary.centre is None:
        return said
    known = summary.low is not None and summary.high is not None
    interval = f" [{summary.low:.2f}, {summary.high:.2f}]" if known else ""
    return f"{said}; centre at depth {summary.centre:.2f}{interval} of 0 to 1"


def _said(finding: Finding) -> str:
    """A finding in words, with what was measured for it."""
    from probing.report.wording import evidence

    measured = evidence(finding)
    return f"{finding.on}: {finding.claim}: {finding.verdict}" + f" ({measured})" * bool(measured)
