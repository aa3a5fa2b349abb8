"""What was scored with what is measured: CCC of finished runs, and the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from probing.bench.operations import Size
from probing.bench.subjects import Subject
from probing.corpus.model import EMOTIONS
from probing.report.compared import corpus_title, may_be_one_corpus, names_of
from probing.report.published import RELEASE, published
from probing.runs.entries import Score
from probing.runs.records import FinetuneRecord, FitRecord, Record
from probing.runs.standing import standing
from probing.runs.store import all_records, is_complete
from probing.systems.build import parts_of

COLUMNS = ["corpus", "file", "subject", "run", "dimension", "partition", "ccc", "low", "high", "source"]
PUBLISHED = "published"  # a source, and in file names
_TAUGHT = ("train", "development")
_PAPER = {  # our names of the paper's encoders
    "wav2vec2-large-robust-12": ("audio", "w2v2-L-robust(p)"),
    "hubert-base": ("audio", "HuBERT base"),
    "distilhubert": ("audio", "DistilHuBERT"),
}
_HEARD = {"audio": "audio only", "audio+text": "audio + text"}
_PAPER |= {f"{name}+tinybert": ("audio+text", model) for name, (_, model) in _PAPER.items()}


def scores_of(measured: Sequence[tuple[Subject, Size]], runs: Path) -> pd.DataFrame:
    """CCC on test partitions, a row for each corpus, subject, run, dimension and partition.

    Of a subject for which runs were named these count; of any other the latest run on each corpus that is there.

    Args:
        measured: What was measured, and how large it is.
        runs: Folder of all runs.

    Returns:
        corpus (its title), file (the corpus in file names), subject, run, dimension, partition, ccc (mean over seeds),
        low, high (95 %), source (`measured`, or `published` of the paper's numbers).
    """
    found = {size.name: list(subject.records) for subject, size in measured}
    if not all(found.values()):
        known = [record for record in all_records(runs) if _stands(record)]
        for subject, size in measured:
            found[size.name] = found[size.name] or _latest([one for one in known if _is_of(one, subject)])
    rows = [row for corpus in _by_corpus(found) for row in _rows(corpus)]
    return pd.DataFrame([*rows, *_published(measured)], columns=COLUMNS)


def _stands(record: Record) -> bool:
    """Whether a run is one that nobody needs to name: on what people said and rated, and complete."""
    usual = not (isinstance(record, FinetuneRecord) and (record.shuffled or not record.words.human))
    return usual and bool(record.scores) and isinstance(record, FinetuneRecord | FitRecord) and is_complete(record)


def _is_of(record: Record, subject: Subject) -> bool:
    """Whether a run's numbers come from what was measured: by what opens it, since folders may share a name."""
    if isinstance(record, FitRecord):
        return subject.encoder is not None and record.encoder.spec == subject.encoder
    if not isinstance(record, FinetuneRecord) or subject.system is None:
        return False
    same = sorted(record.system.spec) == sorted(parts_of(subject.system))
    return same and record.options.get("window") == subject.window


def _latest(records: Sequence[Record]) -> list[Record]:
    """The latest of each corpus; runs whose encoders learned come before those on frozen ones."""
    kept: list[Record] = []
    for record in sorted(records, key=lambda one: (_regime(one) != "FT", -records.index(one))):
        if not any(may_be_one_corpus(record, other) for other in kept):
            kept.append(record)
    return kept


def _regime(record: Record) -> str:
    return record.system.regime if isinstance(record, FinetuneRecord) else "FT"


def _by_corpus(found: Mapping[str, Sequence[Record]]) -> list[list[tuple[str, Record]]]:
    """Subject and run, apart for each corpus: the numbers of two are never drawn together."""
    groups: list[list[tuple[str, Record]]] = []
    for subject, records in found.items():
        for record in records:
            group = next((own for own in groups if may_be_one_corpus(own[0][1], record)), None)
            if group is None:
                groups.append(group := [])
            group.append((subject, record))
    return groups


def _rows(corpus: Sequence[tuple[str, Record]]) -> list[dict[str, Any]]:
    """Rows of the runs on one corpus."""
    records = [record for _, record in corpus]
    titles = names_of([record for record in records if isinstance(record, FinetuneRecord)])
    known = {"corpus": corpus_title(records[0], *records[1:]), "file": records[0].corpus.file_name}
    return [
        known
        | {"subject": subject, "run": titles.get(record.folder, f"probes on {record.title}"), "source": "measured"}
        | {name: getattr(score, name) for name in ("dimension", "partition", "ccc", "low", "high")}
        for subject, record in corpus
        for score in _tested(record)
    ]


def _tested(record: Record) -> list[Score]:
    """Scores of what stands for a run on its test partitions, or on development where it has none."""
    scores = standing(record.scores)
    tested = [score for score in scores if score.partition not in _TAUGHT]
    return tested or [score for score in scores if score.partition == "development"]


def _published(measured: Sequence[tuple[Subject, Size]]) -> list[dict[str, Any]]:
    """What the paper printed of the systems that were measured."""
    table = published("table1")
    known = {"corpus": f"{RELEASE}, as published", "file": PUBLISHED, "source": PUBLISHED}
    rows = []
    for subject, size in measured:
        modality, model = _PAPER.get(subject.system or "", ("", ""))
        for own in table[(table.modality == modality) & (table.model == model)].to_dict("records"):
            rows += [
                known
                | {"subject": size.name, "run": f"{model}, {_HEARD[modality]}"}
                | {"dimension": dimension, "partition": own["partition"], "ccc": own[dimension]}
                for dimension in EMOTIONS
            ]
    return rows
