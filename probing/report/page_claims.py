"""All claims of a page, settled together: Holm's correction over all of them, whichever runs they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from probing.corpus.model import DEVELOPMENT
from probing.errors import number_of
from probing.report.conditions import on_own_words
from probing.report.findings import SELECTED_ON, system_findings
from probing.report.fit_scores import of_ridge
from probing.report.page_blocks import Block, Claims, Words
from probing.report.page_runs import Runs
from probing.report.ridge import curves_above, has_ridge
from probing.runs.records import FitRecord
from probing.statistics.layers import (
    CARRIED_LEVEL,
    CLAIMS_LEVEL,
    LayerSummary,
    carried_findings,
    layer_findings,
    layer_summaries,
)
from probing.statistics.verdicts import LEVEL, UNTESTED, Finding, settled

SYSTEMS = "The full systems"
_ONE_SEED = "one seed"


@dataclass(frozen=True)
class Judged:
    """The claims of a page with their verdicts.

    Args:
        groups: Whom they are about → the claims.
        summaries: Place of a fit in `Runs.fits` → dimension → where it is.
        carried: Number of claims that were tested against permuted labels, each at a level of its own.
        corrected: Number of those that share Holm's correction.
        level: Probability of any false verdict among the latter.
        total: The same among all.
    """

    groups: tuple[tuple[str, tuple[Finding, ...]], ...]
    summaries: tuple[dict[str, LayerSummary], ...]
    carried: int
    corrected: int
    level: float
    total: float

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The claims, with what their verdicts are corrected for."""
        if not self.groups:
            return (Words(("These runs answer no claim that can be tested.",)),)
        return (Words((self._said,)), *(Claims(title, findings) for title, findings in self.groups))

    @property
    def _said(self) -> str:
        if not self.carried + self.corrected:
            return "No claim can be tested with these runs."
        number = number_of(self.carried + self.corrected, "claim is", "claims are")
        parts = []
        if self.carried:
            fits = " and all fits" if len(self.summaries) > 1 else ""
            parts.append(
                f"{self.carried}, whether any layer carries a dimension, against permuted labels over all layers and "
                f"dimensions{fits}, at {100 * CARRIED_LEVEL:.0f} % for each test partition"
            )
        if self.corrected:
            parts.append(f"{self.corrected} with one correction over all of them (Holm), at {100 * self.level:.0f} %")
        return (
            f"{number} tested on this page: {'; '.join(parts)}. The probability of any false verdict among them is at "
            f"most {100 * self.total:.0f} %. Intervals are 95 % each and not corrected. One training seed decides "
            "nothing."
        )


def judged(runs: Runs, teacher: str | None = None, student: str | None = None) -> Judged:
    """Test all claims that some runs answer.

    Args:
        runs: The runs of a page.
        teacher: The audio encoder that claims about systems call the full one (`probing.report.roles`).
        student: The one that they call the distilled one.

    Raises:
        OptionError: No run has the encoder that is named (code `no-such-encoder`).
        RunError: Files of a run are missing, changed or damaged.
    """
    carried = _carried(runs.fits)
    curves = [curves_above(fit, runs.controls[fit.folder]) if has_ridge(fit) else {} for fit in runs.fits]
    places = []
    for fit, curve, shown in zip(runs.fits, curves, carried, strict=True):
        controls = len(runs.controls[fit.folder])
        above = number_of(controls, "random encoder") if controls else "0"
        places.append(layer_findings(curve, shown, above))
    systems = [record for record in on_own_words(runs.systems) or runs.systems if record.system.dimensions]
    about_systems = system_findings(systems, teacher, student) if systems else []
    tested = [one for own in carried for one in own if one.adjusted is not None]
    spent = CARRIED_LEVEL * len({one.on for one in tested})
    level = max(CARRIED_LEVEL, min(CLAIMS_LEVEL, LEVEL - spent)) if tested else LEVEL
    of_layers = [*places, *(record.findings for record in runs.contents)]
    together = _settled_anew([*(one for own in of_layers for one in own), *about_systems], level)
    groups, start = [], 0
    for fit, shown, own in zip(runs.fits, carried, places, strict=True):
        findings = (*shown, *together[start : start + len(own)])
        start += len(own)
        groups += [(f"Layers of {fit.title}", findings)] if findings else []
    for record in runs.contents:
        own_findings = tuple(together[start : start + len(record.findings)])
        start += len(own_findings)
        groups += [(f"Contents of the layers of {record.title}", own_findings)] if own_findings else []
    groups += [(SYSTEMS, tuple(together[start:]))] if about_systems else []
    summaries = tuple(layer_summaries(curve, shown) for curve, shown in zip(curves, carried, strict=True))
    corrected = sum(one.adjusted is not None for one in together)
    return Judged(tuple(groups), summaries, len(tested), corrected, level, spent + level)


def _carried(fits: Sequence[FitRecord]) -> list[list[Finding]]:
    """Of each fit, whether some layer carries each dimension: against the best that permuted labels give in any fit.

    Several fits are more chances to find something, so the largest CCC under a permutation is taken over all of them.
    """
    of_fits = {fit.folder: of_ridge(fit) for fit in fits if has_ridge(fit)}
    of_dimensions, of_categories = (_together([own[place] for own in of_fits.values()]) for place in (1, 3))
    found: list[list[Finding]] = []
    for fit in fits:
        if not has_ridge(fit):
            found.append([])
            continue
        scores, nulls, classified, class_nulls = of_fits[fit.folder]
        permuted = of_dimensions if nulls is not None and len(nulls) else nulls
        permuted_classes = of_categories if class_nulls is not None and len(class_nulls) else class_nulls
        found.append(carried_findings(scores, permuted, classified, permuted_classes))
    return found


def _together(nulls: Sequence[pd.DataFrame | None]) -> pd.DataFrame:
    """What permuted labels give in some fits, of as many permutations as all of them have."""
    known = [own for own in nulls if own is not None and len(own)]
    number = min((own.permutation.nunique() for own in known), default=0)
    return pd.concat([own[own.permutation < number] for own in known]) if known else pd.DataFrame()


def _settled_anew(findings: Sequence[Finding], level: float) -> list[Finding]:
    """Claims that have been settled in several reports, settled as those of one."""
    fresh = [_unsettled(one) for one in findings]
    return [_marked(one) for one in settled(fresh, level)]


def _unsettled(finding: Finding) -> Finding:
    if finding.adjusted is None:
        return finding
    note = "; ".join(part for part in finding.note.split("; ") if part not in (_ONE_SEED, SELECTED_ON))
    return replace(finding, verdict=UNTESTED, adjusted=None, note=note)


def _marked(finding: Finding) -> Finding:
    """Development was selected on, which a verdict on it must say."""
    if finding.on != DEVELOPMENT or finding.verdict == UNTESTED or SELECTED_ON in finding.note:
        return finding
    return replace(finding, note="; ".join(part for part in (finding.note, SELECTED_ON) if part))
