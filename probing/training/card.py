"""A run's README.md: what the system is, what it was trained on, its scores, how to load it; ready for a model hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probing.corpus.transcripts import HUMAN, said
from probing.report.table1 import ends, piped, titled
from probing.runs.records import Record

NOT_STATED = "not stated"


def card(record: Record, folder: str) -> str:
    """The model card of a finished `finetune` run, in Markdown with the header that model hubs read.

    Args:
        record: The run.
        folder: What the reader has in place of the folder of a trained system.
    """
    system, corpus = record["system"], record["corpus"]
    low, high = corpus["scale"]
    licence = record.content.get("data_licence")
    words = record.content.get("transcripts") or {"method": HUMAN}
    trained = record["configuration"]["options"]
    facts = {
        "Input": system["modality"].replace("audio", "audio (mono, 16 kHz)").replace("+", " and "),
        "Output": f"{', '.join(system['dimensions'])}, on {low:g} to {high:g}",
        "Encoders": f"`{system['name']}`" + " (random weights at the start)" * system["random"],
        "Parameters": f"{system['parameters'] / 1e6:.3g} M, of which {system['trainable'] / 1e6:.3g} M learned",
        "Frozen": ", ".join(["convolutional front end"] * ("audio" in system["modality"]) + system["frozen"])
        or "nothing",
        "Trained on": f"{corpus['title']}, " + ", ".join(f"{n:,} {name}" for name, n in corpus["utterances"].items()),
        "Words": said(words) if "text" in system["modality"] else "none",
        "Licence of the data": licence or NOT_STATED,
        "Loss": "1 − CCC, averaged over the dimensions",
        "Learning rate": f"{record['used']['lr']:g}, batches of {trained['batch']}, dropout {trained['dropout']:g}",
        "Training seeds": str(len(record["seeds"])),
    }
    notes = [*record["notes"], *(["The labels of train and development were permuted."] if record["shuffled"] else [])]
    blocks = [
        _header(system["modality"], licence),
        f"# {system['name']} on {corpus['title']}",
        "Estimates dimensions of emotion in speech. Encoders, pooling, early fusion and "
        "a regression head, after de Oliveira, Raj Prabhu and Gerkmann (Interspeech 2023).",
        piped(["", ""], [[name, value] for name, value in facts.items()]),
        "## Scores",
        "Concordance correlation coefficient, mean over training seeds [95 % interval by speaker].",
        _scores(record["scores"], system["dimensions"]),
        *(["\n".join(f"- {note}" for note in dict.fromkeys(notes))] if notes else []),
        "## Use",
        _usage(folder, system["modality"]),
        "Ratings are of how an utterance sounds to listeners of that corpus, not of what its speaker feels; other "
        "languages, rooms and ways of speaking were not tested unless a table above says so.",
    ]
    return "\n\n".join(blocks) + "\n"


def _header(modality: str, licence: str | None) -> str:
    tags = ["speech-emotion-recognition", "probing", *(["text"] if "text" in modality else [])]
    lines = ["library_name: transformers", "tags:", *(f"- {tag}" for tag in tags), "metrics:", "- ccc"]
    lines += ["license: other", f"license_name: {licence!r}"] if licence else []
    return "\n".join(["---", *lines, "---"])


def _scores(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str]) -> str:
    partitions = list(dict.fromkeys(row["partition"] for row in rows))
    cells = {(row["dimension"], row["partition"]): row for row in rows}

    def cell(dimension: str, partition: str) -> str:
        row = cells.get((dimension, partition))
        if row is None:
            return "—"
        low, high = (np.nan if row[end] is None else row[end] for end in ("low", "high"))
        return f"{row['ccc']:.3f} {ends(low, high)}"

    columns = ["", *(f"{p} ({titled(p)})" if titled(p) != p else p for p in partitions)]
    return piped(columns, [[d, *(cell(d, p) for p in partitions)] for d in dimensions])


def _usage(folder: str, modality: str) -> str:
    waveforms = '[load("recording.wav")]' if "audio" in modality else "None"
    texts = ', ["what is said"]' if "text" in modality else ""
    return f"""```python
from probing import EmotionSystem, Processor, load

folder = {folder!r}
system, processor = EmotionSystem.from_pretrained(folder), Processor.from_pretrained(folder)
ratings = system.ratings(system(**processor({waveforms}{texts})).logits)
```"""
