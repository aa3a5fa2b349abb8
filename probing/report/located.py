"""Where each dimension is: the claims about layers that a fit's ridge look can answer, above random encoders if any."""

from __future__ import annotations

from collections.abc import Sequence

from probing.errors import number_of
from probing.report.fit_scores import of_ridge
from probing.report.ridge import curves_above, has_ridge
from probing.runs.records import FitRecord
from probing.statistics.layers import (
    LayerSummary,
    carried_findings,
    carried_verdict,
    layer_findings,
    layer_summaries,
    of_all_folds,
)
from probing.statistics.verdicts import OPEN, Finding


def located(record: FitRecord, controls: Sequence[FitRecord] = ()) -> tuple[list[Finding], dict[str, LayerSummary]]:
    """The findings of a fit about layers, and a summary of each dimension.

    Args:
        record: A fit.
        controls: The same fit on random encoders (`probing.report.controls`): a layer's claim is then its gain over
            their mean, and without any, what it has at all.

    Returns:
        Findings with their verdicts; dimension → where it is. Nothing of a fit without a ridge look.

    Raises:
        RunError: A run's files are missing, changed or damaged.
    """
    if not has_ridge(record):
        return [], {}
    carried = _carried(record)
    curves = curves_above(record, controls)
    above = number_of(len(controls), "random encoder") if controls else "0"
    found = [*carried, *layer_findings(curves, carried, above)]
    return of_all_folds(found) if record.members else found, layer_summaries(curves, carried)


def undecided(record: FitRecord) -> list[str]:
    """The dimensions of which it is undecided whether any layer carries them, so that there is nothing to locate.

    Args:
        record: A fit with a ridge look.

    Raises:
        RunError: The run's files are missing, changed or damaged.
    """
    carried = _carried(record)
    return [name for name in record.options.get("dims", []) if carried_verdict(name, carried) == OPEN]


def _carried(record: FitRecord) -> list[Finding]:
    return carried_findings(*of_ridge(record))
