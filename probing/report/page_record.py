"""What a page says of how its numbers came about: corpus, records of the runs, and how to cite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probing.errors import number_of
from probing.files import duration
from probing.report.compared import corpus_title
from probing.report.page_blocks import NOTHING, Block, Items, Quoted, Section, Table, Words
from probing.runs.entries import CorpusEntry, EncoderEntry
from probing.runs.printing import seeds_of
from probing.runs.records import (
    EncoderRecord,
    EvaluationRecord,
    FinetuneRecord,
    LayersRecord,
    Record,
    SystemRecord,
)

_MOST_NAMES = 50  # of utterances that were left out; the record has them all
_DIGITS = 16  # of digests
_OLD = "version 0.1.0 did not record it"
_PAPER = (
    "D. de Oliveira, N. Raj Prabhu and T. Gerkmann, “Leveraging Semantic Information for Efficient Self-Supervised "
    "Emotion Recognition with Audio-Textual Distilled Models”, Interspeech 2023."
)
_BIBTEX = """@inproceedings{{deoliveira2023leveraging,
  author    = {{de Oliveira, Danilo and Raj Prabhu, Navin and Gerkmann, Timo}},
  title     = {{Leveraging Semantic Information for Efficient Self-Supervised Emotion Recognition
               with Audio-Textual Distilled Models}},
  booktitle = {{Interspeech}},
  year      = {{2023}}
}}
@misc{{probing,
  author = {{{{The probing developers}}}},
  title  = {{probing: which layers of a speech model carry arousal, valence and dominance?}},
  note   = {{Software, {version}}}
}}"""


def corpus_section(records: Sequence[Record]) -> Section:
    """The corpus: what it is, its partitions, and what was left out of it.

    Args:
        records: Runs on one corpus, at least one.
    """
    entry = records[0].corpus
    blocks: list[Block] = []
    if entry.spec.prefix == "demo":
        said = "This corpus is synthetic speech that comes with the toolkit. Its numbers show what the toolkit does; "
        blocks.append(Words((said + "they say nothing about human speech and stand beside no other corpus's.",)))
    blocks.append(_identity(records))
    blocks += _partitions(records)
    blocks += _left_out(records)
    return Section("corpus", "Corpus", tuple(blocks))


def record_section(records: Sequence[Record]) -> Section:
    """How each run was made.

    Args:
        records: The runs.
    """
    blocks = [
        Table(f"{record.command}: {record.title} ({record.folder.name})", ("", "as recorded"), tuple(_made(record)))
        for record in records
    ]
    return Section("record", "How these numbers were made", tuple(blocks))


def citation_section(records: Sequence[Record]) -> Section:
    """What to cite.

    Args:
        records: The runs, which may be of several versions.
    """
    versions = sorted({_software(record) for record in records})
    said = f"The method and the published numbers: {_PAPER} This software: probing, {'; '.join(versions)}. "
    said += "Corpora and encoders are to be cited as their authors ask."
    return Section(
        "cite", "How to cite", (Words((said,)), Quoted("BibTeX", _BIBTEX.format(version="; ".join(versions))))
    )


def _software(record: Record) -> str:
    version = record.versions.get("probing", "unknown")
    commit = str((record.git or {}).get("commit") or "")[:12]
    return f"version {version}" + f" (commit {commit})" * bool(commit)


def _identity(records: Sequence[Record]) -> Table:
    entry = records[0].corpus
    known = [record.corpus.identity for record in records if record.corpus.identity]
    low, high = entry.scale
    rows = [("corpus", corpus_title(*records)), ("given as", _typed(entry)), ("ratings", f"from {low:g} to {high:g}")]
    for part in ("labels", "audio", "text", "categories"):
        found = next((getattr(identity, part) for identity in known if getattr(identity, part)), None)
        if part == "categories" and found is None:  # most corpora have none
            continue
        rows.append((f"digest of its {part}", found or (_OLD if not known else "not read")))
    return Table("Which corpus it is", ("", "as recorded"), tuple(rows))


def _typed(entry: CorpusEntry) -> str:
    return " ".join(entry.spec.words())


def _partitions(records: Sequence[Record]) -> Iterator[Table]:
    """Counts by partition; runs that read other numbers of utterances have tables of their own."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        counts = sorted(
            (name, count, _speakers(record.corpus, name)) for name, count in record.corpus.utterances.items()
        )
        groups.setdefault(repr(counts), []).append(record)
    for own in groups.values():
        entry = own[0].corpus
        whose = "" if len(groups) == 1 else f", as read by {', '.join(record.folder.name for record in own)}"
        rows = [(name, f"{count:,}", _speakers(entry, name)) for name, count in entry.utterances.items()]
        columns = ("partition", "utterances", "intervals are by")
        yield Table(f"Utterances and speakers of each partition{whose}", columns, tuple(rows))


