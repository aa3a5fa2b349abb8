"""Table 1: systems by modality, with parameters and CCC on seen and unseen material (section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probing.corpus.transcripts import HUMAN, said
from probing.errors import ProbingError
from probing.report.published import SAID, published
from probing.runs.records import Record
from probing.statistics.paired import contrast, fall

SEEN, UNSEEN = "test1", "test2"
_TITLES = {SEEN: "seen", UNSEEN: "unseen"}
_MODALITIES = ("audio", "text", "audio+text")
_BUILT_IN = "the built-in world (synthetic speech)"


def systems(records: Sequence[Record]) -> list[Record]:
    """Runs in the order of the paper: by modality, larger ones first, fine-tuned before frozen.

    Raises:
        ProbingError: A run is no `finetune` run, or they are on several corpora.
    """
    for record in records:
        if record["command"] != "finetune":
            raise ProbingError(
                f"{record.folder}", f"it is a {record['command']} run", "name finetune runs (see `probe runs`)"
            )
    corpora = dict.fromkeys(record["corpus"]["title"] for record in records)
    if len(corpora) > 1:
        raise ProbingError(
            f"the runs are on several corpora: {', '.join(corpora)}",
            "their numbers cannot stand in one table",
            "compare the runs of one corpus at a time",
        )
    return sorted(
        records,
        key=lambda r: (
            r["shuffled"],
            _MODALITIES.index(r["system"]["modality"]),
            -r["system"]["parameters"],
            r["system"]["regime"] != "FT",
        ),
    )


def tests_of(records: Sequence[Record]) -> list[str]:
    """The test partitions that all runs scored, or development where there is none."""
    common = [
        name
        for name in dict.fromkeys(row["partition"] for row in records[0]["scores"])
        if all(any(row["partition"] == name for row in record["scores"]) for record in records)
    ]
    return [name for name in common if name not in ("train", "development")] or ["development"]


def dimensions_of(records: Sequence[Record]) -> list[str]:
    """The dimensions that all runs estimate."""
    found: list[str] = records[0]["system"]["dimensions"]
    return [name for name in found if all(name in record["system"]["dimensions"] for record in records)]


def table1(records: Sequence[Record], against: Record | None = None) -> pd.DataFrame:
    """Table 1 in long form, one row a system, partition and dimension.

    Args:
        records: `finetune` runs on one corpus.
        against: The run that differences are taken to; by default the largest that hears only.

    Returns:
        modality, model, regime, parameters_M, trainable_M, shuffled, partition, dimension, n, seeds, ccc (mean over
        seeds), sd (over seeds), low and high (95 %, speakers and seeds resampled); against, difference,
        difference_low, difference_high; fall, fall_low, fall_high (unseen − seen, on the rows of the unseen
        partition); corpus, run.
    """
    ordered = systems(records)
    reference = against or next((r for r in ordered if r["system"]["modality"] == "audio"), ordered[0])
    tests, dimensions = tests_of(ordered), dimensions_of(ordered)
    rows = []
    for record in ordered:
        for partition in tests:
            for dimension in dimensions:
                score = contrast([record], np.asarray, dimension, partition)
                (sd,) = (
                    row["sd"]
                    for row in record["scores"]
                    if row["partition"] == partition and row["dimension"] == dimension
                )
                row = {
                    "modality": record["system"]["modality"],
                    "model": model_name(record),
                    "regime": record["system"]["regime"],
                    "parameters_M": record["system"]["parameters"] / 1e6,
                    "trainable_M": record["system"]["trainable"] / 1e6,
                    "shuffled": record["shuffled"],
                    "partition": partition,
                    "dimension": dimension,
                    "n": score.n,
                    "seeds": score.seeds,
                    "ccc": score.value,
                    "sd": sd,
                    "low": score.low,
                    "high": score.high,
                }
                if record is not reference:
                    other = contrast([record, reference], np.subtract, dimension, partition)
                    row |= {"against": model_name(reference), "difference": other.value}
                    row |= {"difference_low": other.low, "difference_high": other.high}
                if partition == UNSEEN and SEEN in tests:
                    down = fall(record, dimension, SEEN, UNSEEN)
                    row |= {"fall": down.value, "fall_low": down.low, "fall_high": down.high}
                rows.append(row | {"corpus": record["corpus"]["title"], "run": record.folder.name})
    return pd.DataFrame(rows)


def model_name(record: Record, words: bool = True) -> str:
    """A system's name with what must be known of it: frozen encoders, other words than human ones, permuted labels."""
    name = str(record["system"]["name"])
    name += f" ({record['system']['regime']})" * (record["system"]["regime"] != "FT")
    read = record.content.get("transcripts") or {"method": HUMAN}
    name += f" ({said(read)})" * (words and read["method"] != HUMAN)
    return name + " — control: permuted labels" * bool(record["shuffled"])


