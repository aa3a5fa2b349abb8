"""Options of `probe finetune` and `probe evaluate`. Loads without NumPy and torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import (
    RUNS,
    RUNS_VARIABLE,
    allow_leaks_option,
    allow_missing_option,
    cache_option,
    device_option,
    option,
    runs_option,
    validate,
)

PARTS = ("audio", "text")  # encoders of a system
FUSIONS = ("sum", "concat")  # of average and maximum
PRECISIONS = ("bf16", "float32")
CLASS_WEIGHTS = ("none", "balanced")


def as_typed(rate: float) -> float:
    """A rate as a user types it, so that a configuration does not depend on the last bits of a product.

    >>> as_typed(1e-5 * 768 / 64)
    0.00012
    """
    return float(f"{rate:.6g}")


@dataclass(frozen=True)
class FinetuneOptions:
    """How to train a system. What changes its numbers is part of the run's configuration; its dimensions as settled."""

    dims: tuple[str, ...] = option(
        ("all",),
        "Dimension or category to predict; may be repeated, all are learned jointly. `all` stands for those of "
        "arousal, valence and dominance that the corpus rates or, where it rates nothing, for its categories.",
        flag="--dim",
        metavar="NAME",
    )
    seeds: int = option(
        1,
        "Number of training seeds; each settles the head's initialisation, the order of the data and dropout.",
        at_least=1,
    )
    lr: float | None = option(
        None,
        "Adam's learning rate, constant.",
        above=0,
        shown_default="1e-5; below 768 units inversely proportional to the hidden size",
    )
    batch: int = option(
        16, "Utterances in a step of one process; a dimension's loss is 1 − CCC over a batch.", at_least=2
    )
    epochs: int = option(30, "Maximum number of epochs.", at_least=1)
    max_steps: int | None = option(None, "Maximum number of steps.", at_least=1, shown_default="no limit")
    evaluate_every: int | None = option(
        None,
        "Number of steps between two evaluations on development, each of which saves a checkpoint.",
        at_least=1,
        metavar="STEPS",
        shown_default="one epoch",
    )
    patience: int = option(
        5, "Number of evaluations without a better development CCC or UAR after which training stops.", at_least=1
    )
    class_weights: str = option(
        "none",
        "How much a class counts in the loss of its category: `none`, by its utterances; `balanced`, as any other.",
        choices=CLASS_WEIGHTS,
    )
    dropout: float = option(0.1, "Dropout probability throughout the system.", at_least=0, below=1)
    fusion: str = option("sum", "How average and maximum over time are combined.", choices=FUSIONS)
    spec_augment: bool = option(False, "Mask spans of frames in training (SpecAugment).")
    freeze: tuple[str, ...] = option(
        (), "Encoders to keep frozen: audio, text or audio,text.", metavar="PARTS", shown_default="none"
    )
    init: tuple[tuple[str, str], ...] = option(
        (),
        "Start from the fine-tuned encoder of another run: audio=RUN, text=RUN; may be repeated.",
        metavar="PART=RUN",
        shown_default="the pre-trained encoders",
    )
    shuffled: bool = option(False, "Train a control: permute the labels of train and of development.")
    truncate_text: bool = option(False, "Truncate transcripts that are too long for the text encoder.")
    window: float | None = option(
        None,
        "Give a Whisper so many seconds at a time; it was trained with 30, and shorter windows change its answers.",
        metavar="SECONDS",
        above=0,
        shown_default="as trained",
    )
    gradient_checkpointing: bool = option(False, "Save memory by computing activations twice.")
    precision: str | None = option(
        None, "Number format of the encoders.", choices=PRECISIONS, shown_default="GPU bf16, CPU float32"
    )
    workers: int | None = option(
        None, "Number of processes that read data ahead.", at_least=0, shown_default="GPU 4, CPU 0"
    )

    def __post_init__(self) -> None:
        # A configuration must not depend on how a list is typed: --freeze text,audio, or dims="valence" in a notebook.
        dims = (self.dims,) if isinstance(self.dims, str) else tuple(self.dims)
        freeze = (self.freeze,) if isinstance(self.freeze, str) else self.freeze
        parts = {part.strip() for named in freeze for part in named.split(",")} - {""}
        object.__setattr__(self, "dims", dims)
        object.__setattr__(self, "freeze", tuple(sorted(parts)))
        object.__setattr__(self, "init", tuple(sorted((part, str(origin)) for part, origin in self.init)))
        if not dims:
            raise OptionError("--dim", "no dimension is named", "name one, or leave it out for all", code="no-dims")
        for flag, named in (("--freeze", self.freeze), ("--init", [part for part, _ in self.init])):
            for part in named:
                if part not in PARTS:
                    what = f"{flag} {part}"
                    raise OptionError(what, "a system has no such encoder", "name audio or text", code="option-choice")
        validate(self)


@dataclass(frozen=True)
class FinetunePlace:
    """Where to train, what to read, and where the run is kept; nothing of it is part of the run's configuration."""

    runs: Path = runs_option()
    name: str | None = option(None, "Name of the run's folder.", shown_default="from corpus and system")
    cache: Path = cache_option()
    latents: bool = option(True, "Read the output of the convolutional front end from the cache, if it is there.")
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()
    allow_leaks: bool = allow_leaks_option()
    data_licence: str | None = option(
        None,
        "Licence of the corpus, as you know it, for the model card.",
        metavar="LICENCE",
        shown_default="not stated",
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.name is not None and (not self.name or self.name != Path(self.name).name or self.name[0] == "."):
            why = "it must be the name of one folder, and must not begin with a dot"
            raise OptionError(f"--name {self.name}", why, "name the folder above it with --runs", code="run-name")


@dataclass(frozen=True)
class EvaluateOptions:
    """How to test a system."""

    snr: float | None = option(
        None,
        "Add reverberation to the audio, and pink noise at this signal-to-noise ratio in dB.",
        metavar="DB",
        shown_default="clean audio",
    )
    batch: int = option(16, "Utterances in a batch; predictions do not depend on it.", at_least=1)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class EvaluatePlace:
    """Where to compute, how many utterances may be left out, and where a published model's evaluation is kept."""

    runs: Path = option(
        RUNS,
        "Folder of all runs, where the evaluation of a published model goes.",
        envvar=RUNS_VARIABLE,
        metavar="DIR",
    )
    cache: Path = cache_option()
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()
    allow_leaks: bool = allow_leaks_option()

    def __post_init__(self) -> None:
        validate(self)
