"""What Figure 2 draws, as one table; it is kept beside the figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from probing.report.controls import seed_of
from probing.report.fit_scores import FitScores, fit_scores_of
from probing.report.located import undecided
from probing.report.reading import damaged, read
from probing.report.ridge import RIDGE, curves_of, has_ridge, importance_of, null_labels, sizes_of
from probing.runs.printing import SEEN, UNSEEN
from probing.runs.records import FitRecord

IMPORTANCE = "importance"  # the panel of cross-validated R²
WEIGHT = "weight"  # the panel of the learned weights
CCC, UAR = "CCC ", "UAR "  # before a partition: the panel of its scores, of dimensions and of categories
DEVELOPMENT = "development"
PERMUTED, PERMUTED_SUM = "permuted", "permuted sum"  # sources: what single layers and weighted sums make of no labels
CHANCE = "chance"  # source: what guessing reaches
_SOURCES = {"single": "encoder", "weighted": "weighted", "shuffled": "shuffled"}  # of a score, by its kind of probe
_OF_LOOK = {RIDGE: "encoder", "weighted": "weighted"}  # the same where single layers have ridge probes
_NULLS = {RIDGE: PERMUTED, "weighted": PERMUTED_SUM}
_NO_INTERVAL = "no interval, one speaker"
_COLUMNS = """
    panel source dimension seed random layer value low high band in_set speakers utterances
""".split()
_WHOLE = ("seed", "random", "layer", "speakers", "utterances")
_OF_WEIGHTS = ("dimension", "seed", "layer", "weight")


def drawn_of(record: FitRecord, controls: Sequence[FitRecord] = ()) -> pd.DataFrame:
    """All that is drawn: one row for each seed's value, panels in the figure's order.

    Args:
        record: A fit.
        controls: The same fit on the same encoder with random weights (`probing.report.controls`).

    Returns:
        panel (`importance`: cross-validated R² of ridge probes; `CCC `, or of categories `UAR `, and a partition;
        `weight`), source (`encoder`: learned weights and single-layer probes; `random`: those of a control;
        `weighted`: the weighted sum; `permuted` and `permuted sum`: what ridge probes of all layers, and weighted sums,
        give on permuted labels; `chance`: what guessing a class reaches; `shuffled`: the one weighted sum on permuted
        labels that earlier versions fitted), dimension (or category; none where all are meant), seed
        (of the training), random (seed of a control's weights), layer (of a curve; −1 is state C, the raw output of the
        convolutions), value, and low, high and band: the ends of what is drawn about the mean over seeds, and what they
        are; in_set: in `importance`, whether the layer may be the best; speakers and utterances of the panel.

    Raises:
        RunError: A run's files are missing or changed (code `run-incomplete`), or damaged (`run-damaged`).
    """
    drawn = _run_table(record)
    for control in controls:
        other = _run_table(control, beside=True)
        shared = drawn.panel.unique() if not has_ridge(record) else drawn.panel[drawn.panel != WEIGHT].unique()
        other = other[(other.source == "encoder") & other.panel.isin(shared) & other.dimension.isin(drawn.dimension)]
        other = other.assign(source="random", random=seed_of(control), low=np.nan, high=np.nan, band="", in_set=None)
        drawn = pd.concat([drawn, other], ignore_index=True)
    first = [measure + partition for measure in (CCC, UAR) for partition in (UNSEEN, SEEN)]
    places = {panel: place for place, panel in enumerate((IMPORTANCE, *first))}
    order = drawn.panel.map(lambda panel: places.get(panel, 9 if panel == WEIGHT else 8))
    return drawn.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _run_table(record: FitRecord, beside: bool = False) -> pd.DataFrame:
    """One run's curves, weights, and scores on the test partitions; of a run beside another, no permutations."""
    parts = [_importance(record, beside)] if has_ridge(record) else []
    for measured in fit_scores_of(record):
        scores = measured.scores
        tests = [p for p in dict.fromkeys(scores.partition) if p not in ("train", DEVELOPMENT)] or [DEVELOPMENT]
        if has_ridge(record):
            parts += _look(record, measured, tests, beside)
        else:
            trained = replace(measured, scores=scores[(scores.kind == "single").any() & scores.kind.isin(_SOURCES)])
            parts += [_of_partition(record, trained, partition, _SOURCES) for partition in tests]
    if record.options.get("head") != RIDGE:
        parts.append(_weights(record))
    known = [part.reindex(columns=_COLUMNS) for part in parts if len(part)]
    return pd.concat(known, ignore_index=True).astype(dict.fromkeys(_WHOLE, "Int64"))


def _importance(record: FitRecord, beside: bool) -> pd.DataFrame:
    """R² of every layer, with its interval and whether the layer may be the best of a dimension that is carried."""
    speakers, utterances = sizes_of(curves_of(record))
    table = importance_of(record).rename(columns={"r2": "value"})
    band = "95 % interval over speakers" if table.low.notna().all() else _NO_INTERVAL
    named = {"panel": IMPORTANCE, "source": "encoder", "band": band}
    nothing = [] if beside else undecided(record)  # of nothing no layer is the best
    in_set = table.in_set.astype(bool) & ~table.dimension.isin(nothing)
    return table.assign(**named, in_set=in_set, speakers=speakers, utterances=utterances)


