"""What `probe fit` prints of its record: scores, where each dimension is, findings, notes, files."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from probing.cli.printing import say_left_out, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from probing.runs.records import FitRecord

_WIDTH = 120  # of a terminal
_KINDS = {"ridge": "ridge probes of all layers", "weighted": "the weighted sum"}
_FILES = """
    importance.csv weights.csv scores.csv nulls.csv predictions.csv
    category_scores.csv category_nulls.csv categories.csv crossvalidated.csv jackknife.csv
    folds.csv category_folds.csv probes.safetensors ridge.safetensors
""".split()


def fitted(record: FitRecord) -> str:
    """A fit's scores, findings, notes and files."""
    from probing.report.wording import placed, said

    say_left_out(record.corpus.left_out)
    names = [name for name in _FILES if name in (record.files or {})]
    lines = [
        *wrapped([_heading(record)]),
        *_scores(record),
        *wrapped(_chance(record)),
        *wrapped(_by_fold(record)),
        *wrapped(placed(summary) for summary in record.layers.values()),
        *wrapped(said(finding) for finding in record.findings),
        *wrapped(f"note: {note}" for note in record.notes),
        *(f"{record.folder}/{name}" for name in ("record.json", *names)),
    ]
    return "\n".join(lines)


def _scores(record: FitRecord) -> list[str]:
    """The scores of dimensions, and those of categories, as text tables."""
    from probing.runs.printing import classified, crossed

    found = []
    if record.scores:
        table = scores_of(record)
        table = table.iloc[table.probe.map(_place).argsort(kind="stable")]
        found.append(crossed(table, {"dimension": 12, "probe": 18}))
    if record.category_scores:
        found.append(classified(sorted(record.category_scores, key=lambda score: _place(score.probe or ""))))
    return found


def _heading(record: FitRecord) -> str:
    from probing.runs.printing import heading, measured

    line = heading(record, int(record.options["seeds"]))
    if record.options.get("head") != "ridge":
        return line
    # Ridge probes have a closed form, so there are no seeds to speak of.
    _, _, whose = line.partition(" · ")
    return f"{measured(record)} [95 % interval: jackknife over speakers, Student's t] · {whose}"


def _place(probe: str) -> int:
    """Place of a probe among those of its dimension: the weighted sum, the ridge probe, the single layer."""
    return 0 if probe == "weighted" else 1 + probe.startswith("best layer")


def wrapped(lines: Iterable[str]) -> list[str]:
    """Lines no wider than a terminal; what goes on is indented."""
    wrapper = textwrap.TextWrapper(_WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return [wrapper.fill(line) for line in lines]


def _chance(record: FitRecord) -> list[str]:
    """What probes of permuted labels reach on each test partition, all targets together: a line for each."""
    from probing.report.fit_scores import UAR, fit_scores_of
    from probing.report.ridge import null_labels

    lines = []
    for measured in fit_scores_of(record):
        nulls = measured.nulls
        for partition in dict.fromkeys(nulls.partition[~nulls.partition.isin(["train", "development"])]):
            labels = null_labels(partition)
            own = nulls[(nulls.partition == partition) & (nulls.labels == labels)]
            parts = [
                f"{_KINDS.get(str(kind), kind)} {_range(of_kind.value)} ({of_kind.permutation.nunique()} permutations)"
                for kind, of_kind in own.groupby("kind")
            ]
            how = "within speakers" if labels == "by-speaker" else "between speakers"
            what = f"{measured.measure} by" if measured.measure == UAR else "by"
            lines.append(f"{what} chance on {partition}, labels permuted {how}: {', '.join(parts)}")
    return lines


def _by_fold(record: FitRecord) -> list[str]:
    """How the scores of a pooled run differ from fold to fold: a line for each dimension and category."""
    if not record.members:
        return []
    from probing.report.reading import has, read
    from probing.runs.folds import CATEGORY_FOLDS, FOLDS

    lines = []
    for file, key, measure in ((FOLDS, "dimension", "ccc"), (CATEGORY_FOLDS, "category", "uar")):
        table = read(record, file, ("fold", key, "kind", measure)) if has(record, file) else None
        for target, own in table.groupby(key, sort=False) if table is not None else ():
            best = record.layers[str(target)].best_layer
            kinds = {"the weighted sum": own.kind == "weighted"}
            kinds |= {f"ridge probes of layer {best}": (own.kind == "ridge") & (own.layer == best)}
            means = {
                what: own[chosen].groupby("fold")[measure].mean() for what, chosen in kinds.items() if chosen.any()
            }
            parts = [f"{what} {_range(scores)}, mean {scores.mean():.3f}" for what, scores in means.items()]
            lines.append(f"fold by fold, {measure.upper()} of {target}: {'; '.join(parts)}")
    return lines


def _range(scores: pd.Series[float]) -> str:
    return f"{scores.min():.3f} to {scores.max():.3f}"
