"""What a record says about a run: typed, versioned, checked when it is read.

A record is written last, when everything else of the run is there; it lists the run's files with their digests, so a
folder is a finished run only if its record says so and its files match.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from probing.corpus.transcripts import Words
from probing.errors import RunError
from probing.files import slug
from probing.files.recorded import File, Inside
from probing.runs.categories import CATEGORIES, CATEGORY_SCORES, ClassPredictions
from probing.runs.entries import (
    AcousticsEntry,
    CacheEntry,
    CategoryScore,
    Clusters,
    Configuration,
    CorpusEntry,
    EncoderEntry,
    Score,
    SystemEntry,
)
from probing.runs.folds import Member
from probing.runs.published import PublishedEntry
from probing.runs.scores import Predictions
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import Finding

__all__ = [
    "AcousticsEntry",
    "CacheEntry",
    "CategoryScore",
    "Clusters",
    "CorpusEntry",
    "EncoderEntry",
    "EncoderRecord",
    "EvaluationRecord",
    "File",
    "FinetuneRecord",
    "FitRecord",
    "LayersRecord",
    "Record",
    "Score",
    "SystemEntry",
    "SystemRecord",
]

# Of the record: 1 is that of version 0.1.0, which names no files and no digests; since 3 it has a digest of itself.
VERSION = 3
PREDICTIONS = "predictions.csv"
CONTENTS = "contents.csv"


@dataclass(frozen=True, kw_only=True)
class Record(ABC):
    """A finished run.

    Args:
        command: `fit`, `layers`, `finetune` or `evaluate`.
        corpus: The corpus that it was made on.
        configuration: Everything that determines its numbers.
        signature: Digest of the configuration.
        scores: One for each dimension and partition.
        category_scores: One for each category and partition.
        notes: What a reader should know.
        typed: The command line.
        date: When it was started, ISO 8601.
        seconds: How long it took.
        versions: Versions of Python and of the libraries.
        git: Commit of the package's checkout; None if it is not a checkout.
        machine: Platform and number of processors.
        files: Name → size and digest of every file of the run; None for a run of version 0.1.0.
        members: The runs of all folds, where it pools what they tested; such a run has no probes and no systems.
        version: Version of the record's format.
        folder: Where the record was read; not part of the file.
    """

    command: str
    corpus: CorpusEntry
    configuration: Configuration
    signature: str
    scores: tuple[Score, ...] = ()
    category_scores: tuple[CategoryScore, ...] = ()
    notes: tuple[str, ...] = ()
    typed: str = ""
    date: str
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Any] | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[Inside, File] | None = None
    members: tuple[Member, ...] = ()
    version: int = VERSION
    folder: Path = Path()

    @property
    @abstractmethod
    def title(self) -> str:
        """The encoder or the system, for readers."""

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that it was made with."""
        found: Mapping[str, Any] = self.configuration.get("options", {})
        return found

    @property
    def required(self) -> tuple[str, ...]:
        """Files without which a run is not complete, even if its record lists none."""
        rated = ("scores.csv", PREDICTIONS) if self.scores or not self.category_scores else ()
        return (*rated, *((CATEGORY_SCORES, CATEGORIES) if self.category_scores else ()))

    @cached_property
    def predictions(self) -> Predictions:
        """Its estimates of dimensions, read once."""
        return Predictions(self.folder / PREDICTIONS, self.files)

    @cached_property
    def classes(self) -> ClassPredictions:
        """Its estimates of categories, read once."""
        return ClassPredictions(self.folder / CATEGORIES, self.files)

    def demand_single(self) -> None:
        """Raise a RunError (code `run-pooled`) where the run pools several folds, and has nothing that estimates."""
        if self.members:
            why = f"it pools what the runs of {len(self.members)} folds tested, and has nothing that estimates"
            one = self.folder / self.members[0].folder
            raise RunError(f"{self.folder}", why, f"name the run of one fold, such as {one}", code="run-pooled")

    def same_corpus(self, other: Record) -> bool:
        """Whether both runs are on the same corpus: by its digests or, in version 0.1.0, by its labels."""
        if self.corpus.identity and other.corpus.identity:
            return self.corpus.identity.agrees(other.corpus.identity)
        labels = self.configuration.get("labels"), other.configuration.get("labels")
        return self.corpus.title == other.corpus.title and labels[0] is not None and labels[0] == labels[1]