def titled(partition: str) -> str:
    """A test partition as the paper calls it."""
    return _TITLES.get(partition, partition)


def corpus_title(record: Record) -> str:
    """The corpus as a reader must see it."""
    title = str(record["corpus"]["title"])
    return _BUILT_IN if title == "demo" else title


def markdown(table: pd.DataFrame, corpus: str) -> str:
    """Table 1, the differences, the fall and the published rows, for reading."""
    against = next((name for name in table.get("against", pd.Series(dtype=str)).dropna()), None)
    blocks = [
        f"## Table 1 on {corpus}",
        "CCC, mean over training seeds ± standard deviation over seeds [95 % interval: speakers and seeds resampled].",
        _grid(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)} {ends(r.low, r.high)}"),
    ]
    if against:
        blocks += [
            f"### Paired differences to {against}",
            _grid(table[table.difference.notna()], lambda r: signed(r.difference, r.difference_low, r.difference_high)),
        ]
    if "fall" in table and table.fall.notna().any():
        blocks += [
            "### From seen to unseen",
            _grid(table[table.fall.notna()], lambda r: signed(r.fall, r.fall_low, r.fall_high)),
        ]
    blocks += ["## Table 1 as published", SAID, _published_grid()]
    return "\n\n".join(blocks) + "\n"


def latex(table: pd.DataFrame, corpus: str) -> str:
    """Table 1 for a paper; it needs \\usepackage{booktabs}."""
    columns, rows = _cells(table, lambda r: f"{r.ccc:.3f}{spread(r.sd)}")
    lines = [
        "% needs \\usepackage{booktabs}",
        f"% CCC on {corpus}: mean over training seeds ± standard deviation over seeds",
        f"\\begin{{tabular}}{{ll{'r' * (len(columns) - 2)}}}",
        "\\toprule",
        " & ".join(map(_escaped, columns)) + r" \\",
        "\\midrule",
        *(" & ".join(map(_escaped, row)) + r" \\" for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _cells(table: pd.DataFrame, cell: object) -> tuple[list[str], list[list[str]]]:
    """Column names, and one row of text a system."""
    pairs = list(dict.fromkeys(zip(table.partition, table.dimension, strict=True)))
    columns = ["modality", "model", "#params (M)", *(f"{titled(p)} {d}" for p, d in pairs)]
    rows = []
    for model in dict.fromkeys(table.model):
        own = table[table.model == model]
        text = {(r.partition, r.dimension): cell(r) for r in own.itertuples()}  # type: ignore[operator]
        first = own.iloc[0]
        rows.append([first.modality, model, f"{first.parameters_M:.3g}", *(text.get(pair, "—") for pair in pairs)])
    return columns, rows


def _grid(table: pd.DataFrame, cell: object) -> str:
    columns, rows = _cells(table, cell)
    return piped(columns, rows)


def piped(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _published_grid() -> str:
    long = published("table1").melt(["modality", "model", "parameters_M", "partition", "source"], var_name="dimension")
    return _grid(long, lambda r: f"{r.value:.3f}")


def spread(sd: float | None) -> str:
    """A standard deviation behind a mean, if there is one."""
    return f" ± {sd:.3f}" if sd is not None and np.isfinite(sd) else ""


def ends(low: float, high: float) -> str:
    """An interval, if there is one."""
    return f"[{low:.3f}, {high:.3f}]" if np.isfinite(low) else "[no interval]"


def signed(value: float, low: float, high: float) -> str:
    """A difference with its interval."""
    return f"{value:+.3f} " + (f"[{low:+.3f}, {high:+.3f}]" if np.isfinite(low) else "[no interval]")


def _escaped(text: str) -> str:
    for character in "%_#&":
        text = text.replace(character, f"\\{character}")
    return text.replace("±", "$\\pm$").replace("⇒", "$\\Rightarrow$").replace("—", "--")
