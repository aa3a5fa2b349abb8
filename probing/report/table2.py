"""Table 2: what a recogniser's errors cost an audio-textual system (section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probing.report.compared import dimensions_of, model_name, names_of, systems, tests_of
from probing.report.conditions import Condition, conditions
from probing.report.published import SAID, published
from probing.report.table1 import Cell, difference_of, score_of
from probing.runs.escapes import markdown as markdown_text
from probing.runs.printing import ends, intervals_said, markdown_table, signed, spread, titled
from probing.runs.records import FinetuneRecord

_NONE = "–"


def table2(records: Sequence[FinetuneRecord]) -> pd.DataFrame:
    """Table 2 in long form, one row a run, its transcription, partition and dimension.

    Args:
        records: Runs on one corpus; their evaluations on it are looked for beside them.

    Returns:
        model, regime, parameters_M, trained_on, tested_on (`human`, a recogniser, `corrupted at …`), asr_parameters_M,
        wer (of the words tested on, 0 for human ones, NaN where it was not counted), partition, dimension, n, seeds,
        ccc (mean over seeds), sd, low, high (95 %); against (trained and tested on human words), difference,
        difference_low, difference_high; counted, corpus, run, test (folder of the estimates). Empty where all words are
        human.
    """
    ordered = [record for record in systems(records) if not record.shuffled]
    reading = [record for record in ordered if record.system.reads]
    found = sorted((c for c in conditions(reading) if c.snr is None), key=_place)
    if all(c.on_human_words for c in found):
        return pd.DataFrame()
    names = names_of(reading, words=False)
    partitions, dimensions = tests_of(ordered), dimensions_of(ordered)
    rows = []
    for system in dict.fromkeys(model_name(record, words=False) for record in reading):
        own = [c for c in found if model_name(c.run, words=False) == system]
        for condition in own if len(own) > 1 else []:
            human = _human(condition, own, names)
            for partition in partitions:
                for dimension in dimensions:
                    rows.append(_row(condition, human, dimension, partition) | {"model": names[condition.run.folder]})
    table = pd.DataFrame(rows)
    return table[["model", *table.columns.drop("model")]] if rows else table


def markdown(table: pd.DataFrame, corpus: str) -> str:
    """Table 2, the differences to human words, and the published rows, for reading."""
    counted = [how for how in dict.fromkeys(table.counted) if how]
    blocks = [
        f"## Table 2 on {markdown_text(corpus)}",
        f"CCC, mean over training seeds ± standard deviation over seeds [{intervals_said(table.seeds)}]."
        + f" Word errors: {markdown_text('; '.join(counted))}." * bool(counted),
        markdown_table(_wide(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)} {ends(r.low, r.high)}")),
    ]
    if "difference" in table and table.difference.notna().any():
        own = table[table.difference.notna()]
        differences = _wide(own, lambda r: signed(r.difference, r.difference_low, r.difference_high))
        blocks += ["### Paired differences to the same system trained and tested on human words"]
        blocks += [markdown_table(differences)]
    blocks += ["## Table 2 as published", f"DistilHuBERT + TinyBERT. {SAID}", markdown_table(_published())]
    return "\n\n".join(blocks) + "\n"


def _place(condition: Condition) -> tuple[bool, bool, float, str]:
    """Human words first, then trained and tested on the same, then others; each by word error rate."""
    rates = [condition.wer(partition) for partition in condition.tested_on.wer]
    return not condition.tested_on.human, not condition.matched, max(rates, default=0.0), condition.tested_on.name


def _human(condition: Condition, own: Sequence[Condition], names: Mapping[Path, str]) -> Condition | None:
    """The same system trained and tested on human words: the run itself, the one of its name, or the only one."""
    human = [c for c in own if c.on_human_words]
    itself = [c for c in human if c.run is condition.run]
    named = [c for c in human if names[c.run.folder] == names[condition.run.folder]]
    return next((found[0] for found in (itself, named, human) if len(found) == 1), None)


def _row(condition: Condition, human: Condition | None, dimension: str, partition: str) -> dict[str, Any]:
    run, tested = condition.run, condition.tested
    parameters = condition.tested_on.parameters
    row = {
        "regime": run.system.regime,
        "parameters_M": run.system.parameters / 1e6,
        "trained_on": condition.trained_on.title,
        "tested_on": condition.tested_on.title,
        "asr_parameters_M": parameters / 1e6 if parameters else np.nan,
        "wer": condition.wer(partition),
        "partition": partition,
        "dimension": dimension,
        **score_of(tested, dimension, partition),
    }
    if human is not None and condition is not human:
        row |= {"against": "human", **difference_of(tested, human.tested, dimension, partition)}
    row |= {"counted": condition.tested_on.counted, "corpus": run.corpus.full_title}
    return row | {"run": run.folder.name, "test": "" if tested is run else tested.folder.name}


def _wide(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Text for reading: one row a run and its test, one column a partition and dimension."""
    pairs = list(dict.fromkeys(zip(table.partition, table.dimension, strict=True)))
    partitions = list(dict.fromkeys(partition for partition, _ in pairs))
    rows = []
    for _, own in table.groupby(["model", "run", "trained_on", "tested_on", "test"], sort=False):
        text = {(r.partition, r.dimension): cell(r) for r in own.itertuples()}
        first, rates = own.iloc[0], own.groupby("partition").wer.first()
        row = [first.model, first.trained_on, first.tested_on, _number(first.asr_parameters_M, "{:.3g}")]
        row += [_number(rates[p], "{:.1%}") if first.tested_on != "human" else _NONE for p in partitions]
        rows.append([*row, *(text.get(pair, "—") for pair in pairs)])
    columns = ["model", "trained on", "tested on", "#params (M), ASR", *(f"WER {titled(p)}" for p in partitions)]
    return pd.DataFrame(rows, columns=[*columns, *(f"{titled(p)} {d}" for p, d in pairs)])


def _published() -> pd.DataFrame:
    columns = ["transcription method", "#params (M), ASR", "WER", "seen arousal", "seen valence", "seen dominance"]
    rows = [
        (
            r.transcription,
            _number(r.asr_parameters_M, "{:.3g}"),
            _number(r.wer, "{:.1%}"),
            *(f"{value:.3f}" for value in (r.arousal, r.valence, r.dominance)),
        )
        for r in published("table2").itertuples()
    ]
    return pd.DataFrame(rows, columns=columns)


def _number(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else _NONE
