"""The paper's findings about full systems, each stated as holding among some runs or not (sections 4.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from probing.report.compared import names_of, paired, systems, tests_of
from probing.runs.printing import seeds_of
from probing.runs.records import FinetuneRecord
from probing.statistics.paired import Contrast

MARGIN = 0.05  # of CCC: what counts as keeping up
HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "undecided", "not tested"
_COLUMNS = ["finding", "partition", "systems", "measure", "bound", "above", "value", "low", "high", "seeds"]

Candidates = tuple[FinetuneRecord, ...]  # the runs that could fill a role: one, or none, or too many


@dataclass(frozen=True)
class Roles:
    """The runs that the findings are about, by audio encoder; controls have no role.

    Args:
        audio: Audio alone, fine-tuned: encoder → runs.
        both: Audio and text, fine-tuned.
        frozen: Audio and text, FT⇒FRZ.
        full: The audio encoder whose system is the largest of those fine-tuned alone; several if they are of one size,
            none where all are of one size.
        distilled: That of the smallest.
    """

    audio: Mapping[str, Candidates]
    both: Mapping[str, Candidates]
    frozen: Mapping[str, Candidates]
    full: tuple[str, ...]
    distilled: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A finding of the paper as a number that can be measured.

    Args:
        finding: What is claimed.
        roles: Candidates for each of the runs that it needs.
        measure: What is measured, for the reader.
        coefficients: Of each run's CCC in the number.
        bound: What the number is held against.
        above: Whether it holds above the bound, or below it.
        dimension: Of which dimension.
    """

    finding: str
    roles: tuple[Candidates, ...]
    measure: str
    coefficients: tuple[float, ...] = (1, -1)
    bound: float = 0.0
    above: bool = True
    dimension: str = "valence"


def roles(records: Sequence[FinetuneRecord]) -> Roles:
    """Find who is who; controls, on permuted labels or random weights, have no role."""
    real = [record for record in systems(records) if not (record.shuffled or record.system.random)]

    def chosen(modality: str, regime: str) -> dict[str, Candidates]:
        own = [r for r in real if (r.system.modality, r.system.regime) == (modality, regime)]
        encoders = dict.fromkeys(str(record.system.audio) for record in own)
        return {name: tuple(r for r in own if r.system.audio == name) for name in encoders}

    audio = chosen("audio", "FT")
    sizes = {name: min(record.system.parameters for record in own) for name, own in audio.items()}
    low, high = (min(sizes.values()), max(sizes.values())) if sizes else (0, 0)
    full = tuple(name for name, size in sizes.items() if size == high > low)
    distilled = tuple(name for name, size in sizes.items() if size == low < high)
    return Roles(audio, chosen("audio+text", "FT"), chosen("audio+text", "FT⇒FRZ"), full, distilled)


def findings(records: Sequence[FinetuneRecord]) -> pd.DataFrame:
    """Every finding on every test partition.

    Args:
        records: Runs on one corpus, in any order.

    Returns:
        finding, partition, systems, measure, bound, above, value, low, high, seeds, verdict, note. A finding holds
        where the 95 % interval lies beyond the bound (above it, or below where `above` is false), does not where it
        lies on its other side, and is undecided where it covers it. One whose systems are not among the runs is not
        tested; one is undecided too where two runs could fill a role, and `note` names them.
    """
    names, claims = names_of(systems(records)), _claims(roles(records))
    rows = [_row(claim, partition, names) for partition in tests_of(records) for claim in claims]
    return pd.DataFrame(rows).reindex(columns=[*_COLUMNS, "verdict", "note"])


def markdown(found: pd.DataFrame, corpus: str) -> str:
    """The findings as a list."""
    lines = [f"## The paper's findings on {corpus}"]
    for row in found.itertuples():
        lines.append(f"- {row.partition}: {row.finding}: **{row.verdict}** ({_reason(row)})")
    return "\n".join(lines) + "\n"


def _row(claim: Claim, partition: str, names: Mapping[Path, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"finding": claim.finding, "partition": partition, "measure": claim.measure}
    row |= {"bound": claim.bound, "above": claim.above, "note": ""}
    everyone = [record for candidates in claim.roles for record in candidates]
    if not all(claim.roles) or any(claim.dimension not in record.system.dimensions for record in everyone):
        return row | {"verdict": UNTESTED}
    for candidates in claim.roles:
        if len(candidates) > 1:
            said = " or ".join(names[record.folder] for record in candidates)
            return row | {"verdict": OPEN, "note": f"several runs could be meant: {said}"}
    found = paired(everyone, claim.coefficients, claim.dimension, partition)
    return row | {
        "systems": " · ".join(names[record.folder] for record in everyone),
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "seeds": found.seeds,
        "verdict": _verdict(claim, found),
    }


def _verdict(claim: Claim, found: Contrast) -> str:
    if found.low > claim.bound:
        return HOLDS if claim.above else FAILS
    if found.high < claim.bound:
        return FAILS if claim.above else HOLDS
    return OPEN


def _claims(who: Roles) -> list[Claim]:
    small_audio, full_audio = _of(who.audio, who.distilled), _of(who.audio, who.full)
    small_both, full_both = _of(who.both, who.distilled), _of(who.both, who.full)
    claims = [
        Claim(
            "the distilled keeps arousal",
            (small_audio, full_audio),
            "arousal, distilled − full, audio alone",
            bound=-MARGIN,
            dimension="arousal",
        ),
        Claim(
            "the distilled loses valence",
            (small_audio, full_audio),
            "valence, distilled − full, audio alone",
            above=False,
        ),
        Claim(
            "text gives valence back to the distilled",
            (small_both, small_audio),
            "valence, distilled, with text − without",
        ),
        Claim(
            "text gives the distilled more than the full",
            (small_both, small_audio, full_both, full_audio),
            "valence, gain of the distilled − gain of the full",
            coefficients=(1, -1, -1, 1),
        ),
        Claim(
            "with text the distilled is on par with the full",
            (small_both, full_both),
            "valence, distilled − full, both with text",
            bound=-MARGIN,
        ),
    ]
    for encoder in [*who.audio] or [""]:
        claims.append(
            Claim(
                f"fine-tuning beats FT⇒FRZ ({encoder or 'no audio system'})",
                (_of(who.both, (encoder,)), _of(who.frozen, (encoder,))),
                "valence, FT − FT⇒FRZ, with text",
            )
        )
    return claims


def _of(runs: Mapping[str, Candidates], encoders: Sequence[str]) -> Candidates:
    return tuple(record for encoder in encoders for record in runs.get(encoder, ()))


def _reason(row: Any) -> str:
    if row.verdict == UNTESTED:
        return "its systems are not among the runs"
    if row.note:
        return str(row.note)
    number = f"{row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
    side = "above" if row.above else "below"
    return f"{row.measure}: {number}, {seeds_of(int(row.seeds))}; holds {side} {row.bound:+.2f}"
