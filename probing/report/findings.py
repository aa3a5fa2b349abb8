"""The paper's findings about full systems, each stated as holding among some runs or not (sections 4.1 and 4.3).

A finding has its verdict from a test of its number against a bound; Holm's correction keeps the probability of any
false verdict in one report at 5 %. One training seed decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from probing.corpus.model import DEVELOPMENT
from probing.report.compared import names_of, paired, systems, tests_of
from probing.report.roles import Candidates, Roles, roles
from probing.runs import escapes
from probing.runs.printing import partition_title, seeds_of
from probing.runs.records import FinetuneRecord
from probing.statistics.verdicts import LEVEL, OPEN, UNTESTED, Finding, jointly, settled

MARGIN = 0.05  # of CCC: what counts as keeping up
SELECTED_ON = "judged on development, which the trainings were selected on"
_THREE = ("arousal", "valence", "dominance")
_NOT_THERE = "its systems are not among the runs"
_NAMES = {"claim": "finding", "on": "partition", "of": "systems"}  # a finding's fields → columns of the table
_COLUMNS = ["finding", "partition", "systems", "measure", "bound", "above", "value", "low", "high", "p", "adjusted"]
_COLUMNS += ["seeds", "verdict", "note"]


@dataclass(frozen=True)
class Claim:
    """A finding of the paper as a number that can be measured.

    Args:
        finding: What is claimed.
        roles: Candidates for each of the runs that it needs.
        measure: What is measured, for the reader.
        untested: Why it is not tested where a role is not filled.
        coefficients: Of each run's CCC in the number.
        bound: What the number is held against.
        above: Whether it holds above the bound, or below it.
        dimensions: Of which dimension; of several, all must lie on the claim's side.
    """

    finding: str
    roles: tuple[Candidates, ...]
    measure: str
    untested: str
    coefficients: tuple[float, ...] = (1, -1)
    bound: float = 0.0
    above: bool = True
    dimensions: tuple[str, ...] = ("valence",)


def system_findings(
    records: Sequence[FinetuneRecord], teacher: str | None = None, student: str | None = None
) -> list[Finding]:
    """Every finding on every test partition, with its verdict after Holm's correction over all of them.

    Args:
        records: Runs on one corpus, in any order.
        teacher: The audio encoder that is the full one (`probing.report.roles.roles`).
        student: The one that is the distilled one.

    Returns:
        One for each partition and claim. One whose systems are not among the runs, or not known, is not tested, and
        `note` says why; one is undecided where two runs could fill a role, or a system has one training seed.

    Raises:
        OptionError: As `roles`.
    """
    names, claims = names_of(systems(records)), _claims(roles(records, teacher, student))
    found = settled([_measured(claim, partition, names) for partition in tests_of(records) for claim in claims])
    return [_marked(one) if one.on == DEVELOPMENT and one.verdict != UNTESTED else one for one in found]


def findings(records: Sequence[FinetuneRecord], teacher: str | None = None, student: str | None = None) -> pd.DataFrame:
    """The findings of `system_findings` as a table.

    Returns:
        finding, partition, systems, measure, bound, above, value, low, high (95 %, not adjusted), p, adjusted (Holm),
        seeds, verdict, note.

    Raises:
        OptionError: As `roles`.
    """
    found = system_findings(records, teacher, student)
    table = pd.DataFrame([vars(one) for one in found]).rename(columns=_NAMES)[_COLUMNS]
    return table.astype(dict.fromkeys(("value", "low", "high", "p", "adjusted", "seeds"), float))


def markdown(found: pd.DataFrame, corpus: str) -> str:
    """The findings as a list, with what the verdicts are corrected for."""
    tested = int(found.adjusted.notna().sum())
    said = (
        f"Verdicts are corrected for the {tested} claims tested here (Holm): one false verdict or more in at most "
        f"{100 * LEVEL:g} % of such reports. Intervals are 95 % each and not corrected. One training seed decides "
        "nothing."
    )
    lines = [f"## The paper's findings on {escapes.markdown(corpus)}", *(["", said, ""] if tested else [])]
    for row in found.itertuples():
        claim, reason = (escapes.markdown(text) for text in (row.finding, _reason(row)))
        lines.append(f"- {escapes.markdown(partition_title(row.partition))}: {claim}: **{row.verdict}** ({reason})")
    return "\n".join(lines) + "\n"


def _measured(claim: Claim, partition: str, names: Mapping[Path, str]) -> Finding:
    finding = Finding(claim.finding, partition, claim.measure, bound=claim.bound, above=claim.above)
    everyone = [record for candidates in claim.roles for record in candidates]
    if not all(claim.roles):
        return replace(finding, note=claim.untested)
    lacking = [name for name in claim.dimensions if any(name not in r.system.dimensions for r in everyone)]
    if lacking:
        return replace(finding, note=f"not all of its systems estimate {' and '.join(lacking)}")
    for candidates in claim.roles:
        if len(candidates) > 1:
            return replace(finding, verdict=OPEN, note=_ambiguous(candidates, names))
    return replace(_number(finding, claim, everyone), of=" · ".join(names[record.folder] for record in everyone))


def _number(finding: Finding, claim: Claim, everyone: Sequence[FinetuneRecord]) -> Finding:
    """What was measured; of several dimensions that which decides."""
    found = [paired(everyone, claim.coefficients, dimension, finding.on) for dimension in claim.dimensions]
    p_values = [one.p_value(claim.bound) for one in found]
    values = [one.value for one in found]
    value, p = jointly(values, claim.bound, claim.above, p_values)
    place = values.index(value)
    decisive = f"; {claim.dimensions[place]} decides" * (len(found) > 1)
    own = found[place]
    return replace(
        finding,
        measure=claim.measure + decisive,
        value=value,
        low=own.low,
        high=own.high,
        p=p,
        seeds=min(one.seeds for one in found),
    )


def _ambiguous(candidates: Candidates, names: Mapping[Path, str]) -> str:
    said = "several runs could be meant: " + " or ".join(names[record.folder] for record in candidates)
    several = len({record.system.audio for record in candidates}) > 1
    return said + "; --teacher and --student say which encoder" * several


def _marked(finding: Finding) -> Finding:
    return replace(finding, note="; ".join(note for note in (finding.note, SELECTED_ON) if note))


def _claims(who: Roles) -> list[Claim]:
    small_audio, full_audio = _of(who.audio, who.distilled), _of(who.audio, who.full)
    small_both, full_both = _of(who.both, who.distilled), _of(who.both, who.full)
    small = who.unknown.get("distilled", _NOT_THERE)
    pair = who.unknown.get("distilled", who.unknown.get("full", _NOT_THERE))
    claims = [
        Claim(
            "the distilled keeps arousal",
            (small_audio, full_audio),
            "arousal, distilled − full, audio alone",
            pair,
            bound=-MARGIN,
            dimensions=("arousal",),
        ),
        Claim(
            "the distilled loses valence",
            (small_audio, full_audio),
            "valence, distilled − full, audio alone",
            pair,
            above=False,
        ),
        Claim(
            "text gives valence back to the distilled",
            (small_both, small_audio),
            "valence, distilled, with text − without",
            small,
        ),
        Claim(
            "text gives the distilled more than the full",
            (small_both, small_audio, full_both, full_audio),
            "valence, gain of the distilled − gain of the full",
            pair,
            coefficients=(1, -1, -1, 1),
        ),
        Claim(
            "with text the distilled is on par with the full",
            (small_both, full_both),
            "valence, distilled − full, both with text",
            pair,
            bound=-MARGIN,
        ),
        Claim(
            "with text the distilled is on par with the full in all three dimensions",
            (small_both, full_both),
            "the three dimensions, distilled − full, both with text",
            pair,
            bound=-MARGIN,
            dimensions=_THREE,
        ),
    ]
    for encoder in sorted({*who.both, *who.frozen}) or [""]:
        claims.append(
            Claim(
                f"fine-tuning beats FT⇒FRZ ({encoder or 'no system with text'})",
                (_of(who.both, (encoder,)), _of(who.frozen, (encoder,))),
                "valence, FT − FT⇒FRZ, with text",
                _NOT_THERE,
            )
        )
    return claims


def _of(runs: Mapping[str, Candidates], encoders: Sequence[str]) -> Candidates:
    return tuple(record for encoder in encoders for record in runs.get(encoder, ()))


def _reason(row: Any) -> str:
    if pd.isna(row.value):
        return str(row.note)
    ends = f"[{row.low:+.3f}, {row.high:+.3f}]" if pd.notna(row.low) else "[no interval]"
    parts = [f"{row.measure}: {row.value:+.3f} {ends}", seeds_of(int(row.seeds))]
    parts += [_p_value(row.adjusted)] if pd.notna(row.adjusted) else []
    holds = f"; holds {'above' if row.above else 'below'} {row.bound:+.2f}"
    return ", ".join(parts) + holds + f"; {row.note}" * bool(row.note)


def _p_value(adjusted: float) -> str:
    return "corrected p < 0.001" if adjusted < 0.001 else f"corrected p = {adjusted:.2g}"
