"""Kills, full disks, damaged and hostile files: a command refuses, or its result is the same; see `make faults`."""

from __future__ import annotations

import random
import sys

import pytest
from faults.child import Ended
from faults.gate import available
from faults.mutations import damaged
from faults.outcomes import WRONG, End, Outcome, crashed, judged, table
from faults.pool import tried
from faults.trials import Trial

_SHORT = (
    *(Trial("kills", "extract", (number,)) for number in (2, 11, 19)),
    Trial("kills", "fit", (9,)),
    Trial("full", "extract", (4,)),
    Trial("pairs", "extract + extract", ("extract", "extract", 0)),
    Trial("hostile", "auto_map", (0,)),
    Trial("hostile", "pickle", (0,)),
    *(Trial("damage", format_, (0,)) for format_ in ("flac", "ogg")),
)
_NAMES = ("extract", "fit")


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="needs Linux's seccomp notifications")
def test_a_short_form_of_make_faults_finds_nothing_wrong() -> None:
    """Some trials of every kind, with real commands; each that went wrong is named."""
    outcomes, left = tried(_SHORT, 1, 1500, lambda line: print(line, file=sys.stderr), names=_NAMES)
    assert not [f"{one.end} {one.trial}: {one.detail}" for one in outcomes if one.end in WRONG]
    assert not left and len(outcomes) == 8 + 2 * 10
    assert {End.REFUSED, End.SAME} <= {one.end for one in outcomes}


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="needs Linux's seccomp notifications")
@pytest.mark.parametrize("kind", ["kills", "pairs", "full", "hostile", "damage"])
def test_every_tenth_trial_of_make_faults_finds_nothing_wrong(kind: str) -> None:
    """Of the full form, which `make faults` runs."""
    from faults.__main__ import planned

    outcomes, left = tried(planned([kind], 0, 0.1), 2, 1500, lambda line: print(line, file=sys.stderr))
    assert not [f"{one.end} {one.trial}: {one.detail}" for one in outcomes if one.end in WRONG] and not left


def ended(status: int = 0, err: str = "", **changes: object) -> Ended:
    """An end with nothing remarkable but what is given."""
    return Ended(**{"status": status, "out": "", "err": err, "peak": 0, "seconds": 1.0, "hung": ""} | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (ended(1, "Traceback (most recent call last):\n  x\nValueError: y"), End.TRACEBACK),
        (ended(-11), End.TRACEBACK),
        (ended(1, ""), End.TRACEBACK),
        (ended(hung="not done after 150 s"), End.HANG),
        (ended(peak=3 << 30), End.MEMORY),
        (ended(1, "Error: it is damaged\n  What to do: copy it again"), End.REFUSED),
        (ended(err="note: x.wav is read to its end"), End.TOLD),
        (ended(), End.SILENT),
    ],
)
def test_how_a_command_ended_is_told_from_what_is_seen(end: Ended, found: End) -> None:
    """Its result is another one, and the damaged file is `x.wav`."""
    assert judged(end, "other a.csv", ["x.wav"])[0] is found
    assert (found in WRONG) is (crashed(end) is not None or found is End.SILENT)


def test_damage_that_no_reader_can_see_is_apart_only_where_the_result_differs() -> None:
    """A refusal stays one, and what is the same is the same."""
    assert judged(ended(), "other a.csv", [], unseen=True)[0] is End.UNSEEN
    assert judged(ended(), "", [], unseen=True)[0] is End.SAME
    assert judged(ended(1, "Error: no"), "", [], unseen=True)[0] is End.REFUSED


@pytest.mark.parametrize("name", ["a.wav", "a.json", "a.csv", "a.h5"])
def test_damage_is_seeded_and_changes_the_content(name: str) -> None:
    """The first and the last byte that differ are told."""
    content = b'{"a,b": [1, 2.5, "x"],\n "c": {"d": null}}\n' * (1 if name.endswith("json") else 9)
    for seed in range(60):
        found = damaged(name, content, random.Random(seed))
        assert found == damaged(name, content, random.Random(seed)) and found.content != content
        first, last = found.places
        assert found.content[:first] == content[:first] and first <= last


def test_the_table_counts_every_outcome() -> None:
    """By kind and group."""
    outcomes = [Outcome("kills", "fit", "a", End.SAME), Outcome("damage", "wav", "b", End.SILENT)]
    lines = table(outcomes).splitlines()
    assert lines[0].split() == ["kind", "of", "tried", *(end.value for end in End)]
    assert lines[-1].split() == ["all", "2", "1", "1"] and len(lines) == 7
