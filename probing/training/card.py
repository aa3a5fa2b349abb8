"""A run's README.md: what the system is, what it was trained on, its scores, how to load it; ready for a model hub."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from probing.errors import number_of
from probing.files import slug, write_text
from probing.runs.escapes import markdown, plain
from probing.runs.printing import (
    MEASURES,
    ends,
    intervals_said,
    markdown_table,
    measure_of,
    partition_title,
    seeds_of,
)
from probing.runs.records import FinetuneRecord, SystemEntry
from probing.runs.scores import noted_of_intervals
from probing.runs.store import amend_record
from probing.training.resume import CARD

NOT_STATED = "not stated"
_ON_HUBS = {"uar": "recall", "macro_f1": "f1", "accuracy": "accuracy"}  # what they call the measures of categories


def write_cards(record: FinetuneRecord) -> None:
    """Write a README.md into the run's folder, and into each folder that may go to a model hub."""
    for path, text in _cards(record).items():
        write_text(path, text)


def state_licence(record: FinetuneRecord, licence: str) -> FinetuneRecord:
    """State the licence of a finished run's data: on its cards and in its record, of which nothing else changes.

    A run of version 0.1.0 is never rewritten; stderr says so.

    A card that its user has edited is left as it is, and named on stderr. The record is written last, so that the same
    command completes what a kill has interrupted.

    Args:
        record: The run, in its folder, which no other process may write meanwhile.
        licence: As the user states it.

    Returns:
        The record as it is read back.
    """
    if record.version == 1:
        print(
            f"{record.folder} is of version 0.1.0 and stays as it is: state the licence on its cards", file=sys.stderr
        )
        return record
    before, edited = _cards(record), []
    for path, text in _cards(replace(record, data_licence=licence)).items():
        own = [one.encode("utf-8", "backslashreplace") for one in (before[path], text)]  # as write_text does
        if not path.exists() or path.read_bytes() in own:
            write_text(path, text)
        else:
            edited.append(str(path))
    if edited:
        print(f"edited since it was written, state the licence there yourself: {', '.join(edited)}", file=sys.stderr)
    return amend_record(record, data_licence=licence)


def _cards(record: FinetuneRecord) -> dict[Path, str]:
    """Where a run's cards stand, and what they say."""
    places = [f"seed{seed}" for seed in record.seeds]
    whole = {record.folder / CARD: card(record, places[0])}
    return whole | {record.folder / place / CARD: card(record, ".") for place in places}


def card(record: FinetuneRecord, folder: str) -> str:
    """The model card of a finished `finetune` run, in Markdown with the header that model hubs read.

    Cards are passed around and put on a hub: they name no utterance, no speaker, and no place of the machine that it
    was made on. So they are made of the record's facts and not of its notes, which name some.

    Args:
        record: The run.
        folder: The folder of a trained system, as seen from that of the card.
    """
    system, notes = record.system, _notes(record)
    blocks = [
        f"# {markdown(system.name)} on {markdown(record.corpus.full_title)}",
        f"Estimates {_estimated(system)} in speech. Encoders, pooling, early fusion and "
        "a head, after de Oliveira, Raj Prabhu and Gerkmann (Interspeech 2023).",
        markdown_table(_facts(record)),
        "## Scores",
        *_scores(record),
        *(["\n".join(f"- {markdown(note)}" for note in notes)] if notes else []),
        "## Use",
        _usage(folder, system),
        "Labels describe how an utterance sounds to listeners of that corpus, not what its speaker feels; other "
        "languages, rooms and ways of speaking were not tested unless a table above says so.",
    ]
    return str(ModelCard(f"---\n{_header(record).to_yaml()}\n---\n\n" + "\n\n".join(blocks) + "\n"))


def _notes(record: FinetuneRecord) -> list[str]:
    """What a reader should know of how it was made."""
    clusters = record.corpus.clusters.items()
    left_out, truncated = len(record.corpus.left_out), record.truncated
    notes = [
        *record.corpus.shared,
        *(noted_of_intervals(partition, own.by, own.number) for partition, own in clusters),
        f"{number_of(left_out, 'utterance')} of the corpus could not be used" * bool(left_out),
        f"{number_of(truncated, 'transcript was', 'transcripts were')} truncated" * bool(truncated),
        "SpecAugment was on" * bool(record.options.get("spec_augment")),
        "this is a control: the labels of train and development were permuted" * record.shuffled,
        *(record.words.notes() if record.system.reads else []),
    ]
    return [note for note in notes if note]


