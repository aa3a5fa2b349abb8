"""How far a cache is a corpus's own, by ids, checksums and lengths."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.errors import CacheError
from probing.extraction.matching import Known, Match, best

KNOWN = Known(["a", "b", "c"], {"a": 1, "b": 2, "c": 3}, {"a": 10, "b": 20, "c": 30})
ALL = {"a": (10, 1), "b": (20, 2), "c": (30, 3)}


def match(held: dict[str, tuple[int, int]], known: Known = KNOWN, damage: CacheError | None = None) -> Match:
    """A cache that holds this."""
    return Match(Path(str(len(held))), known, held, damage)


@pytest.mark.parametrize(
    ("held", "own", "changed", "lacking"),
    [
        (ALL, True, False, []),
        (ALL | {"d": (40, 4)}, True, False, []),  # the corpus was larger once
        ({"a": (10, 1)}, True, False, ["b", "c"]),
        ({}, False, False, ["a", "b", "c"]),
        ({"d": (40, 4)}, False, False, ["a", "b", "c"]),
        ({"a": (10, 9), "b": (20, 9), "c": (30, 9)}, False, False, []),  # all is other: another corpus
        (ALL | {"b": (20, 9)}, False, True, []),  # less than half is other: it has changed
        (ALL | {"b": (21, 0)}, False, True, []),  # by length, where no checksum is known
        ({"a": (10, 1), "b": (20, 9), "c": (30, 9)}, False, False, []),  # most is other: another corpus
        ({"a": (10, 1), "b": (20, 9)}, False, False, ["c"]),  # no majority
        ({"a": (10, 0), "b": (20, 0), "c": (30, 0)}, True, False, []),
        ({"a": (11, 0)}, False, False, ["b", "c"]),
        ({"a": (99, 1)}, True, False, ["b", "c"]),  # equal bytes are equal whatever a decoder makes of them
    ],
)
def test_what_both_have_decides(held: dict[str, tuple[int, int]], own: bool, changed: bool, lacking: list[str]) -> None:
    """All that both have is the same, most of it, less, none of it, or they have nothing in common."""
    found = match(held)
    assert (found.own, found.changed, found.lacking) == (own, changed, lacking)


def test_what_is_not_known_does_not_decide() -> None:
    """Without the audio, ids tell."""
    found = match({"a": (10, 9), "b": (20, 9)}, Known(["a", "b"], {}))
    assert found.own and not found.equal and not found.other


@pytest.mark.parametrize(
    ("held", "checksums", "unproven"),
    [
        ({"a": (10, 9), "b": (20, 9)}, {}, True),
        ({"a": (10, 9), "b": (20, 0)}, {"b": 2}, True),  # what is known of both does not meet
        ({"a": (10, 1), "b": (20, 9)}, {"a": 1}, False),  # one file is proof
        ({"a": (10, 0), "b": (20, 0)}, {}, False),  # the cache does not know what it was made from
        ({"a": (10, 9), "b": (20, 9)}, {"a": 1}, False),  # certainly another's
        ({"d": (40, 4)}, {}, False),
    ],
)
def test_ids_alone_prove_nothing(held: dict[str, tuple[int, int]], checksums: dict[str, int], unproven: bool) -> None:
    """Two corpora of one name may have the same ids."""
    assert match(held, Known(["a", "b"], checksums)).unproven == unproven


def test_what_only_ids_speak_for_comes_after_what_is_proven() -> None:
    """Even if it holds more."""
    known = Known(["a", "b", "c"], {"a": 1})
    proven, unproven = match({"a": (10, 1)}, known), match({"b": (20, 9), "c": (30, 9)}, known)
    assert best([unproven, proven]) is proven and best([unproven]) is unproven


def test_the_best_is_the_corpus_s_own_with_most_of_it() -> None:
    """Before one that has changed, and that before one that cannot be read; none where all are other corpora's."""
    small, whole, changed = match({"a": (10, 1)}), match(ALL), match(ALL | {"b": (20, 9)})
    damaged, foreign = match({}, damage=CacheError("x", code="cache-damaged")), match({"d": (1, 1)})
    assert best([foreign, damaged, changed, small, whole]) is whole
    assert best([foreign, damaged, changed, small]) is small
    assert best([foreign, damaged, changed]) is changed
    assert best([foreign, damaged]) is damaged
    assert best([foreign]) is None and best([]) is None
