"""The caption of Figure 2: what it shows and no more, and beneath it the findings in words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from probing.errors import number_of
from probing.report.importance import CHANCE, DEVELOPMENT, IMPORTANCE, PERMUTED, PERMUTED_SUM, WEIGHT
from probing.report.located import located
from probing.report.panels import measured, size_of
from probing.report.ridge import BY_SPEAKER, has_ridge, null_labels
from probing.report.style import partition_title
from probing.report.wording import placed, said_in_markdown
from probing.runs.escapes import markdown
from probing.runs.printing import seeds_of
from probing.runs.records import FitRecord

_MEASURES = {"CCC": "CCC", "UAR": "UAR (unweighted average recall)"}


def caption(record: FitRecord, drawn: pd.DataFrame, controls: Sequence[FitRecord] = ()) -> str:
    """The caption as Markdown.

    Args:
        record: The fit.
        drawn: What the figure shows (`probing.report.importance.drawn_of`).
        controls: The fits on random encoders beside it.

    Raises:
        RunError: A run's files are missing, changed or damaged.
    """
    findings, layers = located(record, controls)
    lines = []
    if findings:
        above = f"above {number_of(len(controls), 'random encoder')} " if controls else ""
        lines = [
            "",
            f"Where each dimension is, in R² {above}(depth: 0 is the first state, 1 the last), and findings:",
            "",
        ]
        lines += [f"- {markdown(placed(summary))}" for summary in layers.values()]
        lines += [said_in_markdown(finding) for finding in findings]
    title, text = described(record, drawn, controls)
    return "\n".join([f"**{markdown(title)}** {markdown(text)}", *lines]) + "\n"


def described(record: FitRecord, drawn: pd.DataFrame, controls: Sequence[FitRecord] = ()) -> tuple[str, str]:
    """The caption without the findings: its title, and what the figure shows.

    Args:
        record: The fit.
        drawn: What the figure shows.
        controls: The fits on random encoders beside it.
    """
    synthetic = " (built-in synthetic speech)" if record.corpus.spec.prefix == "demo" else ""
    title, parts = f"What the layers of {record.title} tell on {record.corpus.full_title}{synthetic}.", []
    for panel in dict.fromkeys(drawn.panel):
        shown = drawn[drawn.panel == panel]
        size = f" ({size_of(shown)})" if size_of(shown) else ""
        parts.append(" ".join(_panel(record, panel, shown, size)))
    if "random" in set(drawn.source):
        parts.append(_beside(len(controls)))
    parts += [f"{line[0].upper()}{line[1:]}." for line in record.corpus.shared]
    return title, " ".join(parts)


def _panel(record: FitRecord, panel: str, shown: pd.DataFrame, size: str) -> list[str]:
    """Sentences on one panel."""
    band = shown.band[shown.source == "encoder"].iloc[0]
    if panel == IMPORTANCE:
        return [
            f"R² of ridge probes on each layer, cross-validated over speakers {_within(record)}{size}; band: {band}.",
            *_skill(record),
            "Markers at the top: the layers of which that of the highest R² can be one, with 95 % confidence, of "
            "dimensions that some layer carries.",
        ]
    if panel == WEIGHT:
        refits = " on resampled training speakers" if "refits" in band else ""
        return [
            f"Learned weights of the weighted sum on train{size}: mean over {_seeds(shown)}{_folds(record)}; "
            f"band: {band}{refits}; "
            "dotted: the uniform weight. They say what the sum was made of, which is not how much each layer tells."
        ]
    measure, partition = measured(panel)
    kind = "ridge probes" if has_ridge(record) else "probes"
    lines = [f"{_MEASURES[measure]} of {kind} on each layer on {partition_title(partition)}{size}; band: {band}."]
    if record.members:
        lines.append(f"Each of {len(record.members)} folds tests a part of it, by probes of the other folds.")
    if partition == DEVELOPMENT:
        lines.append(f"Settings were selected on {DEVELOPMENT}, which flatters these scores.")
    return lines + _beyond(partition, shown)


def _skill(record: FitRecord) -> list[str]:
    """What R² is of categories."""
    if not record.category_scores:
        return []
    names = ", ".join(dict.fromkeys(score.category for score in record.category_scores))
    return [f"Of {names} it is that of the classes' probabilities (the skill by the Brier score)."]


def _within(record: FitRecord) -> str:
    """Of whom the cross-validated probes are."""
    return f"of all {len(record.members)} folds together" if record.members else f"within train and {DEVELOPMENT}"


def _folds(record: FitRecord) -> str:
    return f" and {len(record.members)} folds" if record.members else ""


def _beyond(partition: str, shown: pd.DataFrame) -> list[str]:
    """Sentences on permuted labels and on the weighted sum."""
    sources, lines = set(shown.source), []
    if PERMUTED in sources:
        number = shown.band[shown.source == PERMUTED].iloc[0]
        how = "within" if null_labels(partition) == BY_SPEAKER else "between"
        what = "categories" if CHANCE in sources else "dimensions"
        lines.append(f"Grey: {number} {how} speakers, all layers and {what} together.")
    if CHANCE in sources:
        lines.append("Dotted: what guessing reaches, one in as many classes as there are.")
    if "weighted" in sources:
        over = _seeds(shown[shown.source == "weighted"])
        grey = list(shown.band[shown.source == PERMUTED_SUM])
        also = f", and in grey the {grey[0]}" if grey else ""
        lines.append(f"At the right edge: the weighted sum, mean over {over}{also}.")
    if "shuffled" in sources:
        lines.append("Hollow: a weighted sum fitted to permuted labels.")
    return lines


def _seeds(shown: pd.DataFrame) -> str:
    return seeds_of(int(shown.seed[shown.source.isin(["encoder", "weighted"])].nunique()))


def _beside(number: int) -> str:
    """What the dashed curves are."""
    many = f"{number} encoders with random weights, mean and range" if number > 1 else "one encoder with random weights"
    return f"Dashed: {many}: what the architecture gives untrained, with which a layer's score is to be compared."
