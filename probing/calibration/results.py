"""What all trials found as one table of rates: figures/calibration.csv.

Shape legend: L layers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probing.calibration.recovery import IMPORTANCES, NORMED, RAW
from probing.calibration.trials import Result
from probing.calibration.worlds import NULL
from probing.runs.printing import seeds_of

COLUMNS = ("part", "quantity", "setting", "hits", "of", "rate", "error", "value")
_POWER = "the distilled is worse"
_NOTHING = "nothing planted"  # "null" would be read back from the table as no value


def rates(found: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """All rates with their Monte Carlo error.

    Args:
        found: Part (`coverage`, `verdicts`, `recovery`, `categories`, `bands`, `repeats`, `controls`, `sweep`) → its
            trials.

    Returns:
        part, quantity, setting, hits, of (how many trials), rate, error (its standard error), value (what is not a
        rate, as a median size).
    """
    rows = [row for part, of in _PARTS.items() for row in of(found.get(part, ()))]
    table = pd.DataFrame([{"part": part, **row} for part, row in rows], columns=list(COLUMNS))
    table["rate"] = table.hits / table.of
    table["error"] = np.sqrt(table.rate * (1 - table.rate) / table.of)
    return table


_Row = tuple[str, dict[str, Any]]


def _rate(part: str, quantity: str, setting: str, hits: float, of: float) -> _Row:
    return part, {"quantity": quantity, "setting": setting, "hits": hits, "of": of}


def _value(part: str, quantity: str, setting: str, value: float) -> _Row:
    return part, {"quantity": quantity, "setting": setting, "value": value}


def _coverage(trials: Sequence[Result]) -> list[_Row]:
    rows = []
    for one in trials:
        details = [f"{one['speakers']} speakers", f"{one['sizes']} sizes"]
        details += [f"CCC {' and '.join(map(str, one['true']))}"] if "true" in one else []
        details += [seeds_of(one["seeds"])] if "seeds" in one else []
        details += [f"seeds differ by {one['seed spread']}"] if "seed spread" in one else []
        for name, own in one["found"].items():
            rows.append(_rate("coverage", name, ", ".join(details), own["held"], own["of"]))
    return rows


def _verdicts(trials: Sequence[Result]) -> list[_Row]:
    rows = []
    for one in trials:
        details = [one["truth"], f"{one['speakers']} speakers", f"{one['sizes']} sizes"]
        details += [seeds_of(one["seeds"])] if "seeds" in one else []
        details += [f"seeds differ by {one['seed spread']}"] if one.get("seed spread", 0.01) != 0.01 else []
        details += [f"CCC {one['level']:g} and {one['level'] - one['gap']:g}"] if one.get("gap") else []
        setting, of = ", ".join(details), f"report on {one['report']}"
        rows.append(_rate("verdicts", f"{of}: a false “holds”", setting, one["false holds"], one["corpora"]))
        rows.append(_rate("verdicts", f"{of}: any false verdict", setting, one["false"], one["corpora"]))
        rows.append(_rate("verdicts", f"{of}: any verdict", setting, one["any"], one["corpora"]))
        if one["truth"] in (_POWER, "apart"):
            rows.append(_rate("verdicts", f"{of}: the true difference holds", setting, one["found"], one["tested"]))
    return rows


def _recovery(trials: Sequence[Result]) -> list[_Row]:
    by_kind: dict[str, list[Result]] = defaultdict(list)
    for one in trials:
        by_kind[one["kind"]].append(one)
    rows = []
    for kind, own in by_kind.items():
        for name in IMPORTANCES:
            far = [abs(one["named"][name] - one["planted"]) for one in own]
            rows.append(_rate("recovery", f"{name}: exact", kind, sum(d == 0 for d in far), len(own)))
            rows.append(_rate("recovery", f"{name}: within one layer", kind, sum(d <= 1 for d in far), len(own)))
        held = sum(one["planted"] in one["set"] for one in own)
        rows.append(_rate("recovery", "95 % confidence set holds the layer", kind, held, len(own)))
        sizes = [len(one["set"]) for one in own]
        rows.append(_value("recovery", "median size of the confidence set", kind, float(np.median(sizes))))
        for place, name in enumerate((NORMED, RAW)):
            near = sum(one["largest"][place] < 2 / 13 for one in own)
            rows.append(_rate("recovery", f"{name}: near uniform (largest below 2/L)", kind, near, len(own)))
    return rows


def _categories(trials: Sequence[Result]) -> list[_Row]:
    """Of categories: the planted layer, and what is claimed where there is one and where there is none."""
    rows = []
    for kind in dict.fromkeys(one["kind"] for one in trials):
        own = [one for one in trials if one["kind"] == kind]
        where = _NOTHING if kind == NULL else kind
        carried = sum(one["carried"] for one in own)
        rows.append(_rate("categories", "some layer said to carry the category on test2", where, carried, len(own)))
        if kind == NULL:
            continue
        far = [abs(one["named"] - one["planted"]) for one in own]
        rows.append(_rate("categories", "ridge R²: exact", kind, sum(d == 0 for d in far), len(own)))
        rows.append(_rate("categories", "ridge R²: within one layer", kind, sum(d <= 1 for d in far), len(own)))
        held = sum(one["planted"] in one["set"] for one in own)
        rows.append(_rate("categories", "95 % confidence set holds the layer", kind, held, len(own)))
        sizes = [len(one["set"]) for one in own]
        rows.append(_value("categories", "median size of the confidence set", kind, float(np.median(sizes))))
    return rows


def _bands(trials: Sequence[Result]) -> list[_Row]:
    held, of = sum(one["held"] for one in trials), sum(one["of"] for one in trials)
    quantity = "the band around the weights holds the expected weight"
    planted = sum(one["planted held"] for one in trials)
    rows = [_rate("bands", quantity, "all layers", held, of)]
    return [*rows, _rate("bands", quantity, "the planted layer", planted, len(trials))] if trials else []


def _repeats(trials: Sequence[Result]) -> list[_Row]:
    """Intervals against the mean over all corpora of the same world."""
    if not trials:
        return []
    r2_RL, low_RL, high_RL = (np.array([one[name] for one in trials]) for name in ("r2", "low", "high"))
    true_L = r2_RL.mean(0)
    held_L = ((low_RL <= true_L) & (true_L <= high_RL)).sum(0)
    carried = true_L > 0.05  # elsewhere R² is 0 in all corpora
    centres = np.array([one["centre"] for one in trials])
    held = int(((centres[:, 1] <= centres[:, 0].mean()) & (centres[:, 0].mean() <= centres[:, 2])).sum())
    setting = "one planted world, the whole cross-validation repeated"
    carried_of = int(carried.sum()) * len(trials)
    return [
        _rate("coverage", "R² of a layer, training included", setting, int(held_L[carried].sum()), carried_of),
        _rate("coverage", "centre, training included", setting, held, len(trials)),
    ]


def _controls(trials: Sequence[Result]) -> list[_Row]:
    rows = []
    for labels in dict.fromkeys(one["labels"] for one in trials):
        own = [one for one in trials if one["labels"] == labels]
        for partition in ("test2", "test1"):
            false = sum(one["carried"][partition] > 0 for one in own)
            rows.append(_rate("controls", f"some dimension said to be carried on {partition}", labels, false, len(own)))
        claims = sum(one["claims"] > 0 for one in own)
        rows.append(_rate("controls", "some verdict on a place", labels, claims, len(own)))
    return rows


def _sweep(trials: Sequence[Result]) -> list[_Row]:
    rows = []
    settings = dict.fromkeys((one["layer_lr"], key) for one in trials for key in one if key.isdecimal())
    for rate, patience in settings:
        own = [one for one in trials if one["layer_lr"] == rate]
        setting = f"rate {rate:g}, patience {patience}"
        exact = sum(int(np.argmax(one[patience]["weights"])) == one["planted"] for one in own)
        rows.append(_rate("sweep", "learned weights, layer norm: exact", setting, exact, len(own)))
        for name in ("development", "test2", "epochs"):
            rows.append(_value("sweep", f"mean {name}", setting, float(np.mean([one[patience][name] for one in own]))))
    return rows


_PARTS: dict[str, Callable[[Sequence[Result]], list[_Row]]] = {
    "recovery": _recovery,
    "categories": _categories,
    "bands": _bands,
    "coverage": _coverage,
    "repeats": _repeats,
    "verdicts": _verdicts,
    "controls": _controls,
    "sweep": _sweep,
}