def _header(record: FinetuneRecord) -> ModelCardData:
    """What model hubs read. Everything is a value in it, so that no text can break its YAML."""
    system, corpus = record.system, record.corpus
    task = "audio-classification" if system.hears else "text-classification"
    results = [
        EvalResult(
            task_type=task,
            dataset_type=slug(corpus.title),
            dataset_name=plain(corpus.full_title),
            dataset_split=plain(score.partition),
            metric_type="ccc",
            metric_name=f"CCC of {plain(score.dimension)}",
            metric_value=score.ccc,
        )
        for score in record.scores
    ]
    results += [
        EvalResult(
            task_type=task,
            dataset_type=slug(corpus.title),
            dataset_name=plain(corpus.full_title),
            dataset_split=plain(score.partition),
            metric_type=_ON_HUBS[field],
            metric_name=f"{title} of {plain(score.category)}",
            metric_value=getattr(score, field),
        )
        for score in record.category_scores
        for field, title in MEASURES.items()
    ]
    return ModelCardData(
        library_name="transformers",
        tags=["speech-emotion-recognition", "probing", *(["text"] if system.reads else [])],
        metrics=list(dict.fromkeys(result.metric_type for result in results)),
        model_name=plain(f"{system.name} on {corpus.full_title}"),
        eval_results=results,
        license="other" if record.data_licence else None,
        license_name=plain(record.data_licence) if record.data_licence else None,
    )


def _facts(record: FinetuneRecord) -> pd.DataFrame:
    system, corpus = record.system, record.corpus
    low, high = corpus.scale
    rated = [f"{', '.join(system.dimensions)}, on {low:g} to {high:g}"] if system.dimensions else []
    inputs = ["audio (mono, 16 kHz)"] * system.hears + ["text"] * system.reads
    frozen = [*["convolutional front end"] * system.hears, *system.frozen]
    facts = {
        "Input": " and ".join(inputs),
        "Output": "; ".join([*rated, *(f"{name}: {', '.join(own)}" for name, own in system.categories.items())]),
        "Encoders": system.name + " (random weights at the start)" * system.random,
        "Parameters": f"{system.parameters / 1e6:.3g} M, {system.trainable / 1e6:.3g} M of them trained",
        "Frozen": ", ".join(frozen) or "nothing",
        "Trained on": f"{corpus.full_title}, " + ", ".join(f"{n:,} {name}" for name, n in corpus.utterances.items()),
        "Words": record.words.title if system.reads else "none",
        "Licence of the data": record.data_licence or NOT_STATED,
        "Loss": _loss(record),
        "Learning rate": f"{record.used['lr']:g}, batches of {record.options['batch']}, dropout "
        f"{record.options['dropout']:g}",
        "Training seeds": str(len(record.seeds)),
    }
    return pd.DataFrame([(name, plain(fact)) for name, fact in facts.items()], columns=["", " "])


def _estimated(system: SystemEntry) -> str:
    parts = ["dimensions of emotion"] * bool(system.dimensions) + [plain(name) for name in system.categories]
    return " and ".join(parts)


def _loss(record: FinetuneRecord) -> str:
    dimensions, categories = record.system.dimensions, record.system.categories
    weights = " with balanced class weights" if record.options.get("class_weights") == "balanced" else ""
    parts = ["1 − CCC of each dimension"] * bool(dimensions) + [f"cross-entropy{weights}"] * bool(categories)
    return f"{' and '.join(parts)}, averaged" if categories else "1 − CCC, averaged over the dimensions"


def _scores(record: FinetuneRecord) -> Iterator[str]:
    """What the scores are, and a row for each dimension or category, a column for each partition."""
    said = f"mean over {seeds_of(len(record.seeds))} [{intervals_said([len(record.seeds)])}]"
    if record.scores:
        cells = {(s.dimension, s.partition): f"{s.ccc:.3f} {ends(s.low, s.high)}" for s in record.scores}
        yield f"Concordance correlation coefficient, {said}."
        yield markdown_table(_by_partition(cells))
    if record.category_scores:
        measured = [(s, field, title) for field, title in MEASURES.items() for s in record.category_scores]
        cells = {(f"{s.category}, {title}", s.partition): measure_of(s, field) for s, field, title in measured}
        yield f"Unweighted average recall (UAR), {said}; macro-F1 and accuracy."
        yield markdown_table(_by_partition(cells))


def _by_partition(cells: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """A table of texts, by the names of row and partition."""
    names, partitions = (list(dict.fromkeys(own)) for own in zip(*cells, strict=True))
    rows = [[name, *(cells.get((name, partition), "—") for partition in partitions)] for name in names]
    return pd.DataFrame(rows, columns=["", *map(partition_title, partitions)])


def _usage(folder: str, system: SystemEntry) -> str:
    waveforms = '[load("recording.wav")]' if system.hears else "None"
    texts = ', ["what is said"]' if system.reads else ""
    found = ["ratings = system.ratings(outputs)"] * bool(system.dimensions)
    found += ["probabilities = system.probabilities(outputs)  # by category, of its classes"] * bool(system.categories)
    asked = "\n".join(found)
    return f"""```python
from probing import EmotionSystem, Processor, load

folder = {folder!r}
system, processor = EmotionSystem.from_pretrained(folder), Processor.from_pretrained(folder)
outputs = system(**processor({waveforms}{texts})).logits
{asked}
```"""
