"""The atlas in numbers: many encoders on one corpus, their layers, and whether they agree on where a dimension is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probing.errors import RunError
from probing.report.compared import corpus_shown
from probing.report.controls import find_controls
from probing.report.located import located
from probing.report.reading import read
from probing.report.ridge import RIDGE, curves_above, curves_of, has_ridge
from probing.runs.records import FitRecord
from probing.statistics.agreement import rank_agreement
from probing.statistics.curves import Curve
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import HOLDS

_TESTS = ("test1", "test2")
_TAUGHT = ("train", "development")


@dataclass(frozen=True, eq=False)
class Charted:
    """One encoder of an atlas.

    Args:
        name: As in the figure; two fits of one encoder are told apart by their folders.
        record: Its fit.
        controls: How many random twins its curves are above; 0: they are R² as it is.
        curves: Dimension → R² of cross-validated ridge probes over the states, above the mean of its random twins.
        found: Dimension → where it is.
    """

    name: str
    record: FitRecord
    controls: int
    curves: Mapping[str, Curve]
    found: Mapping[str, LayerSummary]

    @property
    def parameters(self) -> int | None:
        """Of the encoder; None where the run does not say."""
        return self.record.encoder.parameters


def charted(records: Sequence[FitRecord], root: Path) -> list[Charted]:
    """The encoders of an atlas with all that is drawn of them, in the order of the runs.

    Of runs with one configuration the latest counts. Runs on random weights are no encoders of their own: they are what
    the others are compared with, unless nothing else is given.

    Args:
        records: Fits on one corpus.
        root: Folder of all runs, where controls are looked for.

    Raises:
        RunError: There is none (code `no-run`), they are on different corpora (`other-corpus`), one has no ridge probes
            (`no-ridge`), or files of one are missing, changed or damaged.
    """
    trained = [record for record in records if not record.encoder.random] or list(records)
    latest = list({record.signature: record for record in sorted(trained, key=lambda record: record.date)}.values())
    kept = [record for record in trained if record in latest]
    if not kept:
        raise RunError("an atlas", "no fit was named", "name the folders of `probe fit` runs", code="no-run")
    _refuse_unlike(kept)
    names = _names(kept)
    return [_charted(name, record, find_controls(record, root)) for name, record in zip(names, kept, strict=True)]


def drawn_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """What is drawn: one row for each encoder, dimension and state.

    Returns:
        encoder, controls (random twins that the curve is above), dimension, layer, depth (0 first state, 1 last), value
        (R², or its gain), low, high (95 % interval over speakers), carried, in_set, best.
    """
    rows: list[dict[str, Any]] = []
    for one in atlas:
        for dimension, curve in one.curves.items():
            where, ends = one.found[dimension], curve.intervals()
            last = max(1, len(curve.layers) - 1)
            for place, layer in enumerate(curve.layers):
                rows.append(
                    {
                        "encoder": one.name,
                        "controls": one.controls,
                        "dimension": dimension,
                        "layer": layer,
                        "depth": place / last,
                        "value": curve.value_L[place],
                        "low": ends[0][place],
                        "high": ends[1][place],
                        "carried": where.carried,
                        "in_set": layer in where.confidence_set,
                        "best": where.carried == HOLDS and layer == where.best_layer,
                    }
                )
    return pd.DataFrame(rows)


def table_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """The recommended layer of each encoder and dimension: one row for each.

    Returns:
        encoder, parameters, last_layer, controls, dimension, carried, best_layer, depth, confidence_set, centre,
        centre_low, centre_high, r2, r2_low, r2_high (not above random twins), gain, gain_low, gain_high (above them;
        absent without any), and for each test partition its CCC at the best layer with its interval.
    """
    return pd.DataFrame([_row(one, dimension) for one in atlas for dimension in one.curves])


def agreement_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """Rank agreement of every two encoders on each dimension that some layer of both carries.

    Returns:
        dimension, encoder, other, rho, low, high: as `probing.statistics.agreement` gives them.
    """
    rows = []
    for one, other in combinations(atlas, 2):
        for dimension in one.curves:
            both = [charted.found.get(dimension) for charted in (one, other)]
            if any(where is None or where.carried != HOLDS for where in both):
                continue
            found = rank_agreement(one.curves[dimension], other.curves[dimension])
            row = {"dimension": dimension, "encoder": one.name, "other": other.name}
            rows.append(row | {"rho": found.rho, "low": found.low, "high": found.high})
    return pd.DataFrame(rows, columns=["dimension", "encoder", "other", "rho", "low", "high"])


def _charted(name: str, record: FitRecord, controls: Sequence[FitRecord]) -> Charted:
    _, found = located(record, controls)
    return Charted(name, record, len(controls), curves_above(record, controls), found)


def _row(one: Charted, dimension: str) -> dict[str, Any]:
    where, own = one.found[dimension], curves_of(one.record)[dimension]
    place = own.layers.index(where.best_layer)
    row: dict[str, Any] = {
        "encoder": one.name,
        "parameters": one.parameters,
        "last_layer": own.layers[-1],
        "controls": one.controls,
        "dimension": dimension,
        "carried": where.carried,
        "best_layer": where.best_layer,
        "depth": place / max(1, len(own.layers) - 1),
        "confidence_set": " ".join(map(str, where.confidence_set)),
        "centre": where.centre,
        "centre_low": where.low,
        "centre_high": where.high,
        **_at("r2", own, place),
    }
    if one.controls:
        row |= _at("gain", one.curves[dimension], place)
    return row | _scores(one.record, dimension, where.best_layer)


def _at(name: str, curve: Curve, place: int) -> dict[str, float]:
    low_L, high_L = curve.intervals()
    return {name: curve.value_L[place], f"{name}_low": low_L[place], f"{name}_high": high_L[place]}


def _scores(record: FitRecord, dimension: str, layer: int) -> dict[str, float]:
    """CCC of the ridge probe on one layer, on every test partition."""
    columns = ("dimension", "kind", "layer", "partition", "ccc", "mean_low", "mean_high")
    scores = read(record, "scores.csv", columns)
    own = scores[(scores.dimension == dimension) & (scores.kind == RIDGE) & (scores.layer == layer)]
    found: dict[str, float] = {}
    for row in own[~own.partition.isin(_TAUGHT)].itertuples():
        ends = {f"{row.partition}_low": row.mean_low, f"{row.partition}_high": row.mean_high}
        found |= {f"{row.partition}_ccc": row.ccc, **ends}
    return found


def _refuse_unlike(records: Sequence[FitRecord]) -> None:
    first = records[0]
    for record in records:
        if not has_ridge(record):
            why = "it has no ridge probes: an earlier version made it"
            raise RunError(f"{record.folder}", why, "fit again, with --head ridge", code="no-ridge")
        if not first.same_corpus(record):
            what = f"{record.folder} is on {corpus_shown(record)}"
            why = f"{first.folder} is on {corpus_shown(first)}: layers of different corpora are not to be compared"
            raise RunError(what, why, "name fits on one corpus", code="other-corpus")


def _names(records: Sequence[FitRecord]) -> list[str]:
    names = [record.encoder.name for record in records]
    return [
        name if names.count(name) == 1 else f"{name} ({record.folder.name})"
        for name, record in zip(names, records, strict=True)
    ]


def range_said(rho: float, low: float, high: float) -> str:
    """A rank correlation with its range, for tables.

    >>> range_said(0.5, 0.41, np.nan), range_said(np.nan, np.nan, np.nan)
    ('0.50', '–')
    """
    if np.isnan(rho):
        return "–"
    return f"{rho:.2f}" + (f" [{low:.2f}, {high:.2f}]" if np.isfinite(low + high) else "")
