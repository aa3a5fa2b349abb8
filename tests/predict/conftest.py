"""Finished runs to estimate recordings with: fine-tuned systems of two seeds, and caches to fit probes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import entry_of, save_text_encoder

from probing.extraction.extract import extract
from probing.probes.fit import fit
from probing.runs.records import FinetuneRecord, FitRecord, SystemEntry
from probing.runs.store import signature, write_record
from probing.systems.build import build_system

DIMENSIONS = ("valence", "arousal")  # not in the usual order, so that a mix-up would show
WORDS = ("some", "words", "low", "high")


def _write_tuned(folder: Path, audio: Path | None, text: Path | None = None, **options: Any) -> FinetuneRecord:
    """A finetune run of two seeds, whose heads were drawn and not trained, on a scale from 1 to 7."""
    name = "+".join(str(part) for part in (audio, text) if part)
    for seed in (0, 1):
        system, processor = build_system(name, seed, dimensions=DIMENSIONS, scale=(1.0, 7.0))
        system.save_pretrained(folder / f"seed{seed}")
        processor.save_pretrained(folder / f"seed{seed}")
    for file in ("scores.csv", "predictions.csv", "configuration.json"):
        (folder / file).write_text("{}")
    names = [None if part is None else part.name for part in (audio, text)]
    modality = "+".join(kind for kind, part in zip(("audio", "text"), names, strict=True) if part)
    entry = SystemEntry("+".join(filter(None, names)), *names, modality, 1, 1, (), "FT", DIMENSIONS)
    configuration = {"options": options}
    record = FinetuneRecord(
        command="finetune",
        corpus=entry_of("made-up", 4),
        configuration=configuration,
        signature=signature(configuration),
        date="2026-01-01T00:00:00",
        system=entry,
        seeds=(0, 1),
    )
    return write_record(record, folder, [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file()])


@pytest.fixture(scope="session")
def write_tuned() -> Callable[..., FinetuneRecord]:
    """A function that writes a finetune run: folder, audio encoder, text encoder, options of the training."""
    return _write_tuned


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text encoder."""
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert", words=WORDS)


@pytest.fixture(scope="session")
def hears(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> FinetuneRecord:
    """A run that takes audio only."""
    return _write_tuned(tmp_path_factory.mktemp("hears") / "run", checkpoints["hubert"])


@pytest.fixture(scope="session")
def reads(checkpoints: dict[str, Path], bert: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneRecord:
    """A run that takes audio and words."""
    return _write_tuned(tmp_path_factory.mktemp("reads") / "run", checkpoints["hubert"], bert)


@pytest.fixture(scope="session")
def fit_table(
    checkpoints: dict[str, Path], table: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., FitRecord]:
    """A function that fits probes on the small corpus, from float32 caches of both stores."""
    root = tmp_path_factory.mktemp("fitted")
    places: dict[str, Any] = {"dtype": "float32", "cache": root / "cache"}
    for store in ("frames", "pooled"):
        extract(str(table), str(checkpoints["hubert"]), store=store, **places)

    def run(encoder: Path | None = checkpoints["hubert"], **settings: Any) -> FitRecord:
        few = {"seeds": 2, "epochs": 3, "permutations": 0, "refits": 0, "runs": root / "runs"}
        return fit(str(table), None if encoder is None else str(encoder), **{**places, **few, **settings})

    return run
