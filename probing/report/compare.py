"""Runs set against each other, in one folder: Tables 1 and 2, findings, categories, other corpora, Figure 3."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from probing.errors import RunError
from probing.files import digest, slug, write_text
from probing.report import classified, cross_corpus, findings, table1, table2
from probing.report.compared import (
    Compared,
    corpus_title,
    demand_one_corpus,
    finished,
    may_be_one_corpus,
    on_one_corpus,
    systems,
)
from probing.report.conditions import on_own_words
from probing.report.figure3 import figure3
from probing.report.layers_and_systems import layers_and_systems
from probing.report.naming import roles_said, set_stem, shortened
from probing.report.style import FIGURES, write_table
from probing.runs.records import FinetuneRecord, FitRecord, Record, SystemRecord
from probing.runs.store import all_records, is_complete, read_kind


@dataclass(frozen=True)
class Comparison:
    """What comparing some runs gives.

    Args:
        table1: Table 1 in long form (`probing.report.table1`); empty where no run estimates a dimension.
        findings: The paper's findings, and whether they hold; empty where no run estimates a dimension.
        table2: Table 2 in long form; empty where all words are human.
        texts: What a person reads, by the name of its file; those in Markdown first.
        paths: The files written.
        categories: Systems of categories (`probing.report.classified`); empty where there is none.
        crossed: Scores on other corpora (`probing.report.cross_corpus`); empty where there is none.
    """

    table1: pd.DataFrame
    findings: pd.DataFrame
    table2: pd.DataFrame
    texts: Mapping[str, str]
    paths: tuple[Path, ...]
    categories: pd.DataFrame = field(default_factory=pd.DataFrame)
    crossed: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __str__(self) -> str:
        return "\n".join(text for name, text in self.texts.items() if name.endswith(".md"))


@dataclass(frozen=True)
class _Tables:
    """Tables by kind, and what a person reads by kind and ending."""

    tables: Mapping[str, pd.DataFrame]
    texts: Mapping[str, str]


def compare(
    runs: Sequence[Path | Compared],
    out: Path = FIGURES,
    against: Path | SystemRecord | None = None,
    fit: Path | FitRecord | None = None,
    name: str | None = None,
    teacher: str | None = None,
    student: str | None = None,
) -> Comparison:
    """Write all comparisons of some runs.

    Args:
        runs: Finetune runs on one corpus, in any order; one that is still training is skipped, which is said on stderr.
            Evaluations of published models on that corpus stand beside them in Table 1. Where fits are among them, or
            runs on several corpora, only what they score on other corpora is compared.
        out: Where tables and figures go.
        against: The run that differences are taken to; by default the largest that takes audio alone.
        fit: A fit on the same corpus, for the comparison figure; see `latest_fit`.
        name: What stands for these runs in the files' names; by default the corpus and a digest of the runs.
        teacher: The audio encoder that findings call the full one; by default what is known of the encoders.
        student: The one that they call the distilled one.

    Raises:
        RunError: A run is incomplete, damaged, of another kind or on another corpus, or none is a finetune run; or of
            fits or of runs on several corpora none has been evaluated on another (code `no-evaluation`,
            `several-corpora`).
        OptionError: No run has the encoder that is named as teacher or student (code `no-such-encoder`).
    """
    everything = finished(runs)
    trained = [record for record in everything if isinstance(record, FinetuneRecord | FitRecord)]
    crossed = cross_corpus.cross_table(trained)
    if any(isinstance(record, FitRecord) for record in everything) or (len(crossed) and not on_one_corpus(everything)):
        return _crossed_alone(trained, crossed, out, name)
    named_runs = systems([record for record in everything if isinstance(record, SystemRecord)])
    own = [record for record in named_runs if isinstance(record, FinetuneRecord)]
    if not own:
        why, remedy = "they are evaluations of published models", "name finetune runs too (see `probe runs`)"
        raise RunError("none of the runs is one of our own", why, remedy, code="no-run")
    records = on_own_words(own) or own  # other words have a table of their own
    reference = _reference(against, named_runs)
    layers = read_kind(fit, FitRecord) if isinstance(fit, Path) else fit
    if layers is not None:
        demand_one_corpus([layers, *named_runs])  # before anything is written
    beside: list[Record | str] = [*([reference] if reference else []), *roles_said(teacher, student)]
    stem = set_stem(named_runs, name, *beside)
    published = [record for record in named_runs if not isinstance(record, FinetuneRecord)]
    rated = [record for record in records if record.system.dimensions]
    made = _of_dimensions(rated, published, own, reference, teacher, student) if rated else _Tables({}, {})
    classes = classified.class_table([*records, *published], reference)
    for kind, table, text in (
        ("categories", classes, partial(classified.markdown, corpus=corpus_title(*records))),
        ("crosscorpus", crossed, cross_corpus.markdown),
    ):
        if len(table):
            made = _Tables({**made.tables, kind: table}, {**made.texts, f"{kind}.md": text(table)})
    named, paths = _write(made, out, stem)
    if rated:
        paths += figure3(rated, out, stem)
    if rated and layers is not None:
        paths += layers_and_systems(layers, rated, out, set_stem(named_runs, name, *beside, layers))
    first, found, second = (made.tables.get(kind, pd.DataFrame()) for kind in ("table1", "findings", "table2"))
    return Comparison(first, found, second, named, tuple(paths), classes, crossed)


def _of_dimensions(
    records: Sequence[FinetuneRecord],
    published: Sequence[SystemRecord],
    everything: Sequence[FinetuneRecord],
    reference: SystemRecord | None,
    teacher: str | None,
    student: str | None,
) -> _Tables:
    """Tables 1 and 2 and the findings."""
    title = corpus_title(*records)
    tables = {
        "table1": table1.table1([*records, *published], reference),
        "findings": findings.findings(records, teacher, student),
    }
    texts = {
        "table1.md": table1.markdown(tables["table1"], title),
        "table1.tex": table1.latex(tables["table1"], title),
        "findings.md": findings.markdown(tables["findings"], title),
    }
    words = table2.table2([record for record in everything if record.system.dimensions])
    if len(words):
        tables["table2"], texts["table2.md"] = words, table2.markdown(words, title)
    return _Tables(tables, texts)


def _crossed_alone(
    trained: Sequence[FinetuneRecord | FitRecord], crossed: pd.DataFrame, out: Path, name: str | None
) -> Comparison:
    """What runs that share no corpus, or fits, score on other corpora."""
    if crossed.empty:
        raise RunError(
            "none of the runs has been evaluated on another corpus",
            "fits, and runs on several corpora, are compared by what they score on other corpora",
            "type probe evaluate RUN --corpus CORPUS first",
            code="no-evaluation",
        )
    settled = sorted([record.signature, list(crossed[crossed.run == record.folder.name].test)] for record in trained)
    made = _Tables({"crosscorpus": crossed}, {"crosscorpus.md": cross_corpus.markdown(crossed)})
    named, paths = _write(made, out, slug(name) if name is not None else digest(settled)[:6])
    empty = pd.DataFrame()
    return Comparison(empty, empty, empty, named, tuple(paths), crossed=crossed)


def _write(made: _Tables, out: Path, stem: str) -> tuple[dict[str, str], list[Path]]:
    """Write tables and texts: the texts by the names of their files, and all paths."""
    named = {_with(stem, file): text for file, text in made.texts.items()}
    paths = [write_table(table, out / _with(stem, f"{kind}.csv")) for kind, table in made.tables.items()]
    for file, text in named.items():
        write_text(out / file, text)
        paths.append(out / file)
    return named, paths


def latest_fit(compared: SystemRecord | Sequence[SystemRecord], root: Path) -> FitRecord | None:
    """The latest finished fit on the corpus of some systems, on trained weights; None where there is none.

    Args:
        compared: One system or several; another corpus of the same name is another corpus.
        root: Folder of all runs.
    """
    runs = [compared] if isinstance(compared, SystemRecord) else list(compared)
    fits = [record for record in reversed(all_records(root)) if isinstance(record, FitRecord)]
    trained = (record for record in fits if not record.encoder.random and _on_one_corpus(record, runs))
    return next(filter(is_complete, trained), None)


def _on_one_corpus(fit: FitRecord, runs: Sequence[SystemRecord]) -> bool:
    """Whether a fit that nobody named is on the corpus of some runs; where that cannot be told, stderr says so."""
    try:
        return all(may_be_one_corpus(fit, run) for run in runs)
    except RunError as error:
        print(f"skipped: {error.what}: {error.why}", file=sys.stderr)
        return False


def _reference(against: Path | SystemRecord | None, records: Sequence[SystemRecord]) -> SystemRecord | None:
    """The run that differences are taken to; its estimates are not read twice where it is among the others."""
    if against is None:
        return None
    folder = against if isinstance(against, Path) else against.folder
    among = next((record for record in records if record.folder.resolve() == folder.resolve()), None)
    if among is not None:
        return among
    (other,) = finished([against])
    if isinstance(other, FitRecord):
        why = "it is a run of `probe fit`"
        raise RunError(f"{folder}", why, "name a run of `probe finetune` (see `probe runs`)", code="run-kind")
    return other


def _with(stem: str, file: str) -> str:
    """A file of some runs: `table1-demo.md` of `table1.md`."""
    kind, _, ending = file.partition(".")
    return f"{shortened(f'{kind}-{stem}')}.{ending}"
