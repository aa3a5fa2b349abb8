"""Runs scored on other corpora than their own: what they were trained on × what they were tested on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.corpus.transcripts import Words
from probing.errors import RunError
from probing.report.compared import corpus_shown, corpus_title, may_be_one_corpus
from probing.report.guessing import guessed, outputs_of
from probing.runs import escapes
from probing.runs.printing import ends, intervals_said, markdown_table, spread, titled
from probing.runs.records import CategoryScore, EvaluationRecord, FinetuneRecord, FitRecord, Record, Score
from probing.runs.standing import standing
from probing.runs.store import demand_whole, evaluations_of

Trained = FinetuneRecord | FitRecord


@dataclass(frozen=True)
class _Test:
    """A run, and the record of a test of it."""

    run: Trained
    tested: Record


def cross_table(runs: Sequence[Trained]) -> pd.DataFrame:
    """Scores of runs on their own corpus and on others, in long form.

    Args:
        runs: Finetune runs and fits. Their evaluations on other corpora are looked for beside them; of several on the
            same corpus and words the newest counts, and those with noise are left out.

    Returns:
        target (dimension or category), measure (`CCC` or `UAR`), model, trained_on, tested_on, own (whether that is the
        corpus that it was trained on), partition, n, left_out (utterances of the partition without a rating or class,
        or of a class that the run does not know), classes (that are there) and chance (the UAR of guessing), NaN of
        dimensions, seeds, score (mean over seeds), sd, low, high, run, test. Of the own corpus only test partitions
        have rows. Empty where no run has been evaluated on another corpus.
    """
    tests = [test for run in runs for test in _tests(run)]
    if all(test.tested is test.run for test in tests):
        return pd.DataFrame()
    shown = _names([test.tested for test in tests] + [test.run for test in tests])
    rows = [row for test in tests for row in _rows(test, shown)]
    return pd.DataFrame(rows).sort_values("target", kind="stable", ignore_index=True)


def markdown(table: pd.DataFrame) -> str:
    """A table for each dimension and category: a row a run, a column a corpus and partition that it was tested on."""
    blocks = ["## Trained on × tested on"]
    for (target, measure), own in table.groupby(["target", "measure"], sort=False):
        keys = ["trained_on", "model", "run"]
        own = own.assign(cell=[_cell(row) for row in own.itertuples()], where=_where(own, keys))
        wide = own.pivot(index=keys, columns="where", values="cell")
        wide = wide[list(dict.fromkeys(own["where"]))].fillna("—").reset_index()
        blocks.append(f"### {escapes.markdown(str(target))}: {measure}")
        blocks.append(markdown_table(wide.rename(columns={"trained_on": "trained on"})))
    said = f"Mean over training seeds ± standard deviation over seeds [{intervals_said(table.seeds)}]."
    if (table.measure == "UAR").any():
        said += " UAR is of the classes that are there, not always the same ones; chance is what guessing reaches."
    blocks.append(said)
    return "\n\n".join(blocks) + "\n"


def _where(own: pd.DataFrame, keys: list[str]) -> list[str]:
    """What each score was tested on; tests of one run whose names are equal are told apart by their folders.

    Two corpora of version 0.1.0, which wrote no digests, may share a name, and so may two tables of words.
    """
    named = [f"{name}, {titled(partition)}" for name, partition in zip(own.tested_on, own.partition, strict=True)]
    alike = own.assign(where=named).duplicated([*keys, "where"], keep=False)
    rows = zip(named, own.test, alike, strict=True)
    return [f"{name}, {test}" if test and shared else name for name, test, shared in rows]


def _cell(row: Any) -> str:
    """A score; of UAR also of how many classes; and how many utterances are left out."""
    said = f"{row.score:.3f}{spread(row.sd)} {ends(row.low, row.high)}"
    if not np.isnan(row.chance):
        said += f"; {row.classes:.0f} classes, chance {row.chance:.3f}"
    return said + f"; {row.left_out:,} of {row.n + row.left_out:,} left out" * bool(row.left_out)


def _tests(run: Trained) -> Iterator[_Test]:
    """A run itself, and its newest evaluation on each other corpus and each kind of words."""
    yield _Test(run, run)
    newest: dict[str, EvaluationRecord] = {}
    for other in evaluations_of(run):
        if other.snr is not None or run.same_corpus(other) or not _current(run, other):
            continue
        try:
            demand_whole(other)
        except RunError as error:
            print(f"skipped: {error.what}: {error.why}", file=sys.stderr)
            continue
        if may_be_one_corpus(run, other):  # of version 0.1.0, which wrote no digests, only the ratings tell
            continue
        key = f"{corpus_shown(other)} {other.words.name}"
        if key not in newest or other.date > newest[key].date:
            newest[key] = other
    for other in newest.values():
        yield _Test(run, other)


def _current(run: Trained, other: EvaluationRecord) -> bool:
    """Whether an evaluation is of the training that the run holds now."""
    seeds = run.seeds if isinstance(run, FinetuneRecord) else other.seeds
    return other.run_signature == run.signature and other.seeds == seeds


def _names(records: Sequence[Record]) -> dict[str, str]:
    """Corpus with its digest → its title, or both where two corpora have one title."""
    titles = {corpus_shown(record): corpus_title(record) for record in records}
    shared = [title for title in titles.values() if list(titles.values()).count(title) > 1]
    return {shown: shown if title in shared else title for shown, title in titles.items()}


def _rows(test: _Test, shown: dict[str, str]) -> Iterator[dict[str, Any]]:
    run, tested = test.run, test.tested
    own = tested is run
    given = tested.words if isinstance(tested, EvaluationRecord) else Words()
    words = "" if given.human else f" ({given.title})"
    scores: list[Score | CategoryScore] = [*standing(tested.scores), *standing(tested.category_scores)]
    for score in scores:
        if score.partition in (TRAIN, DEVELOPMENT) and (own or _has_tests(tested)):
            continue
        if isinstance(score, Score):
            target, measure, value = score.dimension, "CCC", score.ccc
            of_classes = {"classes": np.nan, "chance": np.nan}
        else:
            target, measure, value = score.category, "UAR", score.uar
            of_classes = {"classes": score.classes, "chance": guessed(score.classes, outputs_of(tested, target))}
        numbers = {"sd": score.sd, "low": score.low, "high": score.high}
        yield {
            "target": target,
            "measure": measure,
            "model": "probes on " * isinstance(run, FitRecord)
            + run.title
            + " — control: permuted labels" * bool(getattr(run, "shuffled", False)),
            "trained_on": shown[corpus_shown(run)],
            "tested_on": shown[corpus_shown(tested)] + words,
            "own": own,
            "partition": score.partition,
            "n": score.n,
            "left_out": tested.corpus.utterances.get(score.partition, score.n) - score.n,
            **of_classes,
            "seeds": _seeds(tested),
            "score": value,
            **{name: np.nan if value is None else value for name, value in numbers.items()},
            "run": run.folder.name,
            "test": "" if own else tested.folder.name,
        }


def _has_tests(record: Record) -> bool:
    partitions = {*(score.partition for score in record.scores), *(s.partition for s in record.category_scores)}
    return bool(partitions - {TRAIN, DEVELOPMENT})


def _seeds(record: Record) -> int:
    own = getattr(record, "seeds", None)
    return len(own) if own is not None else int(record.options.get("seeds", 1))
