"""Which finetune runs are set against each other: their order, their names, and what they have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from probing.errors import RunError
from probing.files import LOCK, PARTIAL
from probing.runs.records import EvaluationRecord, FinetuneRecord, FitRecord, Record, SystemRecord
from probing.runs.store import demand_whole, read_kind, read_record
from probing.statistics.paired import Contrast, Sample, contrast

BUILT_IN = "the built-in world (synthetic speech)"
System = TypeVar("System", bound=SystemRecord)
Compared = SystemRecord | FitRecord
_MODALITIES = ("audio", "text", "audio+text")


def finished(runs: Iterable[Path | Compared]) -> list[Compared]:
    """The finished ones of some finetune runs, fits and evaluations of published models, each once.

    A run that is still training is named on stderr.

    Args:
        runs: Folders or records; locks and files being written, which a pattern such as `runs/x*` finds, are no runs.

    Raises:
        RunError: A run is incomplete, damaged or of another kind, or none has finished (code `no-run`).
    """
    found: dict[Path, Compared] = {}
    for run in runs:
        folder = run if isinstance(run, Path) else run.folder
        if folder.resolve() in found or folder.name.endswith((LOCK, PARTIAL)):
            continue
        try:
            record = _read(run) if isinstance(run, Path) else run
        except RunError as error:
            if error.code != "run-unfinished":
                raise
            print(f"skipped: {folder} is still training, or was interrupted", file=sys.stderr)
            continue
        demand_whole(record)
        found[folder.resolve()] = record
    if not found:
        remedy = "name finished finetune runs (see `probe runs`)"
        raise RunError("none of the runs has finished", "", remedy, code="no-run")
    return list(found.values())


def _read(folder: Path) -> Compared:
    """A finetune run, a fit, or an evaluation of a published model, which is a run of its own."""
    record = read_record(folder)
    if isinstance(record, FitRecord) or (isinstance(record, EvaluationRecord) and record.published is not None):
        return record
    return read_kind(folder, FinetuneRecord)


def systems(records: Sequence[System]) -> list[System]:
    """Runs in the order of the paper: by modality, larger ones first, fine-tuned before frozen; controls last.

    Raises:
        RunError: They are on several corpora (code `several-corpora`).
    """
    demand_one_corpus(records)
    return sorted(records, key=_place)


def demand_one_corpus(records: Sequence[Record]) -> None:
    """Raise a RunError (code `several-corpora`) where runs are on several corpora, whatever the corpora's names."""
    for one, other in combinations(records, 2):
        if not may_be_one_corpus(one, other):
            raise RunError(
                f"{one.folder} is on {corpus_shown(one)}, {other.folder} on {corpus_shown(other)}",
                "the runs are on several corpora, and their numbers cannot stand together",
                "name runs of one corpus at a time; for what they score on each other's corpora: probe evaluate RUN "
                "--corpus OTHER, then probe compare RUN RUN",
                code="several-corpora",
            )


def on_one_corpus(records: Sequence[Record]) -> bool:
    """Whether all runs may be on one corpus."""
    return all(may_be_one_corpus(one, other) for one, other in combinations(records, 2))


def may_be_one_corpus(one: Record, other: Record) -> bool:
    """Whether two runs are on one corpus: by their digests or, where version 0.1.0 wrote none, by what was rated."""
    if one.same_corpus(other):
        return True
    known = one.corpus.identity and other.corpus.identity
    return not known and one.corpus.title == other.corpus.title and _rated_alike(one, other)


def tests_of(records: Sequence[Record]) -> list[str]:
    """The test partitions that all runs scored, or development where there is none."""
    scored = [{score.partition for score in record.scores} for record in records]
    common = [name for name in dict.fromkeys(s.partition for s in records[0].scores) if all(name in s for s in scored)]
    return [name for name in common if name not in ("train", "development")] or ["development"]


def dimensions_of(records: Sequence[SystemRecord]) -> list[str]:
    """The dimensions that all runs estimate.

    Raises:
        RunError: There is none (code `no-common-dimension`).
    """
    common = [name for name in records[0].system.dimensions if all(name in r.system.dimensions for r in records)]
    if not common:
        raise RunError(
            "the runs estimate no dimension in common",
            "; ".join(f"{record.folder}: {', '.join(record.system.dimensions)}" for record in records),
            "compare runs that were trained with the same --dim",
            code="no-common-dimension",
        )
    return common


def corpus_title(record: Record, *others: Record) -> str:
    """The corpus as a reader must see it, wherever its numbers stand.

    The built-in one is called synthetic, and what test partitions share with train or development is named, also where
    only one of several runs knows it.
    """
    title = BUILT_IN if record.corpus.spec.prefix == "demo" else record.corpus.full_title
    shared = dict.fromkeys(line for one in (record, *others) for line in one.corpus.shared)
    return f"{title} ({'; '.join(shared)})" if shared else title


def corpus_shown(record: Record) -> str:
    """The corpus with its digest, which tells two corpora of one name apart."""
    identity = record.corpus.identity
    return f"{record.corpus.full_title} ({identity.short if identity else 'version 0.1.0: no digest'})"


def model_name(record: SystemRecord, words: bool = True) -> str:
    """A system's name with what must be known of it: frozen encoders, other words than human ones, permuted labels."""
    name = record.system.name
    name += f" ({record.system.regime})" * (record.system.regime != "FT")
    name += f" ({record.words.title})" * (words and not record.words.human)
    return name + " — control: permuted labels" * record.shuffled


