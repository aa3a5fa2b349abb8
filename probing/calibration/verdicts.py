"""How often a report says what is not so, and how often it finds what is there.

Corpora are drawn at random from a population in which the systems' true scores, or the true curves over layers, are
known, and go through the very functions that write a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from probing.calibration.reports import DISTILLED, FULL, SYSTEMS, Scores, Setting, exact, reports
from probing.calibration.simulated import SEED_SPREAD, Drawn, Floats, speakers
from probing.calibration.trials import Identity
from probing.corpus.model import EMOTIONS, TEST2
from probing.files import digest
from probing.report.findings import system_findings
from probing.statistics.curves import Curve, r2_curve
from probing.statistics.layers import carried_claim, layer_findings
from probing.statistics.verdicts import FAILS, HOLDS, OPEN, Finding

LOSES = "the distilled loses valence"  # the claim whose power is measured
DEEPER = "valence lies deeper than arousal"
_AT_ONCE = 50
_FEWER = 4  # times, where a rate need not be known to a per cent
_STATES = 13
_DEPTHS = np.arange(_STATES)
_SAME = {"arousal": 0.6, "valence": 0.6, "dominance": 0.5}
_AT_MARGIN = 0.05  # how much worse is still on par
_TINY = 1e-6  # a number that is as near to the bound lies on it


def cells(corpora: int) -> Iterator[Identity]:
    """What is tried: reports on systems that do not differ, on some that do, and claims about layers.

    Args:
        corpora: Number of corpora of a cell; a fourth of them where power is measured.
    """
    for number, sizes, seeds in product((20, 60), ("equal", "unequal"), (1, 3, 5)):
        # With one seed there is no verdict, whatever is drawn: fewer show it as well.
        yield _reports(corpora if seeds > 1 else corpora // _FEWER, "no difference", number, sizes, seeds)
        if sizes == "equal" and seeds > 1:
            yield _reports(corpora, "at the margin", number, sizes, seeds)
    for seeds in (3, 5):
        yield {**_reports(corpora, "no difference", 60, "equal", seeds), "seed spread": 0.02}
    for level, (seeds, gap) in product((0.6, 0.75, 0.88), ((3, 0.12), (3, 0.07), (5, 0.07))):
        powers = _reports(corpora // _FEWER, "the distilled is worse", 60, "equal", seeds)
        yield {**powers, "level": level, "gap": gap}
    for number, truth in product((8, 20, 60), ("flat", "apart")):
        yield {"report": "layers", "truth": truth, "speakers": number, "sizes": "unequal", "corpora": corpora}


def _reports(corpora: int, truth: str, number: int, sizes: str, seeds: int) -> Identity:
    spread = {"seed spread": SEED_SPREAD, "level": _SAME["valence"], "gap": 0.0}
    who = {"speakers": number, "sizes": sizes, "seeds": seeds, "corpora": corpora}
    return {"report": "systems", "truth": truth, **who, **spread}


def judge(cell: Identity) -> dict[str, Any]:
    """What the reports of a cell say.

    Returns:
        Of `corpora` reports those with a false "holds" (`false holds`), any false verdict (`false`), any verdict at all
        (`any`), and the number of verdicts "holds" on the claim whose power is measured (`found`, of `tested`).
    """
    generator = np.random.default_rng(int(digest(dict(cell))[:15], 16))
    return _systems(cell, generator) if cell["report"] == "systems" else _layers(cell, generator)


def _systems(cell: Identity, generator: np.random.Generator) -> dict[str, Any]:
    who = speakers(cell["speakers"], cell["sizes"] == "unequal")
    setting = Setting(_scores(cell), cell["seeds"], who, cell["seed spread"])
    true = {(one.claim, one.on): _truth(one) for one in system_findings(exact(setting), FULL, DISTILLED)}
    count = _Count()
    for start in range(0, cell["corpora"], _AT_ONCE):
        for records in reports(setting, min(_AT_ONCE, cell["corpora"] - start), generator):
            found = system_findings(records, FULL, DISTILLED)
            count.add(found, [true[one.claim, one.on] for one in found], LOSES)
    return count.result()


def _scores(cell: Identity) -> Scores:
    lost = _AT_MARGIN if cell["truth"] == "at the margin" else cell["gap"]
    found = {system: {**_SAME, "valence": cell["level"]} for system in SYSTEMS}
    for system in SYSTEMS:
        if system.startswith(DISTILLED):
            lower = EMOTIONS if cell["truth"] == "at the margin" else ("valence",)
            found[system] |= {dimension: found[system][dimension] - lost for dimension in lower}
    return found


def _truth(finding: Finding) -> str:
    """What a report without chance would have to say; `OPEN` where the truth lies on the bound."""
    if finding.value is None or abs(finding.value - finding.bound) < _TINY:
        return OPEN
    return HOLDS if (finding.value > finding.bound) == finding.above else FAILS


class _Count:
    def __init__(self) -> None:
        self._reports = {"false holds": 0, "false": 0, "any": 0}
        self._found = self._tested = 0

    def add(self, found: Sequence[Finding], true: Sequence[str], wanted: str) -> None:
        """Count one report."""
        given = [one.verdict for one in found]
        decided = [verdict in (HOLDS, FAILS) for verdict in given]
        false = [said and verdict != truth for said, verdict, truth in zip(decided, given, true, strict=True)]
        self._reports["false holds"] += any(
            wrong and verdict == HOLDS for wrong, verdict in zip(false, given, strict=True)
        )
        self._reports["false"] += any(false)
        self._reports["any"] += any(decided)
        own = [one.verdict == HOLDS for one in found if one.claim == wanted]
        self._found, self._tested = self._found + sum(own), self._tested + len(own)

    def result(self) -> dict[str, Any]:
        """As `judge` returns it."""
        return {**self._reports, "found": self._found, "tested": self._tested}


def _layers(cell: Identity, generator: np.random.Generator) -> dict[str, Any]:
    """Claims about layers of dimensions that are carried."""
    who = speakers(cell["speakers"], cell["sizes"] == "unequal")
    true = _curves(cell["truth"])
    carried = [Finding(carried_claim(dimension), TEST2, verdict=HOLDS) for dimension in true]
    expected = [_truth(one) for one in layer_findings(_without_chance(true), carried, "0")]
    count = _Count()
    for start in range(0, cell["corpora"], _AT_ONCE):
        drawn = Drawn(who, min(_AT_ONCE, cell["corpora"] - start), generator)
        predicted = {dimension: drawn.layers(true_L) for dimension, true_L in true.items()}
        names = who.names()
        for place in range(drawn.corpora):
            curves = {
                dimension: r2_curve(range(_STATES), drawn.truth_RN[place], own[place], np.zeros(len(names)), names)
                for dimension, own in predicted.items()
            }
            count.add(layer_findings(curves, carried, "0"), expected, DEEPER)
    return count.result()


def _curves(truth: str) -> dict[str, Floats]:
    """True R² of each layer: the same in every layer, or valence some four layers deeper than arousal."""
    if truth == "flat":
        return {"arousal": np.full(_STATES, 0.2), "valence": np.full(_STATES, 0.2)}
    return {
        "arousal": 0.05 + 0.25 * np.exp(-((_DEPTHS - 4) ** 2) / 18),
        "valence": 0.05 + 0.35 * np.exp(-((_DEPTHS - 9) ** 2) / 18),
    }


def _without_chance(true: dict[str, Floats]) -> dict[str, Curve]:
    """Curves whose numbers are the true ones, and would be without any speaker too."""
    people = tuple(f"speaker{place}" for place in range(4))
    return {
        dimension: Curve(tuple(range(_STATES)), true_L, np.stack([true_L] * 4), np.ones(4), people)
        for dimension, true_L in true.items()
    }
