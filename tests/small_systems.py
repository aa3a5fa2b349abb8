"""Small systems and what they are fed, for the tests of systems and training."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from builders import waveform
from safetensors.torch import load_file
from torch import nn

from probing.corpus.spec import CorpusSpec
from probing.runs.records import EvaluationRecord, FinetuneRecord
from probing.systems.build import build_system
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.options import FinetuneOptions, FinetunePlace

TEXTS = ["the good day", "", "very very good night a bad day the night", "bad"]
SECONDS = [0.6, 0.25, 0.9, 0.41]
LABELS = torch.tensor([[0.1, 0.7, 0.3], [0.9, 0.2, 0.4], [0.4, 0.5, 0.8], [0.6, 0.1, 0.2]])
FAMILIES = ["hubert", "distilhubert", "wav2vec2-layer", "wavlm-base", "data2vec-audio", "conformer-rotary"]


def sounds() -> list[np.ndarray]:
    """Four waveforms of different lengths."""
    return [waveform(seconds, seed) for seed, seconds in enumerate(SECONDS)]


def built(*parts: Path, **options: Any) -> tuple[EmotionSystem, Processor]:
    """A small system whose head is large enough for differences to be seen."""
    system, processor = build_system("+".join(map(str, parts)), **options)
    with torch.no_grad():
        for layer in (system.head[1], system.head[4]):
            nn.init.normal_(layer.weight, std=0.2, generator=torch.Generator().manual_seed(3))
    return system, processor


QUICK = FinetuneOptions(  # 3 steps an epoch: checkpoints are saved within epochs too
    batch=4, max_steps=7, evaluate_every=2, lr=1e-3, dropout=0.2
)


def trained(system: str, name: str | None, corpus: CorpusSpec | str = "table.csv", **changes: Any) -> FinetuneRecord:
    """Train a small system quickly, in the folder `runs` of the present one.

    Args:
        system: Names of encoders in the present folder.
        name: The run's folder; None: from corpus and system.
        corpus: What it is trained on.
        **changes: Fields of `FinetuneOptions` and `FinetunePlace`.
    """
    from probing.training.finetune import finetune

    own = {field.name for field in fields(FinetuneOptions)}
    options = replace(QUICK, **{key: value for key, value in changes.items() if key in own})
    place = FinetunePlace(name=name, **{key: value for key, value in changes.items() if key not in own})
    record = finetune(corpus, system, options, place)
    assert record is not None
    return record


def as_version_1(record: FinetuneRecord | EvaluationRecord) -> None:
    """Turn a run's folder into what version 0.1.0 left: no digests, in the record or beside a seed's weights."""
    corpus, system = record.corpus, record.system
    content: dict[str, Any] = {
        "command": record.command,
        "date": record.date,
        "configuration": dict(record.configuration),
        "signature": record.signature,
        "corpus": {
            "name": corpus.name,
            "title": corpus.title,
            "spec": corpus.spec.source,
            "scale": list(corpus.scale),
            "utterances": dict(corpus.utterances),
            "left_out": [],
        },
        "encoder": {"name": system.name, "title": system.name},
        "seeds": list(record.seeds),
        "transcripts": asdict(record.words) if system.reads else None,
        "scores": [{key: value for key, value in asdict(one).items() if key != "probe"} for one in record.scores],
        "notes": list(record.notes),
    }
    if isinstance(record, EvaluationRecord):
        content |= {"run": str(record.folder.parent.parent), "snr": record.snr, "device": "cpu"}
        content["configuration"] = {"run": record.run_signature, "corpus": corpus.spec.source, "snr": record.snr}
    else:
        content["system"] = {key: value for key, value in asdict(system).items() if key != "spec"}
        content |= {"used": dict(record.used), "trainings": [dict(one) for one in record.trainings]}
        content |= {"shuffled": record.shuffled, "data_licence": None, "truncated_transcripts": record.truncated}
        for seed, training in zip(record.seeds, record.trainings, strict=True):
            (record.folder / f"seed{seed}/training.json").write_text(json.dumps(dict(training)))
    (record.folder / "record.json").write_text(json.dumps(content))


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: when it was written, and what it holds."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def same_weights(first: Path, second: Path) -> bool:
    """Whether two trained systems are bit-equal."""
    a, b = (load_file(folder / "model.safetensors") for folder in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