def _speakers(entry: CorpusEntry, partition: str) -> str:
    found = entry.clusters.get(partition)
    return number_of(found.number, found.by) if found else NOTHING


def _left_out(records: Sequence[Record]) -> Iterator[Block]:
    """What --allow-missing left out, of each run that left other utterances out."""
    lists: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        lists.setdefault(tuple(record.corpus.left_out), []).append(record.folder.name)
    if list(lists) == [()]:
        yield Words(("Nothing was left out.",))
        return
    for ids, folders in lists.items():
        title = f"Left out by {', '.join(folders)}: {number_of(len(ids), 'utterance')}"
        rest = (f"… and {len(ids) - _MOST_NAMES:,} more, which the record names",) * (len(ids) > _MOST_NAMES)
        yield Items(title, (*ids[:_MOST_NAMES], *rest) if ids else ("nothing",))


def _made(record: Record) -> Iterator[tuple[str, str]]:
    """Rows of a run's record: what it is, and what is recorded of it."""
    yield "command", record.typed or NOTHING
    yield "started", record.date
    yield "took", duration(record.seconds)
    yield from _subject(record)
    for name in ("device", "threads"):
        if value := getattr(record, name, None):
            yield name, str(value)
    yield "options", _settings(record.options)
    if used := getattr(record, "used", None):
        yield "settings that followed from them", _settings(used)
    yield "versions", _settings(record.versions) or NOTHING
    git = record.git or {}
    yield "commit", f"{git.get('commit')}" + ", with changes" * bool(git.get("changed")) if git else NOTHING
    yield "machine", _settings(record.machine) or NOTHING
    yield "signature of the configuration", record.signature
    yield "files", number_of(len(record.files), "file") + " with digests" if record.files else _OLD
    yield "format of the record", f"version {record.version}"


def _subject(record: Record) -> Iterator[tuple[str, str]]:
    """The encoder and its cache, or the system and its words."""
    if isinstance(record, EncoderRecord):
        yield "encoder", _encoder(record.encoder)
        cache = record.cache
        yield "cache", f"{cache.path} (store {cache.store}, {cache.dtype}, fingerprint {cache.fingerprint[:_DIGITS]})"
    if isinstance(record, LayersRecord):
        yield from _set_against(record)
    if isinstance(record, SystemRecord):
        own = record.system
        yield "system", f"{own.name} ({own.regime}, {own.modality}), {seeds_of(len(record.seeds))}"
        yield "parameters", f"{own.parameters / 1e6:.3g} M, of which {own.trainable / 1e6:.3g} M were trained"
        yield "words", record.words.title if own.reads else "none"
    if isinstance(record, FinetuneRecord):
        if record.shuffled:
            yield "labels", "permuted: a control"
        yield "licence of the data", record.data_licence or "not stated"
    if isinstance(record, EvaluationRecord):
        if model := record.published:
            yield "published model", f"{model.name} (layout {model.layout}, weights {model.weights[:_DIGITS]})"
        else:
            yield "of the run", f"{record.run} (signature {record.run_signature})"
        yield "noise", "none" if record.snr is None else f"signal-to-noise ratio of {record.snr:g} dB"


def _encoder(entry: EncoderEntry) -> str:
    weights = str(entry.identity.get("weights", ""))[:_DIGITS]
    random = " (random weights)" * (entry.random and "random" not in entry.title)
    return entry.title + random + f", weights {weights}" * bool(weights)


def _set_against(record: LayersRecord) -> Iterator[tuple[str, str]]:
    """What the layers of an encoder were set against."""
    yield "dimensions", " ".join(record.dimensions)
    yield "words", _encoder(record.text) if record.text else "left out"
    own = record.acoustics
    heard = f"{number_of(own.measures, 'measure')} ({own.recipe}, identity {own.identity[:_DIGITS]})" if own else ""
    yield "sound", heard or "left out"
    if own and own.versions:
        yield "libraries of the sound", _settings(own.versions)
    for other in record.beside:
        yield "compared with", _encoder(other)
    if record.system:
        yield "erased inside of", record.system
    yield "directions erased", _settings(record.ranks) or NOTHING


def _settings(values: Mapping[str, Any]) -> str:
    """Names and values in a line.

    >>> _settings({"dims": ["arousal", "valence"], "lr": None, "layer_lr": 0.03})
    'dims: arousal valence; lr: default; layer lr: 0.03'
    """
    return "; ".join(f"{name.replace('_', ' ')}: {_setting(value)}" for name, value in values.items())


def _setting(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(map(_setting, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
