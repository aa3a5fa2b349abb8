"""Table 2: what a recogniser's errors cost an audio-textual system (section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probing.corpus.transcripts import HUMAN, said
from probing.report.conditions import Condition, conditions
from probing.report.published import SAID, published
from probing.report.table1 import dimensions_of, ends, model_name, piped, signed, spread, systems, tests_of, titled
from probing.runs.records import Record
from probing.statistics.paired import contrast


def table2(records: Sequence[Record]) -> pd.DataFrame:
    """Table 2 in long form, one row a system, transcription, partition and dimension.

    Args:
        records: `finetune` runs on one corpus; their evaluations on it are looked for beside them.

    Returns:
        model, regime, parameters_M, trained_on, tested_on (`human`, a recogniser, `corrupted at …`), asr_parameters_M,
        wer (of the words tested on, 0 for human ones, NaN where it was not counted), partition, dimension, n, seeds,
        ccc (mean over seeds), sd, low, high (95 %, speakers and seeds resampled); against (trained and tested on human
        words), difference, difference_low, difference_high; counted, corpus, run. Empty where all words are human.
    """
    ordered = [record for record in systems(records) if not record["shuffled"]]
    reading = [record for record in ordered if "text" in record["system"]["modality"]]
    found = sorted((c for c in conditions(reading) if c.snr is None), key=_place)
    if all(c.matched and c.tested_on["method"] == HUMAN for c in found):
        return pd.DataFrame()
    rows = []
    for name in dict.fromkeys(model_name(record, words=False) for record in reading):
        own = [c for c in found if model_name(c.run, words=False) == name]
        human = next((c for c in own if c.matched and c.tested_on["method"] == HUMAN), None)
        for condition in own if len(own) > 1 else []:
            rows += _rows(condition, human, tests_of(ordered), dimensions_of(ordered))
    return pd.DataFrame(rows)


def _place(condition: Condition) -> tuple[bool, bool, float]:
    """Human words first, then trained and tested on the same, then others; each by word error rate."""
    rates = [condition.wer(partition) for partition in condition.tested_on.get("wer", {})]
    return condition.tested_on["method"] != HUMAN, not condition.matched, max(rates, default=0.0)


def _rows(
    condition: Condition, human: Condition | None, partitions: Sequence[str], dimensions: Sequence[str]
) -> list[dict[str, object]]:
    rows = []
    parameters = condition.tested_on.get("parameters")
    for partition in partitions:
        for dimension in dimensions:
            score = contrast([condition.tested], np.asarray, dimension, partition)
            row: dict[str, object] = {
                "model": model_name(condition.run, words=False),
                "regime": condition.run["system"]["regime"],
                "parameters_M": condition.run["system"]["parameters"] / 1e6,
                "trained_on": said(condition.trained_on),
                "tested_on": said(condition.tested_on),
                "asr_parameters_M": parameters / 1e6 if parameters else np.nan,
                "wer": condition.wer(partition),
                "partition": partition,
                "dimension": dimension,
                "n": score.n,
                "seeds": score.seeds,
                "ccc": score.value,
                "sd": _sd_of(condition.tested, partition, dimension),
                "low": score.low,
                "high": score.high,
            }
            if human is not None and condition is not human:
                other = contrast([condition.tested, human.tested], np.subtract, dimension, partition)
                row |= {"against": "human", "difference": other.value}
                row |= {"difference_low": other.low, "difference_high": other.high}
            row |= {"counted": condition.tested_on.get("counted", "")}
            rows.append(row | {"corpus": condition.run["corpus"]["title"], "run": condition.run.folder.name})
    return rows


def _sd_of(record: Record, partition: str, dimension: str) -> float | None:
    rows = [r for r in record["scores"] if r["partition"] == partition and r["dimension"] == dimension]
    return rows[0]["sd"] if rows else None


def markdown(table: pd.DataFrame, corpus: str) -> str:
    """Table 2, the differences to human words, and the published rows, for reading."""
    counted = [how for how in dict.fromkeys(table.counted) if how]
    blocks = [
        f"## Table 2 on {corpus}",
        "CCC, mean over training seeds ± standard deviation over seeds [95 % interval: speakers and seeds resampled]."
        + f" Word errors: {'; '.join(counted)}." * bool(counted),
        _grid(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)} {ends(r.low, r.high)}"),
    ]
    if "difference" in table and table.difference.notna().any():
        blocks += [
            "### Paired differences to the same system trained and tested on human words",
            _grid(table[table.difference.notna()], lambda r: signed(r.difference, r.difference_low, r.difference_high)),
        ]
    blocks += ["## Table 2 as published", f"DistilHuBERT + TinyBERT. {SAID}", _published_grid()]
    return "\n\n".join(blocks) + "\n"


def _grid(table: pd.DataFrame, cell: object) -> str:
    pairs = list(dict.fromkeys(zip(table.partition, table.dimension, strict=True)))
    partitions = list(dict.fromkeys(partition for partition, _ in pairs))
    columns = ["model", "trained on", "tested on", "#params (M), ASR", *(f"WER {titled(p)}" for p in partitions)]
    columns += [f"{titled(p)} {d}" for p, d in pairs]
    lines = []
    for _, own in table.groupby(["model", "trained_on", "tested_on"], sort=False):
        text = {(r.partition, r.dimension): cell(r) for r in own.itertuples()}  # type: ignore[operator]
        first = own.iloc[0]
        rates = own.groupby("partition").wer.first()
        line = [first.model, first.trained_on, first.tested_on, _number(first.asr_parameters_M, "{:.3g}")]
        line += [_number(rates[p], "{:.1%}") if first.tested_on != HUMAN else "–" for p in partitions]
        lines.append([*line, *(text.get(pair, "—") for pair in pairs)])
    return piped(columns, lines)


def _published_grid() -> str:
    rows = published("table2")
    lines = [
        [
            r.transcription,
            _number(r.asr_parameters_M, "{:.3g}"),
            _number(r.wer, "{:.1%}"),
            *(f"{v:.3f}" for v in (r.arousal, r.valence, r.dominance)),
        ]
        for r in rows.itertuples()
    ]
    columns = ["transcription method", "#params (M), ASR", "WER", "seen arousal", "seen valence", "seen dominance"]
    return piped(columns, lines)


def _number(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "–"
