"""What a record says of a run: typed, versioned, checked when it is read.

A record is written last, when everything else of the run is there; it names the run's files with their digests, so a
folder is a finished run only if its record says so and its files match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from probing.corpus.transcripts import Words
from probing.files import slug
from probing.runs.entries import CacheEntry, Clusters, CorpusEntry, EncoderEntry, File, Score, SystemEntry
from probing.runs.scores import Predictions

__all__ = [
    "CacheEntry",
    "Clusters",
    "CorpusEntry",
    "EncoderEntry",
    "EvaluationRecord",
    "File",
    "FinetuneRecord",
    "FitRecord",
    "Record",
    "Score",
    "SystemEntry",
    "SystemRecord",
]

VERSION = 2  # of the record; 1 is that of version 0.1.0, which names no files and no digests
PREDICTIONS = "predictions.csv"


@dataclass(frozen=True, kw_only=True)
class Record:
    """A finished run.

    Args:
        command: `fit`, `finetune` or `evaluate`.
        corpus: What it was made on.
        configuration: Everything that settles its numbers.
        signature: Digest of the configuration.
        scores: Of each dimension and partition.
        notes: What a reader should know.
        typed: The command line.
        date: When it began, ISO 8601.
        seconds: How long it took.
        versions: Of the libraries.
        git: Commit of the package's checkout; None where it is none.
        machine: Platform and processors.
        files: Name → size and digest of every file of the run; None of a run of version 0.1.0.
        version: Of the record.
        folder: Where it was read; not part of the file.
    """

    command: str
    corpus: CorpusEntry
    configuration: Mapping[str, Any]
    signature: str
    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()
    typed: str = ""
    date: str
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Any] | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, File] | None = None
    version: int = VERSION
    folder: Path = Path()

    @property
    def title(self) -> str:
        """The encoder or the system, as a reader must see it."""
        raise NotImplementedError

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that it was made with."""
        found: Mapping[str, Any] = self.configuration.get("options", {})
        return found

    @property
    def required(self) -> tuple[str, ...]:
        """Files without which the run is not complete, also where the record names none."""
        return ("scores.csv", PREDICTIONS)

    @cached_property
    def predictions(self) -> Predictions:
        """Its estimates, read once."""
        return Predictions(self.folder / PREDICTIONS, (self.files or {}).get(PREDICTIONS))

    def same_corpus(self, other: Record) -> bool:
        """Whether both runs are on one corpus: by its digests or, of runs of version 0.1.0, by those of its labels."""
        if self.corpus.identity and other.corpus.identity:
            return self.corpus.identity.agrees(other.corpus.identity)
        labels = self.configuration.get("labels"), other.configuration.get("labels")
        return self.corpus.title == other.corpus.title and labels[0] is not None and labels[0] == labels[1]


@dataclass(frozen=True, kw_only=True)
class FitRecord(Record):
    """A run of `probe fit`.

    Args:
        encoder: Whose hidden states were probed.
        cache: What was read.
        device: Where it was computed.
        threads: PyTorch's, on a CPU.
        best_layers: Dimension → number of the single layer that is best on development.
        best_epochs: Of each probe.
        used: Hidden units and learning rate that were settled.
    """

    encoder: EncoderEntry
    cache: CacheEntry
    device: str = ""
    threads: int = 0
    best_layers: Mapping[str, int] = field(default_factory=dict)
    best_epochs: tuple[int, ...] = ()
    used: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The encoder."""
        return self.encoder.title

    @property
    def required(self) -> tuple[str, ...]:
        """With the weights and the probes."""
        return (*super().required, "weights.csv", "probes.safetensors")

    @property
    def encoder_file_name(self) -> str:
        """The encoder in file names; one that a user keeps in a folder has a digest, since folders share names."""
        weights = str(self.encoder.identity.get("weights", ""))
        local = self.encoder.spec is not None and Path(self.encoder.spec.name).is_absolute()
        return slug(self.encoder.name) + (f"-{weights[:8]}" if local and weights else "")


@dataclass(frozen=True, kw_only=True)
class SystemRecord(Record):
    """A run whose estimates are a full system's.

    Args:
        system: The system.
        seeds: Training seeds.
        words: What it was trained on (a training) or tested on (an evaluation).
    """

    system: SystemEntry
    seeds: tuple[int, ...]
    words: Words = field(default_factory=Words)

    @property
    def title(self) -> str:
        """The system."""
        return self.system.name


@dataclass(frozen=True, kw_only=True)
class FinetuneRecord(SystemRecord):
    """A run of `probe finetune`.

    Args:
        shuffled: Whether it is a control on permuted labels.
        data_licence: Of the corpus, as the user states it.
        device: Where it was trained.
        threads: PyTorch's, on a CPU.
        used: Learning rate and number format that were settled.
        truncated: Transcripts that were cut off.
        trainings: Seed by seed: steps, the best step and its development CCC.
    """

    shuffled: bool = False
    data_licence: str | None = None
    device: str = ""
    threads: int = 0
    used: Mapping[str, Any] = field(default_factory=dict)
    truncated: int = 0
    trainings: tuple[Mapping[str, Any], ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """With each seed's system."""
        systems = [f"seed{seed}/{name}" for seed in self.seeds for name in ("config.json", "model.safetensors")]
        return (*super().required, "configuration.json", *systems)


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord(SystemRecord):
    """A run of `probe evaluate`.

    Args:
        run: Folder of the trained system, from the evaluation's own.
        run_signature: Its configuration's.
        snr: Ratio of audio to noise, in dB; None: clean.
        device: Where it was computed.
    """

    run: str
    run_signature: str
    snr: float | None = None
    device: str = ""
