"""What becomes of a trial, and the table of all of them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from faults.child import MEMORY, Ended


class End(StrEnum):
    """How a trial ends; `WRONG` lists those that must not be."""

    REFUSED = "refused"  # not 0, with a message that says why and what to do
    SAME = "same"  # the result is what it would have been
    TOLD = "told"  # another result, and the command names the file that is the reason
    UNSEEN = "unseen"  # another result, of damage that no reader can see: it was put where there is no check
    SILENT = "silent"  # another result without a word
    TRACEBACK = "traceback"  # a traceback, a crash, or an exit status without a message
    HANG = "hang"  # neither output nor processor progress, or no end
    MEMORY = "memory"  # more than 2 GB
    LOST = "lost"  # finished work is gone, or cannot be finished any more


WRONG = (End.SILENT, End.TRACEBACK, End.HANG, End.MEMORY, End.LOST)


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Args:
        kind: Its kind: kills, pairs, full, damage, hostile.
        group: The command or format.
        trial: What was done, so that it can be done again.
        end: How it ended.
        detail: What shows it.
    """

    kind: str
    group: str
    trial: str
    end: End
    detail: str = ""


def crashed(ended: Ended) -> tuple[End, str] | None:
    """Whether a command ended as none may, whatever it was given."""
    if ended.hung:
        return End.HANG, ended.hung
    if ended.peak > MEMORY:
        return End.MEMORY, f"{ended.peak / 1e9:.1f} GB"
    said = ended.err + ended.out
    if "Traceback (most recent call last)" in said or ended.status < 0:
        last = [line for line in said.strip().splitlines() if line.strip()][-1:]
        return End.TRACEBACK, f"status {ended.status}: {''.join(last)[:300]}"
    if ended.status and not re.search(r"^(Error|error): |Error: ", ended.err, re.MULTILINE) and not _named(ended):
        return End.TRACEBACK, f"status {ended.status} without a message: {ended.err[-200:]!r}"
    return None


def _named(ended: Ended) -> bool:
    """`predict` goes on with other files, each that fails on a line of its own; `check` prints what is wrong."""
    said = re.search(r"^problems|^not verified|wrong", ended.out, re.MULTILINE)
    return said is not None or "What to do" in ended.err or bool(re.search(r"\d+ of \d+", ended.err))


def message(ended: Ended) -> str:
    """The first line of a refusal."""
    found = re.search(r"^.*Error: .*$", ended.err, re.MULTILINE)
    return (found[0] if found else ended.err.strip()[:200])[:300]


def judged(ended: Ended, different: str, names: Iterable[str], unseen: bool = False) -> tuple[End, str]:
    """How a command ended that read something damaged.

    Args:
        ended: Its end.
        different: How its result differs from the undisturbed one; empty where it does not.
        names: What a remark on stderr about the damage would name.
        unseen: Whether the damage lies where no reader can see it.
    """
    wrong = crashed(ended)
    if wrong:
        return wrong
    if ended.status:
        return End.REFUSED, message(ended)
    if not different:
        return End.SAME, ""
    if any(name in ended.err for name in names):
        return End.TOLD, ended.err[-300:]
    return (End.UNSEEN if unseen else End.SILENT), different


def counted(outcomes: Iterable[Outcome]) -> list[tuple[str, str, Counter[End]]]:
    """Kind, group and how many of its trials ended how; the groups of a kind stand together."""
    found: dict[tuple[str, str], Counter[End]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.kind, outcome.group), Counter())[outcome.end] += 1
    kinds = list(dict.fromkeys(kind for kind, _ in found))
    places = sorted(found, key=lambda place: (kinds.index(place[0]), place[1]))
    return [(kind, group, found[kind, group]) for kind, group in places]


def table(outcomes: Iterable[Outcome]) -> str:
    """How many trials of each kind and group ended how."""
    groups = counted(outcomes)
    rows = []
    for kind in dict.fromkeys(kind for kind, *_ in groups):
        own = [(group, counts) for one, group, counts in groups if one == kind]
        rows.append((kind, "all", sum((counts for _, counts in own), Counter())))
        rows += [("", group, counts) for group, counts in own]
    rows.append(("all", "", sum((counts for *_, counts in groups), Counter())))
    head = f"{'kind':8} {'of':26} {'tried':>6} " + " ".join(f"{end.value:>9}" for end in End)
    lines = [
        f"{kind:8} {group:26} {counts.total():>6} " + " ".join(f"{counts[end] or '':>9}" for end in End)
        for kind, group, counts in rows
    ]
    return "\n".join([head, "-" * len(head), *lines])


def write_csv(outcomes: Iterable[Outcome], path: Path) -> None:
    """Write the table for the README: kind, of, tried, then a column for each end."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "of", "tried", *End])
        writer.writerows(
            [kind, group, counts.total(), *(counts[end] for end in End)] for kind, group, counts in counted(outcomes)
        )
