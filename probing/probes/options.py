"""Options of `probe fit`. Loads without NumPy and torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from probing.errors import OptionError
from probing.options import (
    allow_leaks_option,
    allow_missing_option,
    device_option,
    flag_of,
    option,
    runs_option,
    validate,
)

RIDGE = "ridge"
HEADS = ("mlp", "linear", RIDGE)
WEIGHTED, EACH, BOTH = "weighted", "each", "both"
LAYERS = (WEIGHTED, EACH, BOTH)
NORMALIZE = ("none", "layer")
POOLINGS = ("mean", "max", "mean+max")
BALANCED = "balanced"
CLASS_WEIGHTS = ("none", BALANCED)

# Chosen over planted worlds (`make calibrate`): what names the planted layer most often by the learned weights.
LAYER_LR = 3e-2
PATIENCE = 15

# The settings that the paper states (section 3.2), where it states them. It does not say how its probes pool:
# average and maximum is what its systems do.
PAPER: Mapping[str, Any] = MappingProxyType(
    {
        "head": "mlp",
        "normalize": "none",
        "pooling": "mean+max",
        "lr": 1e-5,
        "layer_lr": 1e-5,
        "dropout": 0.1,
        "batch": 16,
    }
)
# What changes nothing about ridge probes, which have a closed form, and about heads without hidden units.
_TRAINING = ("seeds", "hidden", "lr", "layer_lr", "dropout", "batch", "epochs", "patience", "refits", "data_seed")


@dataclass(frozen=True)
class FitOptions:
    """What to fit and how; all of it is part of the run's configuration, its dimensions as they were settled.

    Raises:
        OptionError: A value is none of the choices or out of bounds (`validate`), no dimension is named (code
            `no-dims`), or a learned sum of layers is asked for with ridge probes (`exclusive`).
    """

    dims: tuple[str, ...] = option(
        ("all",),
        "Dimension or category to probe; may be repeated. `all` stands for those of arousal, valence and dominance "
        "that the corpus rates, or else all its dimensions, or else its category of emotion.",
        flag="--dim",
        metavar="NAME",
    )
    class_weights: str = option(
        "none",
        "How much a class of a category counts: `none`, by its utterances; `balanced`, as any other.",
        choices=CLASS_WEIGHTS,
    )
    head: str = option(
        "mlp",
        "What estimates from the pooled states: the paper's two layers with tanh (mlp), a linear map trained alike "
        "(linear), or nothing but the ridge probes of every layer, which are part of every fit (ridge).",
        choices=HEADS,
    )
    layers: str = option(
        None,
        "Learn a weighted sum of all layers (weighted), probe every single layer (each), or do both.",
        choices=LAYERS,
        shown_default="weighted, with --head ridge each",
    )
    seeds: int = option(1, "Number of random initialisations of every probe.", at_least=1)
    normalize: str = option(
        "layer",
        "Apply a layer norm to every hidden state first (layer), which takes the scales of the layers out of the "
        "weights, or leave it as it is (none).",
        choices=NORMALIZE,
    )
    pooling: str = option("mean", "Pooling over time.", choices=POOLINGS)
    hidden: int | None = option(
        None, "Hidden units of the mlp head.", at_least=1, shown_default="the encoder's hidden size"
    )
    lr: float | None = option(
        None,
        "Adam's learning rate of the heads; wider heads overshoot sooner.",
        above=0,
        shown_default="1e-4 at 768 units, inversely proportional to the hidden size",
    )
    layer_lr: float = option(LAYER_LR, "Adam's learning rate of the layer weights.", above=0)
    dropout: float = option(
        0.0, "Dropout of the pooled states and of the hidden units while training.", at_least=0, below=1
    )
    batch: int = option(32, "Utterances in a batch; the loss is 1 − CCC, or cross-entropy, over a batch.", at_least=2)
    epochs: int = option(100, "Maximum number of epochs.", at_least=1)
    patience: int = option(
        PATIENCE, "Number of epochs without a better development CCC or UAR after which a probe stops.", at_least=1
    )
    permutations: int = option(
        20,
        "Permutations of the labels, and as many within speakers, on which the weighted sum is fitted again: what it "
        "finds by chance. Ridge probes always have at least 100; 0 leaves both out.",
        at_least=0,
    )
    refits: int = option(
        10,
        "Fits of the weighted sum to resampled speakers of train and development: how far the weights depend on who "
        "speaks.",
        at_least=0,
    )
    data_seed: int = option(
        0, "Random seed of the order of the training data and of dropout, which all probes share.", at_least=0
    )
    workers: int = option(0, "Number of threads that read frames ahead.", at_least=0)

    def __post_init__(self) -> None:
        # In a notebook one types dims="valence" or a list; a configuration must not depend on which.
        named = (self.dims,) if isinstance(self.dims, str) else tuple(self.dims)
        object.__setattr__(self, "dims", named)
        if not named:
            raise OptionError("--dim", "no dimension is named", "name one, or leave it out for all", code="no-dims")
        if self.layers is None:
            object.__setattr__(self, "layers", EACH if self.head == RIDGE else WEIGHTED)
        validate(self)
        if self.head == RIDGE and self.layers != EACH:
            raise OptionError(
                f"--layers {self.layers} and --head {RIDGE}",
                "ridge probes see one layer each, and learn no weights of layers",
                "leave --layers out, or choose another head",
                code="exclusive",
            )

    @classmethod
    def paper(cls, **settings: Any) -> FitOptions:
        """The paper's own settings where it states them, and others as they are given.

        Args:
            **settings: Fields by their names.

        Raises:
            OptionError: A setting contradicts the paper's (code `exclusive`); or as the class itself.
        """
        for name, value in settings.items():
            if name in PAPER and value != PAPER[name]:
                flag = flag_of(name)
                raise OptionError(
                    f"{flag} {value} and --paper",
                    f"the paper's setting is {flag} {PAPER[name]}",
                    f"leave one of them out (--paper stands for {paper_words()})",
                    code="exclusive",
                )
        return cls(**{**settings, **PAPER})

    @property
    def balanced(self) -> bool:
        """Whether all classes of a category count alike."""
        return self.class_weights == BALANCED

    @property
    def learns_weights(self) -> bool:
        """Whether a probe learns its layer weights."""
        return self.layers != EACH

    @property
    def trains_single_layers(self) -> bool:
        """Whether a probe is trained on every single layer; ridge probes are not trained."""
        return self.layers != WEIGHTED and self.head != RIDGE

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Fields that change nothing about what is fitted."""
        if self.head == RIDGE:
            return _TRAINING
        return (*("hidden",) * (self.head == "linear"), *("layer_lr", "refits") * (not self.learns_weights))


def paper_words() -> str:
    """What `--paper` stands for, as it is typed."""
    return " ".join(
        f"{flag_of(name)} {value:g}" if isinstance(value, float) else f"{flag_of(name)} {value}"
        for name, value in PAPER.items()
    )


@dataclass(frozen=True)
class ProbesPlace:
    """Where probes are computed and their run kept, and how many utterances may be left out."""

    runs: Path = runs_option()
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()
    allow_leaks: bool = allow_leaks_option()

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class FitPlace(ProbesPlace):
    """The same, and whether hidden states are extracted first."""

    extract: bool = option(False, "Extract first what the cache lacks, as `probe extract` does.")
