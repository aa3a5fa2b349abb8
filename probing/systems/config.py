"""What settles a system's architecture: the configuration that is saved beside its weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from probing.corpus.model import EMOTIONS
from probing.systems.leaving import without_places

# Settings of the program that saved it: a received file could name a repository of kernels, which is code, or other
# files of weights; and what a forward pass returns is what a system asks for.
_FOREIGN = """
    attn_implementation _attn_implementation _attn_implementation_internal quantization_config auto_map
    transformers_weights fusion_config kernel_config distributed_config
    output_hidden_states output_attentions return_dict torchscript use_return_dict
""".split()


class SystemConfig(PretrainedConfig):
    """What settles a system's architecture and the meaning of its output.

    Args:
        audio_config: The audio encoder's own configuration (or its dictionary), None for text alone.
        text_config: The text encoder's, None for audio alone.
        encoders: The name that the system was built from.
        dimensions: Names of the first K outputs, in their order.
        scale: Lowest and highest rating of the corpus; output 0 and 1 stand for them.
        fusion: How average and maximum become one vector, a name in `FUSIONS`.
        dropout: Probability everywhere: on the feature projection, in attention, activations and hidden states, and
            before both layers of the head (section 3.3: "throughout the model"). LayerDrop is always 0.
        spec_augment: Whether spans of frames are masked in training, as the encoder's own configuration says.
        do_normalize: Whether the audio encoder wants zero mean and unit variance per utterance.
        freeze: Encoders that do not learn, `audio` and `text`, besides the front end (FT⇒FRZ, section 4.3).
        categories: Category → its classes, of each of which there is an output behind the K, in their order.
        class_weights: Category → weight of each of its classes in the loss; where there is none all weigh alike.
    """

    model_type = "emotion-system"

    def __init__(
        self,
        audio_config: PretrainedConfig | dict[str, Any] | None = None,
        text_config: PretrainedConfig | dict[str, Any] | None = None,
        encoders: str = "",
        dimensions: Sequence[str] = EMOTIONS,
        scale: Sequence[float] = (0.0, 1.0),
        fusion: str = "sum",
        dropout: float = 0.1,
        spec_augment: bool = False,
        do_normalize: bool = True,
        freeze: Sequence[str] = (),
        categories: Mapping[str, Sequence[str]] | None = None,
        class_weights: Mapping[str, Sequence[float]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.audio_config, self.text_config = _configuration(audio_config), _configuration(text_config)
        self.encoders, self.dimensions, self.scale = encoders, list(dimensions), list(scale)
        # By name, as transformers writes a dictionary: their outputs must not change places when it is read.
        self.categories = {name: list(classes) for name, classes in sorted((categories or {}).items())}
        self.class_weights = {name: list(weights) for name, weights in (class_weights or {}).items()}
        self.fusion, self.dropout, self.spec_augment = fusion, dropout, spec_augment
        self.do_normalize, self.freeze = do_normalize, list(freeze)
        super().__init__(**{key: value for key, value in kwargs.items() if key not in _FOREIGN})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as it is saved: without the places that its encoders were read from."""
        return without_places(super().to_dict())


def refuse_impossible(config: SystemConfig) -> None:
    """Raise a ValueError where a received configuration says what no system has.

    Its encoders and their sizes are seen when it is built.
    """
    names, scale = config.dimensions, config.scale
    if not (names or config.categories) or not _are_names(names):
        raise ValueError(f"its config.json says dimensions = {str(names)[:60]}")
    if not all(name and len(classes) > 1 and _are_names(classes) for name, classes in config.categories.items()):
        raise ValueError(f"its config.json says categories = {str(config.categories)[:60]}")
    for name, weights in config.class_weights.items():
        numbers = all(isinstance(one, int | float) and math.isfinite(one) and one >= 0 for one in weights)
        if not numbers or len(weights) != len(config.categories.get(name, ())):
            raise ValueError(f"its config.json says class_weights = {str(config.class_weights)[:60]}")
    numbers = all(isinstance(end, int | float) and math.isfinite(end) for end in scale)
    if len(scale) != 2 or not numbers or not scale[0] < scale[1]:
        raise ValueError(f"its config.json says scale = {str(scale)[:60]}")
    if not isinstance(config.encoders, str) or not {*config.freeze} <= {"audio", "text"}:
        raise ValueError(f"its config.json says freeze = {str(config.freeze)[:60]}")
    if not isinstance(config.dropout, int | float) or not 0 <= config.dropout < 1:
        raise ValueError(f"its config.json says dropout = {str(config.dropout)[:60]}")


def _are_names(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) and name for name in names) and len({*names}) == len(names)


def _configuration(given: PretrainedConfig | dict[str, Any] | None) -> PretrainedConfig | None:
    """A configuration of the system's own, which it may change."""
    if not isinstance(given, dict):
        return copy.deepcopy(given)
    return AutoConfig.for_model(**{key: value for key, value in given.items() if key not in _FOREIGN})


AutoConfig.register(SystemConfig.model_type, SystemConfig)
