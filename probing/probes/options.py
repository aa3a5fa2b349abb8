"""Options of `probe fit`. Loads without NumPy and torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import allow_missing_option, device_option, option, runs_option, validate

LAYERS = ("weighted", "each", "both")
NORMALIZE = ("none", "layer")
POOLINGS = ("mean", "max", "mean+max")


@dataclass(frozen=True)
class FitOptions:
    """What to fit and how; all of it is part of the run's configuration, its dimensions as they were settled."""

    dims: tuple[str, ...] = option(
        ("all",),
        "Dimension to probe; may be repeated. `all` stands for those of arousal, valence and dominance that the corpus "
        "rates.",
        flag="--dim",
        metavar="NAME",
    )
    layers: str = option(
        "weighted",
        "Learn a weighted sum of all layers (weighted), probe every single layer (each), or do both.",
        choices=LAYERS,
    )
    seeds: int = option(1, "Number of random initialisations of every probe.", at_least=1)
    normalize: str = option(
        "none",
        "Apply a layer norm to every hidden state first (layer), which takes the scales of the layers out of the "
        "weights, or leave it as it is (none).",
        choices=NORMALIZE,
    )
    pooling: str = option("mean", "Pooling over time.", choices=POOLINGS)
    hidden: int | None = option(
        None, "Hidden units of the head.", at_least=1, shown_default="the encoder's hidden size"
    )
    lr: float | None = option(
        None,
        "Adam's learning rate of the heads; wider heads overshoot sooner.",
        above=0,
        shown_default="1e-4 at 768 units, inversely proportional to the hidden size",
    )
    layer_lr: float = option(1e-2, "Adam's learning rate of the layer weights.", above=0)
    batch: int = option(32, "Utterances in a batch; the loss is 1 − CCC over a batch.", at_least=2)
    epochs: int = option(100, "Maximum number of epochs.", at_least=1)
    patience: int = option(
        15, "Number of epochs without a better development CCC after which a probe stops.", at_least=1
    )
    shuffled: bool = option(True, "Add a control that is trained on permuted labels.")
    data_seed: int = option(0, "Random seed of the order of the training data, which all probes share.", at_least=0)
    workers: int = option(0, "Number of processes that read frames ahead.", at_least=0)

    def __post_init__(self) -> None:
        # In a notebook one types dims="valence" or a list; a configuration must not depend on which.
        named = (self.dims,) if isinstance(self.dims, str) else tuple(self.dims)
        object.__setattr__(self, "dims", named)
        if not named:
            raise OptionError("--dim", "no dimension is named", "name one, or leave it out for all", code="no-dims")
        validate(self)

    @property
    def learns_weights(self) -> bool:
        """Whether a probe learns its layer weights; a control does too."""
        return self.layers != "each" or self.shuffled


@dataclass(frozen=True)
class FitPlace:
    """Where the fit is computed and its run kept, and how many utterances may be left out."""

    runs: Path = runs_option()
    device: str | None = device_option()
    allow_missing: int = allow_missing_option()

    def __post_init__(self) -> None:
        validate(self)