def names_of(records: Sequence[SystemRecord], words: bool = True) -> dict[Path, str]:
    """A name for each run, by its folder; runs of one system are told apart by what differs.

    Args:
        records: The runs.
        words: Whether the words that a run was trained on are part of its name. Where they are not, runs of one system
            on other words share a name, and runs on the same words are told apart.
    """
    base = {record.folder: model_name(record, words) for record in records}
    found = dict(base)
    for name in dict.fromkeys(base.values()):
        alike = [record for record in records if base[record.folder] == name]
        if any(_clash(one, other) for one, other in combinations(alike, 2)):
            found |= _told_apart(name, alike)
    return found


def training_of(record: SystemRecord) -> str:
    """What tells one training from another: the run's folder and signature, for its evaluations too."""
    if isinstance(record, EvaluationRecord) and record.published is None:
        return f"{(record.folder / record.run).resolve()} {record.run_signature}"
    return f"{record.folder.resolve()} {record.signature}"


def sample_of(record: SystemRecord, dimension: str, partition: str) -> Sample:
    """A run's estimates, which know their training; they are read, and scored without each speaker, once."""
    return record.predictions.sample(dimension, partition, training_of(record))


def paired_samples(records: Sequence[SystemRecord], dimension: str, partition: str) -> list[Sample]:
    """Several runs' estimates of the same utterances.

    Raises:
        RunError: They estimated other utterances (code `other-utterances`), or lack the dimension or the partition
            (`no-estimates`).
    """
    samples = [sample_of(record, dimension, partition) for record in records]
    for record, sample in zip(records[1:], samples[1:], strict=True):
        if not same_utterances(samples[0], sample):
            raise RunError(
                f"{records[0].folder} and {record.folder} estimated other utterances of {partition}",
                "their corpus, its labels or what was left out differ",
                "compare runs on the same corpus",
                code="other-utterances",
            )
    return samples


def paired(records: Sequence[SystemRecord], coefficients: Sequence[float], dimension: str, partition: str) -> Contrast:
    """Combine the scores of several runs on the same utterances, with the interval of what comes out.

    Args:
        records: The runs; what was tested of one training is paired by its seeds.
        coefficients: One for each run: (1, −1) is a difference.
        dimension: Name of a dimension.
        partition: Name of a partition.

    Raises:
        RunError: As `paired_samples`.
    """
    return contrast(paired_samples(records, dimension, partition), coefficients)


def same_utterances(one: Sample, other: Sample) -> bool:
    """Whether two samples are of the same utterances, with the same ratings."""
    return one.ids == other.ids and bool(np.allclose(one.truth_N, other.truth_N))


def spread_of(record: Record, dimension: str, partition: str) -> float | None:
    """Standard deviation of a score over training seeds; None where there is one seed."""
    found = (s.sd for s in record.scores if s.dimension == dimension and s.partition == partition)
    return next(found, None)


def _rated_alike(one: Record, other: Record) -> bool:
    """Whether the utterances and ratings of two runs are the same, in the partitions and dimensions that both have."""
    keys, columns = ["dimension", "partition"], ["id", "truth"]
    tables = [record.predictions.table[[*keys, *columns]] for record in (one, other)]
    groups = [dict(list(table.groupby(keys))) for table in tables]
    both = groups[0].keys() & groups[1].keys()
    pairs = ([own[key].sort_values("id")[columns].reset_index(drop=True) for own in groups] for key in both)
    return bool(both) and all(
        first.id.equals(second.id) and np.allclose(first.truth, second.truth, equal_nan=True) for first, second in pairs
    )


def _place(record: SystemRecord) -> tuple[Any, ...]:
    system = record.system
    order = (record.shuffled, _MODALITIES.index(system.modality), -system.parameters, system.regime != "FT")
    alike = (system.name, system.regime, record.words.title, repr(sorted(record.options.items())), str(record.folder))
    return (*order, *alike)  # runs alike in all else: the order of arguments must settle nothing


def _clash(one: SystemRecord, other: SystemRecord) -> bool:
    """Whether two runs of one name are on the same words too."""
    return one.words.same(other.words)


def _told_apart(name: str, alike: Sequence[SystemRecord]) -> dict[Path, str]:
    """Names of runs of one system: with the options that differ, or else with the folder's name."""
    settings = {record.folder: {"seeds": len(record.seeds), **record.options} for record in alike}
    keys = list(dict.fromkeys(key for own in settings.values() for key in own))
    differing = [key for key in keys if len({repr(own.get(key)) for own in settings.values()}) > 1]
    named = {
        folder: ", ".join([name, *(_setting(key, own.get(key)) for key in differing)])
        for folder, own in settings.items()
    }
    for label in (_name, _path):
        for shared in dict.fromkeys(named.values()):
            same = [record for record in alike if named[record.folder] == shared]
            clashing = [r for r in same if any(_clash(r, other) for other in same if other is not r)]
            named |= {record.folder: f"{shared}, {label(record.folder)}" for record in clashing}
    return named


def _name(folder: Path) -> str:
    return folder.name


def _path(folder: Path) -> str:
    return str(folder.resolve())


def _setting(key: str, value: Any) -> str:
    """An option as part of a system's name.

    >>> _setting("lr", 0.001), _setting("spec_augment", False), _setting("lr", None), _setting("seeds", 3)
    ('lr 0.001', 'no spec augment', 'lr default', '3 seeds')
    """
    plain = key.replace("_", " ")
    if key == "seeds":
        return f"{value} seeds" if value != 1 else "one seed"
    if isinstance(value, bool):
        return plain if value else f"no {plain}"
    if isinstance(value, float):
        return f"{plain} {value:g}"
    if isinstance(value, list | tuple):
        flat = [item for part in value for item in (part if isinstance(part, list | tuple) else [part])]
        return f"{plain} {' '.join(map(str, flat)) or 'none'}"
    return f"{plain} {'default' if value is None else value}"
