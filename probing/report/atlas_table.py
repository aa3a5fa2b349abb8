"""The atlas in numbers: many encoders on one corpus, their layers, and whether they agree on where a dimension is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from probing.errors import RunError
from probing.files import digest
from probing.report.compared import demand_one_corpus
from probing.report.controls import differences, find_controls, seed_of
from probing.report.fit_scores import fit_scores_of
from probing.report.located import located
from probing.report.ridge import RIDGE, curves_above, curves_of, has_ridge
from probing.runs.records import FitRecord
from probing.statistics.agreement import rank_agreement
from probing.statistics.curves import Curve
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import OPEN

_TAUGHT = ("train", "development")


@dataclass(frozen=True, eq=False)
class Charted:
    """One encoder of an atlas.

    Args:
        name: As in the figure; two fits of one encoder are told apart by their folders.
        record: Its fit.
        twins: Fits on the same encoder with random weights, one for each seed.
        above: Whether its curves are above the mean of these; else they are R² as it is.
        r2: Dimension → R² of cross-validated ridge probes over the states.
        curves: Dimension → the same, or what it is above the random twins.
        found: Dimension → where it is.
    """

    name: str
    record: FitRecord
    twins: Sequence[FitRecord]
    above: bool
    r2: Mapping[str, Curve]
    curves: Mapping[str, Curve]
    found: Mapping[str, LayerSummary]

    @property
    def parameters(self) -> int | None:
        """Of the encoder; None where the run does not say."""
        return self.record.encoder.parameters

    @property
    def controls(self) -> int:
        """How many random twins its curves are above."""
        return len(self.twins) if self.above else 0


def charted(records: Sequence[FitRecord], root: Path) -> list[Charted]:
    """The encoders of an atlas with all that is drawn of them, in the order of the runs.

    Curves stand on one axis and one scale of colours, so all are of one kind: above random twins where every encoder
    has some, else R² as it is. Of runs with one configuration the latest counts. Runs on random weights are no
    encoders of their own: they are what the others are compared with, unless nothing else is given.

    Args:
        records: Fits on one corpus; encoders of speech and of text can stand side by side.
        root: Folder of all runs, where random twins are looked for beside those that are given.

    Raises:
        RunError: There is none (code `no-run`), they are on different corpora (`several-corpora`), one has no ridge
            probes (`no-ridge`), or files of one are missing, changed or damaged.
    """
    trained = [record for record in records if not record.encoder.random] or list(records)
    latest = {_same(record): record for record in sorted(trained, key=lambda record: record.date)}
    kept = [record for record in trained if record is latest[_same(record)]]
    if not kept:
        raise RunError("an atlas", "no fit was named", "name the folders of `probe fit` runs", code="no-run")
    _refuse_unlike(kept)
    twins = [_twins(record, records, root) for record in kept]
    above = all(twins)
    pairs = zip(_names(kept), kept, twins, strict=True)
    return [_charted(name, record, beside, above) for name, record, beside in pairs]


def drawn_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """What is drawn: one row for each encoder, dimension and state.

    Returns:
        encoder, controls (random twins that the curve is above), dimension, layer, depth (0 first state, 1 last), value
        (R², or its gain over them), low, high (95 % interval over speakers), r2 (as it is), carried, in_set, best.
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
                        "r2": one.r2[dimension].value_L[place],
                        "carried": where.carried,
                        "in_set": layer in where.confidence_set,
                        "best": where.carried != OPEN and layer == where.best_layer,
                    }
                )
    return pd.DataFrame(rows)


def table_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """The recommended layer of each encoder and dimension: one row for each.

    Returns:
        encoder, parameters, last_layer, controls, dimension, carried, best_layer, depth, confidence_set, centre,
        centre_low, centre_high, r2, r2_low, r2_high (not above random twins), gain, gain_low, gain_high (above them;
        absent without any), and for each test partition its CCC (of a category UAR) at the best layer with its
        interval: test2_ccc, or test2_uar, test2_low, test2_high.
    """
    return pd.DataFrame([_row(one, dimension) for one in atlas for dimension in one.curves])


def agreement_of(atlas: Sequence[Charted]) -> pd.DataFrame:
    """Rank agreement of every two encoders on each dimension, but those of which a carrier is undecided in one.

    Returns:
        dimension, encoder, other, rho, low, high: as `probing.statistics.agreement` gives them.
    """
    rows = []
    for one, other in combinations(atlas, 2):
        for dimension in one.curves:
            both = [charted.found.get(dimension) for charted in (one, other)]
            if any(where is None or where.carried == OPEN for where in both):
                continue
            found = rank_agreement(one.curves[dimension], other.curves[dimension])
            row = {"dimension": dimension, "encoder": one.name, "other": other.name}
            rows.append(row | {"rho": found.rho, "low": found.low, "high": found.high})
    return pd.DataFrame(rows, columns=["dimension", "encoder", "other", "rho", "low", "high"])


def _charted(name: str, record: FitRecord, twins: Sequence[FitRecord], above: bool) -> Charted:
    controls = twins if above else ()
    _, found = located(record, controls)
    return Charted(name, record, twins, above, curves_of(record), curves_above(record, controls), found)


def _same(record: FitRecord) -> str:
    """What two runs have in common that differ in nothing but when they were made."""
    return digest([record.signature, record.encoder.name, record.encoder.identity])


def _twins(record: FitRecord, named: Sequence[FitRecord], root: Path) -> list[FitRecord]:
    """The fits on a run's random twins by seed: those that are named come before those that are found."""
    if record.encoder.random:
        return []
    found = {seed_of(control): control for control in find_controls(record, root)}
    found |= {seed_of(other): other for other in named if not differences(record, other)}
    return [found[seed] for seed in sorted(found)]


def _row(one: Charted, dimension: str) -> dict[str, Any]:
    where, own = one.found[dimension], one.r2[dimension]
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
    """CCC, or UAR of a category, of the ridge probe on one layer, on every test partition."""
    found: dict[str, float] = {}
    for measured in fit_scores_of(record):
        scores, measure = measured.scores, measured.measure.lower()
        own = scores[(scores.dimension == dimension) & (scores.kind == RIDGE) & (scores.layer == layer)]
        ends = own.reindex(columns=["mean_low", "mean_high"]).astype(float)  # blank where there is no interval
        for partition, score, low, high in zip(own.partition, own.value, ends.mean_low, ends.mean_high, strict=True):
            if partition not in _TAUGHT:
                found |= {f"{partition}_{measure}": score, f"{partition}_low": low, f"{partition}_high": high}
    return found


def _refuse_unlike(records: Sequence[FitRecord]) -> None:
    for record in records:
        if not has_ridge(record):
            why = "it has no ridge probes: an earlier version made it"
            raise RunError(f"{record.folder}", why, "fit again, with --head ridge", code="no-ridge")
    demand_one_corpus(records)


def _names(records: Sequence[FitRecord]) -> list[str]:
    names = [record.encoder.name for record in records]
    return [
        name if names.count(name) == 1 else f"{name} ({record.folder.name})"
        for name, record in zip(names, records, strict=True)
    ]
