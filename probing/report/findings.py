"""The paper's findings about full systems, each stated as holding among some runs or not (sections 4.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probing.report.table1 import dimensions_of, model_name, tests_of
from probing.runs.records import Record
from probing.statistics.paired import contrast

MARGIN = 0.05  # of CCC: what counts as keeping up
HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "undecided", "not tested"


@dataclass(frozen=True)
class Roles:
    """The runs that the findings are about, by audio encoder.

    Args:
        audio: Audio alone, fine-tuned: encoder → run.
        both: Audio and text, fine-tuned.
        frozen: Audio and text, FT⇒FRZ.
        full: The largest audio encoder that was fine-tuned alone.
        distilled: The smallest.
    """

    audio: dict[str, Record]
    both: dict[str, Record]
    frozen: dict[str, Record]
    full: str | None
    distilled: str | None


def roles(records: Sequence[Record]) -> Roles:
    """Find who is who; controls on permuted labels have no role."""
    real = [record for record in records if not record["shuffled"]]

    def chosen(modality: str, regime: str) -> dict[str, Record]:
        return {
            record["system"]["audio"]: record
            for record in real
            if record["system"]["modality"] == modality and record["system"]["regime"] == regime
        }

    audio = chosen("audio", "FT")
    by_size = sorted(audio, key=lambda name: audio[name]["system"]["parameters"])
    several = len(by_size) > 1
    return Roles(
        audio,
        chosen("audio+text", "FT"),
        chosen("audio+text", "FT⇒FRZ"),
        by_size[-1] if several else None,
        by_size[0] if several else None,
    )


def findings(records: Sequence[Record]) -> pd.DataFrame:
    """Every finding on every test partition.

    Returns:
        finding, partition, systems, measure, bound, value, low, high, seeds, verdict. A finding holds where the 95 %
        interval lies beyond the bound, does not where it lies on its other side, and is undecided where it covers it.
        One whose systems are not among the runs is not tested.
    """
    who = roles(records)
    rows = []
    for partition in tests_of(records):
        for name, needed, measure, combine, dimension, bound, above in _claims(who):
            row = {"finding": name, "partition": partition, "measure": measure, "bound": bound}
            if None in needed or dimension not in dimensions_of(records):
                rows.append(row | {"verdict": UNTESTED})
                continue
            runs = [record for record in needed if record is not None]
            found = contrast(runs, combine, dimension, partition)
            beyond = (found.low > bound, found.high < bound)
            holds, fails = beyond if above else beyond[::-1]
            rows.append(
                row
                | {
                    "systems": " · ".join(model_name(record) for record in runs),
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "seeds": found.seeds,
                    "verdict": HOLDS if holds else FAILS if fails else OPEN,
                }
            )
    columns = ["finding", "partition", "systems", "measure", "bound", "value", "low", "high", "seeds", "verdict"]
    return pd.DataFrame(rows).reindex(columns=columns)


_Claim = tuple[str, list[Record | None], str, Callable[..., np.ndarray], str, float, bool]


def _claims(who: Roles) -> list[_Claim]:
    """Finding, the runs that it needs, what is measured, how, of which dimension, the bound, and whether above it."""
    full, small = who.full or "", who.distilled or ""
    small_a, full_a = who.audio.get(small), who.audio.get(full)
    small_b, full_b = who.both.get(small), who.both.get(full)
    claims: list[_Claim] = [
        (
            "the distilled keeps arousal",
            [small_a, full_a],
            "arousal, distilled − full, audio alone",
            np.subtract,
            "arousal",
            -MARGIN,
            True,
        ),
        (
            "the distilled loses valence",
            [small_a, full_a],
            "valence, distilled − full, audio alone",
            np.subtract,
            "valence",
            0.0,
            False,
        ),
        (
            "text gives valence back to the distilled",
            [small_b, small_a],
            "valence, distilled, with text − without",
            np.subtract,
            "valence",
            0.0,
            True,
        ),
        (
            "text gives the distilled more than the full",
            [small_b, small_a, full_b, full_a],
            "valence, gain of the distilled − gain of the full",
            lambda a, b, c, d: (a - b) - (c - d),
            "valence",
            0.0,
            True,
        ),
        (
            "with text the distilled is on par with the full",
            [small_b, full_b],
            "valence, distilled − full, both with text",
            np.subtract,
            "valence",
            -MARGIN,
            True,
        ),
    ]
    for encoder in [*who.audio] or [""]:
        claims.append(
            (
                f"fine-tuning beats FT⇒FRZ ({encoder or 'no audio system'})",
                [who.both.get(encoder), who.frozen.get(encoder)],
                "valence, FT − FT⇒FRZ, with text",
                np.subtract,
                "valence",
                0.0,
                True,
            )
        )
    return claims


def markdown(found: pd.DataFrame, corpus: str) -> str:
    """The findings as a list."""
    lines = [f"## The paper's findings on {corpus}"]
    for row in found.itertuples():
        if row.verdict == UNTESTED:
            lines.append(f"- {row.partition}: {row.finding}: **{UNTESTED}** (its systems are not among the runs)")
            continue
        seeds = f"{row.seeds:.0f} seed{'s' * (row.seeds > 1)}"
        side = "below" if row.finding == "the distilled loses valence" else "above"
        lines.append(
            f"- {row.partition}: {row.finding}: **{row.verdict}** ({row.measure}: {row.value:+.3f} "
            f"[{row.low:+.3f}, {row.high:+.3f}], {seeds}; holds {side} {row.bound:+.2f})"
        )
    return "\n".join(lines) + "\n"
