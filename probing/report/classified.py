"""Systems that estimate categories: unweighted average recall, macro-F1 and accuracy, in a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from probing.errors import RunError
from probing.report.compared import names_of, systems, training_of
from probing.report.guessing import guessed, outputs_of
from probing.report.table1 import system_columns
from probing.runs import escapes
from probing.runs.printing import ends, intervals_said, markdown_table, signed, spread, titled
from probing.runs.records import CategoryScore, FinetuneRecord, SystemRecord
from probing.statistics.classification import ClassSample
from probing.statistics.paired import contrast


def class_table(records: Sequence[SystemRecord], against: SystemRecord | None = None) -> pd.DataFrame:
    """Scores of categories in long form, one row a run, partition and category.

    Args:
        records: Runs on one corpus; those that estimate no category are left out.
        against: The run that differences are taken to; by default the largest of our own that takes audio alone.

    Returns:
        modality, model, regime, parameters_M, trainable_M, shuffled, partition, category, n, classes, chance (the UAR
        of guessing), seeds, uar (mean over seeds), sd (over seeds), low and high (95 %), macro_f1, accuracy; against,
        difference, difference_low, difference_high (of UAR, paired); corpus, run. Train and, beside test partitions,
        development are left out.
        Empty where no run estimates a category.
    """
    ordered = [record for record in systems(records) if record.category_scores]
    if not ordered:
        return pd.DataFrame()
    own = [record for record in ordered if isinstance(record, FinetuneRecord)] or ordered
    given = against if against is not None and against.category_scores else None
    reference = given or next((r for r in own if r.system.modality == "audio"), own[0])
    names = names_of(systems([*ordered, *([] if reference in ordered else [reference])]))
    rows = []
    for record in ordered:
        known = system_columns(record, names[record.folder])
        for score in _shown(record.category_scores):
            by_guessing = guessed(score.classes, outputs_of(record, score.category))
            row = known | _scored(score) | {"chance": by_guessing, "seeds": len(record.seeds)}
            if record.folder != reference.folder:
                row |= {"against": names[reference.folder], **_difference(record, reference, score)}
            rows.append(row | {"corpus": record.corpus.full_title, "run": record.folder.name})
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame, corpus: str) -> str:
    """The table and the differences, for reading."""
    said = f"UAR, mean over training seeds ± standard deviation over seeds [{intervals_said(table.seeds)}]; macro-F1; "
    said += f"accuracy. Guessing reaches a UAR of {_chances(table)}."
    blocks = [f"## Categories on {escapes.markdown(corpus)}", escapes.markdown(said), markdown_table(_wide(table))]
    if "difference" in table and table.difference.notna().any():
        own = table[table.difference.notna()]
        cells = [signed(r.difference, r.difference_low, r.difference_high) for r in own.itertuples()]
        against = ", ".join(dict.fromkeys(own.against))
        blocks += [f"### Paired differences of UAR to {escapes.markdown(against)}"]
        blocks += [markdown_table(_spread_out(own.assign(cell=cells), ["model"]))]
    return "\n\n".join(blocks) + "\n"


def _chances(table: pd.DataFrame) -> str:
    """What guessing reaches of each category: one number, or one for each partition."""
    found = []
    for category, own in table.groupby("category", sort=False):
        parts = {
            titled(str(partition)): " or ".join(f"{value:.3f}" for value in sorted({*part.chance}))
            for partition, part in own.groupby("partition", sort=False)
        }
        alike = len({*parts.values()}) == 1
        said = next(iter(parts.values())) if alike else ", ".join(f"{v} on {p}" for p, v in parts.items())
        found.append(f"{said} ({category})")
    return "; ".join(found)


def scored(row: Any) -> str:
    """A row of the table as text: UAR with its spread and interval; macro-F1; accuracy."""
    return f"{row.uar:.3f}{spread(row.sd)} {ends(row.low, row.high)}; {row.macro_f1:.3f}; {row.accuracy:.3f}"


def _shown(scores: Sequence[CategoryScore]) -> list[CategoryScore]:
    """Those on test partitions or, where there is none, on development."""
    tests = [score for score in scores if score.partition not in ("train", "development")]
    return tests or [score for score in scores if score.partition == "development"]


def _scored(score: CategoryScore) -> dict[str, Any]:
    names = ("partition", "category", "n", "classes", "uar", "sd", "low", "high", "macro_f1", "accuracy")
    found = {name: getattr(score, name) for name in names}
    return {name: np.nan if value is None else value for name, value in found.items()}


def _difference(record: SystemRecord, reference: SystemRecord, score: CategoryScore) -> dict[str, float]:
    """A paired difference of UAR with its interval; nothing where the two did not estimate the same utterances."""
    try:
        both = [_sample(one, score) for one in (record, reference)]
    except RunError as error:
        if error.code != "no-estimates":
            raise
        return {}
    if both[0].ids != both[1].ids:
        return {}
    found = contrast(both, [1, -1])
    return {"difference": found.value, "difference_low": found.low, "difference_high": found.high}


def _sample(record: SystemRecord, score: CategoryScore) -> ClassSample:
    return record.classes.sample(score.category, score.partition, training_of(record))


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row a run, one column a partition and category."""
    shown = table.assign(
        cell=[scored(row) for row in table.itertuples()], size=[f"{number:.3g}" for number in table.parameters_M]
    )
    return _spread_out(shown, ["modality", "model", "size"]).rename(columns={"size": "#params (M)"})


def _spread_out(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """A row for each combination of the keys, a column for each partition and category."""
    columns = [f"{titled(p)} {c}" for p, c in zip(table.partition, table.category, strict=True)]
    found = table.assign(column=columns).pivot(index=list(keys), columns="column", values="cell")
    order = list(dict.fromkeys(zip(*(table[key] for key in keys), strict=True)))
    index = order if len(keys) > 1 else [key for (key,) in order]
    return found.loc[index, list(dict.fromkeys(columns))].fillna("—").reset_index()
