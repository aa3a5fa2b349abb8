"""Which of a fit's probes stand for it, wherever one score, estimate or matrix is shown of each target.

They are those with learned layer weights; where a fit has none (`--layers each`), those of the single layer that is
best on development; where it has only ridge probes (`--head ridge`), those of the layer with the highest
cross-validated R². A full system has one kind of estimate, which stands for it.

Scores of records name their probes, and these names are written and read here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from probing.runs.entries import CategoryScore, Score

WEIGHTED, SINGLE, RIDGE = "weighted", "single", "ridge"  # kinds, as in scores.csv and in files of probes
_ORDER = (None, WEIGHTED, SINGLE, RIDGE)  # those first that stand for a run; None: a full system
_WRITTEN = {SINGLE: "best layer: {}", RIDGE: "ridge, layer {}"}
_READ = {kind: re.compile(re.escape(name).replace(r"\{\}", r"(-?\d{1,6})")) for kind, name in _WRITTEN.items()}
_Score = TypeVar("_Score", Score, CategoryScore)
Probe = tuple[str | None, int | None]  # kind and layer; a full system has no kind, and a weighted sum no layer


def probe_name(kind: str, layer: int | None = None) -> str:
    """The name of a probe in a record's scores.

    >>> probe_name("weighted"), probe_name("single", 3), probe_name("ridge", -1)
    ('weighted', 'best layer: 3', 'ridge, layer -1')
    """
    return _WRITTEN[kind].format(layer) if kind in _WRITTEN else kind


def probe_named(name: str | None) -> Probe:
    """Kind and layer of a probe of which a record has the name.

    >>> probe_named("best layer: 3"), probe_named("weighted"), probe_named(None)
    (('single', 3), ('weighted', None), (None, None))
    """
    for kind, pattern in _READ.items():
        if found := pattern.fullmatch(name or ""):
            return kind, int(found[1])
    return name, None


def standing_kind(kinds: Iterable[str | None]) -> str | None:
    """Of several kinds of probes the one that stands for the fit; None of a full system.

    Raises:
        ValueError: None of them stands for anything.

    >>> standing_kind(["ridge", "single"]), standing_kind(["ridge", "single", "weighted", "shuffled"])
    ('single', 'weighted')
    """
    there = {*kinds}
    for kind in _ORDER:
        if kind in there:
            return kind
    raise ValueError(f"no kind of probe stands for a fit among {sorted(map(str, there))}")


def standing(scores: Sequence[_Score]) -> list[_Score]:
    """The scores, among some of a record, of the probes that stand for it."""
    kinds = {probe_named(score.probe)[0] for score in scores}
    if not kinds & {*_ORDER}:
        return []
    kind = standing_kind(kinds)
    return [score for score in scores if probe_named(score.probe)[0] == kind]
