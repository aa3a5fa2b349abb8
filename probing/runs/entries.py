"""The parts of a record: corpus, encoder, cache, system, scores and files of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, TypeAdapter

from probing.corpus.checked import Checked, corpus_name
from probing.corpus.identity import Identity
from probing.corpus.model import TEST1, with_release
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.runs.scores import cluster_counts

_One = bool | int | float | str | None
_adapter = cache(TypeAdapter)  # each takes some milliseconds to make, more than all else that a record takes
Setting = _One | list[_One | list[_One]]  # an option's value, in JSON


@dataclass(frozen=True)
class _Settled:
    """The parts of a run's configuration that are looked up by name; it has others."""

    options: Mapping[str, Setting] = field(default_factory=dict)
    systems: Mapping[str, str | None] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    labels: str | None = None


@dataclass(frozen=True)
class _Options:
    """The options that are computed with; all others are only compared and shown."""

    dims: list[str] = field(default_factory=list)
    freeze: list[str] = field(default_factory=list)
    seeds: int = 1
    randoms: int | None = None


@dataclass(frozen=True)
class _Encoder:
    """The parts of an encoder's identity that are looked up by name."""

    architecture: Mapping[str, Any] = field(default_factory=dict)


def _checked_configuration(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    settled = _adapter(_Settled).validate_python(configuration)
    _adapter(_Options).validate_python(settled.options)
    return configuration


def _checked_encoder(identity: Mapping[str, Any]) -> Mapping[str, Any]:
    _adapter(_Encoder).validate_python(identity)
    return identity


Configuration = Annotated[Mapping[str, Any], AfterValidator(_checked_configuration)]
EncoderIdentity = Annotated[Mapping[str, Any], AfterValidator(_checked_encoder)]


@dataclass(frozen=True)
class CorpusEntry:
    """The corpus of a run.

    Args:
        name: Short name.
        title: The name, with its fold where it has folds.
        spec: What opens it again.
        scale: Lowest and highest possible rating.
        utterances: Partition → number of utterances.
        identity: Digests of what was read; None for a run of version 0.1.0.
        left_out: Utterances left out, as --allow-missing permits.
        clusters: Partition → what its intervals are by, and how many of them there are.
        leaks: What test partitions share with train and development although they must not, as --allow-leaks permits;
            a line each.
        seen: Other test partition → how many of its speakers are in train or development, and how many it has.
        release: Which release of the corpus it is; None where nothing tells it. It is no part of file names.
    """

    name: str
    title: str
    spec: CorpusSpec
    scale: tuple[float, float]
    utterances: Mapping[str, int]
    identity: Identity | None = None
    left_out: tuple[str, ...] = ()
    clusters: Mapping[str, Clusters] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    seen: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    release: str | None = None

    @property
    def full_title(self) -> str:
        """Its title as a reader must see it: with its release, and whether a label map stands in for ratings."""
        title = with_release(self.title, self.name, self.release)
        return title if self.spec.reading.label_map is None else f"{title} (proxy ratings)"

    @property
    def file_name(self) -> str:
        """The corpus in file names."""
        return corpus_name(self.title, self.spec, self.identity)

    @property
    def shared(self) -> tuple[str, ...]:
        """What tables and figures say of recordings and speakers in train or development that are tested on too.

        That every speaker of test1 is seen is what its name says.
        """
        numbers = {name: pair for name, pair in self.seen.items() if name != TEST1 or pair[0] < pair[1]}
        seen = tuple(f"{name}, seen: {known:,} of {all_:,} speakers" for name, (known, all_) in numbers.items())
        return (*(f"leak: {line}" for line in self.leaks), *seen)


@dataclass(frozen=True)
class Clusters:
    """What the intervals of a partition are by: what is left out in turn.

    Args:
        by: `speaker`, or `utterance` where some speakers are not named.
        number: How many there are.
    """

    by: Literal["speaker", "utterance"]
    number: int


@dataclass(frozen=True)
class EncoderEntry:
    """The frozen encoder whose layers were probed.

    Args:
        name: As in file names: what the user typed, or the name of a folder.
        title: For a figure's title.
        random: Whether its weights are random.
        identity: Everything that determines its hidden states.
        spec: What opens it again; None if only its cache was known.
        parameters: Number of its parameters; None if only its cache was known, or if an earlier version fitted.
    """

    name: str
    title: str
    random: bool
    identity: EncoderIdentity
    spec: EncoderSpec | None = None
    parameters: int | None = None


@dataclass(frozen=True)
class CacheEntry:
    """The cache that was read; records of version 0.1.0 do not say its number format."""

    path: str
    store: str
    fingerprint: str
    dtype: str = "float16"


@dataclass(frozen=True)
class AcousticsEntry:
    """The acoustic measures that stand for the sound.

    Args:
        recipe: Which set of measures: `librosa` or `egemaps`.
        measures: How many there are.
        identity: SHA-256 of the recipe and its libraries' versions.
        versions: Library → version, where they are known.
    """

    recipe: str
    measures: int
    identity: str
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemEntry:
    """A full system: its parts, its parameters, and which of them were trained.

    Args:
        name: Its encoders' names, joined by `+`.
        audio: The audio encoder's name, if it has one.
        text: The text encoder's name, if it has one.
        modality: `audio`, `text` or `audio+text`.
        parameters: Number of all parameters.
        trainable: Number of those that were trained.
        frozen: Encoders that were not trained, `audio` and `text`.
        regime: `FT` (fine-tuned), `FT⇒FRZ` (frozen after fine-tuning) or `FRZ` (frozen as pre-trained).
        dimensions: The dimensions that it estimates, in order.
        random: Whether an encoder's weights were random at the start.
        spec: What builds it again: the encoders' resolved names.
        categories: The categories that it estimates → their classes, in order.
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
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
        n: Number of utterances.
        probe: In a fit: `weighted`, `shuffled` or `best layer: K`.
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
class CategoryScore:
    """How well the classes of a category are told apart: means over seeds, with the 95 % interval of the mean UAR.

    Args:
        category: Its name.
        partition: Name of a partition.
        uar: Unweighted average recall, the mean recall of the classes that are there.
        macro_f1: The mean F1 of the classes that are there or estimated.
        accuracy: Share of the utterances that are estimated right.
        sd: Standard deviation of UAR over seeds; None for one seed.
        low: Lower end; None where there is no interval.
        high: Upper end.
        n: Number of utterances that have a class.
        classes: Number of classes that are there; one in so many is what guessing reaches.
        probe: In a fit: `weighted`, `best layer: K` or `ridge, layer K`.
    """

    category: str
    partition: str
    uar: float
    macro_f1: float
    accuracy: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    classes: int = 0
    probe: str | None = None


def corpus_entry(checked: Checked, identity: Identity | None = None) -> CorpusEntry:
    """What a record says about a corpus.

    Args:
        checked: The corpus as the command read it.
        identity: Its digests, if not those of `checked`: a fit decodes no audio, but its cache knows the checksums.
    """
    corpus = checked.corpus
    return CorpusEntry(
        name=corpus.name,
        title=corpus.title,
        spec=checked.spec,
        scale=corpus.scale,
        utterances={partition: len(members) for partition, members in corpus.partitions.items()},
        identity=identity or checked.identity,
        left_out=checked.left_out,
        clusters={partition: Clusters(**counts) for partition, counts in cluster_counts(corpus).items()},
        leaks=checked.leaks.stated,
        seen=checked.leaks.seen,
        release=corpus.release,
    )
