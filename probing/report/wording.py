"""Findings and places of dimensions in words, the same in a terminal, beneath a figure, and in a report."""

from __future__ import annotations

from probing.runs.escapes import markdown, plain
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import Finding

_CONVOLUTIONS = -1  # index of state C


def said(finding: Finding) -> str:
    """A finding in one line: claim, verdict, and what was measured for it.

    >>> said(Finding("it is deep", "test2", verdict="not tested", note="one state"))
    'test2: it is deep: not tested (one state)'
    """
    claim, measured = _claim(finding), evidence(finding)
    return plain(f"{claim}: {finding.verdict}" + f" ({measured})" * bool(measured))


def said_in_markdown(finding: Finding) -> str:
    """The same as an item of a list in Markdown, with the verdict in bold.

    >>> said_in_markdown(Finding("it is $deep$", "test2", verdict="not tested", note="one state"))
    '- test2: it is \\\\$deep\\\\$: **not tested** (one state)'
    """
    claim, measured = markdown(_claim(finding)), markdown(evidence(finding))
    return f"- {claim}: **{finding.verdict}**" + f" ({measured})" * bool(measured)


def _claim(finding: Finding) -> str:
    whose = f"{finding.of}: " if finding.of else ""
    return f"{finding.on}: {whose}{finding.claim}"


def evidence(finding: Finding) -> str:
    """What was measured for a claim, in words; a claim that nothing was measured for has only its note.

    >>> evidence(Finding("it is deep", "test2", "depth", value=0.5, low=0.4, high=0.6, adjusted=1e-9))
    'depth: 0.500 [0.400, 0.600]; must be above 0; adjusted p < 0.001'
    """
    parts = []
    if finding.value is not None:
        known = finding.low is not None and finding.high is not None and finding.low == finding.low
        interval = f" [{finding.low:.3f}, {finding.high:.3f}]" if known else ""
        parts.append(f"{finding.measure}: {finding.value:.3f}{interval}")
    if finding.seeds is not None:
        parts.append(f"{finding.seeds} seeds" if finding.seeds != 1 else "")
    if finding.adjusted is not None:
        parts.append(f"must be {'above' if finding.above else 'below'} {finding.bound:.3g}")
        parts.append("adjusted p < 0.001" if finding.adjusted < 0.001 else f"adjusted p = {finding.adjusted:.3f}")
    return "; ".join(part for part in (*parts, finding.note) if part)


def placed(summary: LayerSummary) -> str:
    """Where a dimension is, in a sentence.

    The centre sums up the whole curve and is not the name of a layer.

    >>> placed(LayerSummary("valence", "holds", 9, (8, 9, 10), 0.7, 0.6, 0.8))
    'valence: best layer 9; with 95 % confidence the best is one of 8, 9, 10; centre at depth 0.70 [0.60, 0.80].'
    """
    if not summary.confidence_set:
        return f"{summary.dimension}: it is undecided whether any layer carries it, so there is nothing to locate."
    best = ", ".join(map(layer_name, summary.confidence_set))
    sentence = f"{summary.dimension}: best layer {layer_name(summary.best_layer)}"
    sentence += f"; with 95 % confidence the best is one of {best}"
    if summary.centre is None:
        return sentence + "."
    known = summary.low is not None and summary.high is not None
    interval = f" [{summary.low:.2f}, {summary.high:.2f}]" if known else ""
    return f"{sentence}; centre at depth {summary.centre:.2f}{interval}."


def layer_name(index: int) -> str:
    """A layer as figures call it; C is the raw output of the convolutions."""
    return "C" if index == _CONVOLUTIONS else str(index)