@dataclass(frozen=True, kw_only=True)
class EncoderRecord(Record):
    """A run whose numbers are about the layers of one encoder.

    Args:
        encoder: The encoder whose hidden states were read.
        cache: The cache that they were read from.
        device: Where it was computed.
        threads: Number of PyTorch's threads on a CPU.
        findings: Claims about layers with their verdicts.
    """

    encoder: EncoderEntry
    cache: CacheEntry
    device: str = ""
    threads: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def title(self) -> str:
        """The encoder."""
        return self.encoder.title

    @property
    def encoder_file_name(self) -> str:
        """The encoder in file names; one from a local folder has a digest, since folders can have the same name."""
        weights = str(self.encoder.identity.get("weights", ""))
        local = self.encoder.spec is not None and Path(self.encoder.spec.name).is_absolute()
        return slug(self.encoder.name) + (f"-{weights[:8]}" if local and weights else "")


@dataclass(frozen=True, kw_only=True)
class FitRecord(EncoderRecord):
    """A run of `probe fit`; its findings are those of cross-validated ridge probes.

    Args:
        best_layers: Dimension → index of the single layer that is best on development.
        layers: Dimension → where it is, by the same ridge probes; none in a run without them.
        best_epochs: The best epoch of each probe in probes.safetensors.
        used: The hidden units and the learning rate that were used.
    """

    best_layers: Mapping[str, int] = field(default_factory=dict)
    best_epochs: tuple[int, ...] = ()
    used: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, LayerSummary] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """The probes too, and the weights of layers unless all are ridge probes; the probes of folds are theirs."""
        if self.members:
            return super().required
        if self.options.get("head") == "ridge":
            return (*super().required, "ridge.safetensors")
        return (*super().required, "weights.csv", "probes.safetensors")


@dataclass(frozen=True, kw_only=True)
class LayersRecord(EncoderRecord):
    """A run of `probe layers`: what each layer contains. It has no scores; its numbers are in contents.csv.

    Args:
        text: The text encoder that stood for the words; None where words were left out.
        acoustics: What was measured of the sound; None where sound was left out.
        beside: Other encoders that this one was compared with.
        system: Folder of the fine-tuned run inside which a layer was erased; None where there was none.
        dimensions: What was analysed, in order.
        ranks: Concept (words, sound, speaker) → number of directions that were erased.
    """

    text: EncoderEntry | None = None
    acoustics: AcousticsEntry | None = None
    beside: tuple[EncoderEntry, ...] = ()
    system: str | None = None
    dimensions: tuple[str, ...]
    ranks: Mapping[str, int] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """The table of all numbers."""
        return (CONTENTS,)


@dataclass(frozen=True, kw_only=True)
class SystemRecord(Record):
    """A run whose estimates come from a full system.

    Args:
        system: The system.
        seeds: Its training seeds.
        words: The transcripts that it was trained on (in a training) or evaluated on (in an evaluation).
        shuffled: Whether it is a control with permuted labels.
    """

    system: SystemEntry
    seeds: tuple[int, ...]
    words: Words = field(default_factory=Words)
    shuffled: bool = False

    @property
    def title(self) -> str:
        """The system."""
        return self.system.name


@dataclass(frozen=True, kw_only=True)
class FinetuneRecord(SystemRecord):
    """A run of `probe finetune`.

    Args:
        data_licence: The corpus's licence, as the user states it.
        device: Where it was trained.
        threads: Number of PyTorch's threads on a CPU.
        used: The learning rate and the number format that were used.
        truncated: Number of transcripts that were truncated.
        trainings: For each seed: the steps, the best step and its development CCC.
    """

    data_licence: str | None = None
    device: str = ""
    threads: int = 0
    used: Mapping[str, Any] = field(default_factory=dict)
    truncated: int = 0
    trainings: tuple[Mapping[str, Any], ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """The configuration and each seed's system too; the systems of folds are theirs."""
        if self.members:
            return super().required
        systems = [f"seed{seed}/{name}" for seed in self.seeds for name in ("config.json", "model.safetensors")]
        return (*super().required, "configuration.json", *systems)


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord(SystemRecord):
    """A run of `probe evaluate`.

    Args:
        run: Folder of the trained system, relative to the evaluation's; of a published model its name.
        run_signature: Signature of the training, or of what settles a published model's estimates.
        snr: Signal-to-noise ratio in dB; None: no noise was added.
        device: Where it was computed.
        published: The published model that was evaluated; None: a run of ours.
    """

    run: str
    run_signature: str
    snr: float | None = None
    device: str = ""
    published: PublishedEntry | None = None
