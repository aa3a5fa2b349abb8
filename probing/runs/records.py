"""What a record says of a run: typed, versioned, checked when it is read.

A record is written last, when everything else of the run is there; it names the run's files with their digests, so a
folder is a finished run only if its record says so and its files match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from probing.corpus.checked import corpus_name
from probing.corpus.identity import Identity
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words
from probing.encoders.spec import EncoderSpec
from probing.files import slug
from probing.runs.scores import Predictions

VERSION = 2  # of the record; 1 is that of version 0.1.0, which names no files and no digests
PREDICTIONS = "predictions.csv"


@dataclass(frozen=True)
class CorpusEntry:
    """The corpus of a run.

    Args:
        name: Short name.
        title: The name, with its fold where it has folds.
        spec: What opens it again.
        scale: Lowest and highest possible rating.
        utterances: Partition → number of utterances.
        identity: Digests of what was read; None of a run of version 0.1.0.
        left_out: Utterances left out as --allow-missing permits.
        clusters: Partition → what its intervals resample and how many there are.
    """

    name: str
    title: str
    spec: CorpusSpec
    scale: tuple[float, float]
    utterances: Mapping[str, int]
    identity: Identity | None = None
    left_out: tuple[str, ...] = ()
    clusters: Mapping[str, Clusters] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The corpus in file names."""
        return corpus_name(self.title, self.spec, self.identity)


@dataclass(frozen=True)
class Clusters:
    """What the intervals of a partition resample.

    Args:
        by: `speaker`, or `utterance` where some speakers are not named.
        number: How many there are.
    """

    by: Literal["speaker", "utterance"]
    number: int


@dataclass(frozen=True)
class EncoderEntry:
    """The frozen encoder of a fit.

    Args:
        name: As in file names: what the user typed, of a folder its own name.
        title: For a figure's title.
        random: Whether its weights are random.
        identity: Everything that settles its answers.
        spec: What opens it again; None where only its cache was known.
    """

    name: str
    title: str
    random: bool
    identity: Mapping[str, Any]
    spec: EncoderSpec | None = None


@dataclass(frozen=True)
class CacheEntry:
    """The cache that a fit read; version 0.1.0 does not say its number format."""

    path: str
    store: str
    fingerprint: str
    dtype: str = "float16"


@dataclass(frozen=True)
class SystemEntry:
    """A full system: its parts, its parameters, and what of it learned.

    Args:
        name: Its encoders' names, joined by `+`.
        audio: The audio encoder's name, if it has one.
        text: The text encoder's.
        modality: `audio`, `text` or `audio+text`.
        parameters: Their number.
        trainable: Those of them that learned.
        frozen: Encoders that did not learn, `audio` and `text`.
        regime: `FT` (fine-tuned), `FT⇒FRZ` (frozen after fine-tuning) or `FRZ` (frozen as pre-trained).
        dimensions: What it estimates, in order.
        random: Whether an encoder started with random weights.
        spec: What builds it again: the encoders' resolved names.
    """

    name: str
    audio: str | None
    text: str | None
    modality: str
    parameters: int
    trainable: int
    frozen: tuple[str, ...]
    regime: str
    dimensions: tuple[str, ...]
    random: bool = False
    spec: tuple[str, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether it takes audio."""
        return self.audio is not None

    @property
    def reads(self) -> bool:
        """Whether it takes words."""
        return self.text is not None


@dataclass(frozen=True)
class Score:
    """A CCC: the mean over seeds, with the 95 % interval of that mean.

    Args:
        dimension: Name of a dimension.
        partition: Name of a partition.
        ccc: Mean over seeds.
        sd: Standard deviation over seeds; None for one seed.
        low: Lower end; None where there is no interval.
        high: Upper end.
        n: Utterances.
        probe: Of a fit: `weighted`, `shuffled` or `best layer: K`.
    """

    dimension: str
    partition: str
    ccc: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    probe: str | None = None


@dataclass(frozen=True)
class File:
    """A file of a finished run."""

    size: int
    sha256: str


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