def _look(record: FitRecord, measured: FitScores, tests: Sequence[str], beside: bool) -> list[pd.DataFrame]:
    """Ridge probes of single layers and the weighted sum on each test partition, and what permuted labels give."""
    kept, nulls = replace(measured, scores=measured.scores[measured.scores.kind.isin(_OF_LOOK)]), measured.nulls
    parts = []
    for partition in tests:
        panel = f"{measured.measure} {partition}"
        parts.append(_of_partition(record, kept, partition, _OF_LOOK))
        if beside:
            continue
        own = nulls[(nulls.partition == partition) & (nulls.labels == null_labels(partition))]
        parts += [_range_of(own[own.kind == kind], panel, source) for kind, source in _NULLS.items()]
        rows = [{"dimension": name, "value": value} for name, value in measured.chance(partition).items()]
        parts.append(pd.DataFrame(rows).assign(panel=panel, source=CHANCE))
    return parts


def _range_of(nulls: pd.DataFrame, panel: str, source: str) -> pd.DataFrame:
    """One row: the lowest and the highest score of all permutations, layers and targets."""
    if nulls.empty:
        return pd.DataFrame()
    band = f"range over {nulls.permutation.nunique()} permutations of the labels"
    ends = {"low": nulls.value.min(), "high": nulls.value.max()}
    return pd.DataFrame([{"panel": panel, "source": source, "band": band, **ends}])


def _of_partition(record: FitRecord, measured: FitScores, partition: str, sources: dict[str, str]) -> pd.DataFrame:
    """One partition's scores with the interval of the mean over seeds as the band, or the range where one is absent."""
    own = measured.scores[measured.scores.partition == partition]
    own = own.assign(panel=f"{measured.measure} {partition}", source=own.kind.map(sources))
    if (len(own) or has_ridge(record)) and not own.source.eq("encoder").any():
        raise damaged(record, measured.file, f"no layer has a score on {partition}")
    clusters = record.corpus.clusters.get(partition)
    by = clusters.by if clusters else "speaker"
    known = {"utterances": own.n.max()} if "n" in own and len(own) else {}
    known |= {"speakers": clusters.number} if clusters and by == "speaker" else {}
    ends = own.reindex(columns=["mean_low", "mean_high"])
    if ends.isna().any(axis=None):
        return (
            own.drop(columns=["low", "high"]).assign(band=_NO_INTERVAL, **known)
            if has_ridge(record)
            else _with_range(own).assign(**known)
        )
    of_the_mean = " of the mean over seeds" if own.seed.nunique() > 1 else ""
    band = f"95 % interval over {by}s" if has_ridge(record) else f"95 % {by} bootstrap{of_the_mean}"
    return own.assign(low=ends.mean_low, high=ends.mean_high, band=band, **known)


def _weights(record: FitRecord) -> pd.DataFrame:
    """The learned weights of each training seed, with the spread over refits, or the range over seeds without any."""
    table = read(record, "weights.csv", _OF_WEIGHTS).rename(columns={"weight": "value"})
    table = table.assign(panel=WEIGHT, source="encoder")
    refit = table.refit if "refit" in table else pd.Series(np.nan, table.index)
    own, again = table[refit.isna()], table[refit.notna()]
    found = _with_refits(own, again) if len(again) and again.refit.nunique() > 1 else _with_range(own)
    clusters = record.corpus.clusters.get("train")
    speakers = clusters.number if clusters and clusters.by == "speaker" else None
    return found.assign(speakers=speakers, utterances=record.corpus.utterances.get("train"))


def _with_refits(weights: pd.DataFrame, refits: pd.DataFrame) -> pd.DataFrame:
    """Mean ± Student's t times the standard deviation over refits, which stand for other training speakers."""
    number, keys = refits.refit.nunique(), ["dimension", "layer"]
    sd = refits.groupby([*keys, "refit"]).value.mean().groupby(keys).std(ddof=1)
    reach = float(stdtrit(number - 1, 0.975))
    around = weights.groupby(keys).value.transform("mean")
    width = reach * sd.reindex(pd.MultiIndex.from_frame(weights[keys])).to_numpy()
    band = f"± {reach:.1f} sd over {number} refits"
    return weights.assign(low=np.maximum(around - width, 0), high=np.minimum(around + width, 1), band=band)


def _with_range(table: pd.DataFrame) -> pd.DataFrame:
    """With the range over seeds as the band."""
    seeds = table.seed.nunique()
    values = table.groupby(["panel", "source", "dimension", "layer"], dropna=False).value
    band = f"range over {seeds} seeds" if seeds > 1 else "none, one seed"
    return table.assign(low=values.transform("min"), high=values.transform("max"), band=band)
