"""A fit's ridge look, read from its folder: each dimension's curve over the layers, and what permuted labels give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from probing.errors import RunError
from probing.report.reading import damaged, has, read
from probing.runs.printing import SEEN
from probing.runs.records import FitRecord
from probing.statistics.curves import Curve, r2_curve

IMPORTANCE, CROSSVALIDATED, NULLS = "importance.csv", "crossvalidated.csv", "nulls.csv"
JACKKNIFE = "jackknife.csv"
RIDGE = "ridge"  # the kind of a score
PERMUTED, BY_SPEAKER = "permuted", "by-speaker"  # labels
_LAYER = "layer"  # begins the name of a layer's column in crossvalidated.csv


def has_ridge(record: FitRecord) -> bool:
    """Whether a fit has a ridge look; those of version 0.1.0 have none."""
    return has(record, IMPORTANCE)


def importance_of(record: FitRecord) -> pd.DataFrame:
    """dimension, layer, r2, low, high, in_set (the layer may be the best), ccc: as the fit wrote them.

    Raises:
        RunError: The file is missing, changed or damaged.
    """
    return read(record, IMPORTANCE, ("dimension", "layer", "r2", "low", "high", "in_set"))


def nulls_of(record: FitRecord) -> pd.DataFrame:
    """dimension, kind, labels, permutation, layer, partition, ccc of all permutations; no rows where there were none.

    Raises:
        RunError: The file is missing, changed or damaged.
    """
    columns = ("dimension", "kind", "labels", "permutation", "layer", "partition", "ccc")
    return read(record, NULLS, columns) if has(record, NULLS) else pd.DataFrame(columns=list(columns))


def null_labels(partition: str) -> str:
    """Which permutation is the null on a partition: within speakers where they are those of train, else of all labels.

    A voice alone gives away some of a known speaker's mean rating, which is no emotion found.

    >>> null_labels("test1"), null_labels("test2")
    ('by-speaker', 'permuted')
    """
    return BY_SPEAKER if partition == SEEN else PERMUTED


def curves_of(record: FitRecord) -> dict[str, Curve]:
    """Dimension → R² of cross-validated ridge probes over the layers, with what it is without each speaker.

    Raises:
        RunError: crossvalidated.csv or jackknife.csv is missing, changed or damaged.
    """
    table = read(record, CROSSVALIDATED, ("id", "partition", "speaker", "dimension", "truth", "baseline"))
    columns = [name for name in table.columns if _is_layer(name)]
    layers = [int(name.removeprefix(_LAYER)) for name in columns]
    try:
        found = {
            str(dimension): r2_curve(layers, own.truth, own[columns].to_numpy().T, own.baseline, _clusters(own))
            for dimension, own in table.groupby("dimension", sort=False)
        }
    except (ValueError, TypeError) as error:  # ScoreError is one: a blank, a word, labels that are all the same
        raise damaged(record, CROSSVALIDATED, str(error)) from error
    return _left_out(record, columns, found) if has(record, JACKKNIFE) else found


def _left_out(record: FitRecord, columns: Sequence[str], curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """The curves with what they are where a speaker is left out of what the probes learned from, too."""
    table = read(record, JACKKNIFE, ("dimension", "speaker", "speakers", "utterances", *columns))
    try:
        if set(table.dimension) != set(curves):
            raise ValueError(f"it has other dimensions than {CROSSVALIDATED}")
        found = {}
        for dimension, curve in curves.items():
            own = table[table.dimension == dimension]
            if own.speaker.isna().any() or own.speaker.duplicated().any():
                raise ValueError("a speaker is not named, or named twice")
            found[dimension] = replace(
                curve,
                left_out_CL=own[list(columns)].to_numpy(float),
                sizes_C=own.utterances.to_numpy(float),
                speakers=tuple(own.speaker),
                together_C=own.speakers.to_numpy(int),
            )
        return found
    except ValueError as error:
        raise damaged(record, JACKKNIFE, str(error)) from error


def curves_above(record: FitRecord, controls: Sequence[FitRecord]) -> dict[str, Curve]:
    """The same as the gain over the mean of several random encoders, paired by layer and speaker.

    Args:
        record: A fit with a ridge look.
        controls: Its controls (`probing.report.controls`); none leaves the curves as they are.

    Raises:
        RunError: A run's files are missing, changed or damaged; or a control's curves are of other layers or leave out
            other speakers (code `no-control`).
    """
    own, others = curves_of(record), [curves_of(control) for control in controls]
    if not others:
        return own
    for control, other in zip(controls, others, strict=True):
        _demand_paired(record, own, control, other)
    return {dimension: curve.above([other[dimension] for other in others]) for dimension, curve in own.items()}


def _demand_paired(record: FitRecord, own: Mapping[str, Curve], control: FitRecord, other: Mapping[str, Curve]) -> None:
    """A control's curves must be of the same layers and speakers: records do not say how speakers were grouped."""
    for dimension, curve in own.items():
        beside = other.get(dimension)
        if beside is None or (beside.layers, beside.speakers) != (curve.layers, curve.speakers):
            raise RunError(
                f"{control.folder} is no control of {record.folder}",
                f"its ridge probes of {dimension} see other layers, or leave out other speakers: another version of "
                "the toolkit may have fitted it",
                "fit it again with the command in its record.json, or leave it out with --no-control",
                code="no-control",
            )


def sizes_of(curves: Mapping[str, Curve]) -> tuple[int, int]:
    """Speakers and utterances behind the curves; the most, where dimensions differ in what is rated."""
    found = list(curves.values())
    return max(curve.number for curve in found), max(int(curve.sizes_C.sum()) for curve in found)


def _is_layer(name: str) -> bool:
    return name.startswith(_LAYER) and name.removeprefix(_LAYER).removeprefix("-").isdecimal()


def _clusters(table: pd.DataFrame) -> list[str]:
    """Each utterance's speaker, or the utterance itself where no speaker is named."""
    return list(table.speaker.where(table.speaker.notna(), "utterance:" + table.id))
