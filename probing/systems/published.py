"""Open published emotion models, folders or hub ids of two public layouts: their configurations and weights mapped.

Layout        public checkpoints                                          config.json
audEERING     audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim       a wav2vec2's, with the outputs in id2label
Odyssey       3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes, -Arousal, model_type ser: names a WavLM, the mean and
              -Dominance, -Valence                                        the deviation of the waveform, id2label

Both learned MSP-Podcast's ratings, 1 to 7, as 0 to 1. Weights are read from safetensors or, where there are none, from
a .bin with weights_only; the code that comes with a checkpoint is never run.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, Wav2Vec2FeatureExtractor, WavLMConfig

from probing.audio.decode import SAMPLE_RATE
from probing.corpus.model import EMOTIONS
from probing.encoders import received
from probing.encoders.audio import tone
from probing.encoders.checkpoints import not_finite
from probing.encoders.configurations import configuration_of, refuse_nonsense
from probing.encoders.identity import all_of
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.preprocessors import preprocessor_of
from probing.encoders.pretrained import LOADING, unopened
from probing.encoders.spec import typed
from probing.encoders.weights import loaded, weights_of
from probing.errors import EncoderError, OptionError
from probing.files import absolute
from probing.runs.entries import SystemEntry
from probing.runs.published import SCALE, PublishedEntry
from probing.systems.processor import Processor
from probing.systems.published_model import AttentiveRegressor, MeanRegressor, PublishedConfig, PublishedSystem

# Of Odyssey's layout config.json names the encoder that training began with, and says little of it. By that name:
# where it differs from transformers' default WavLM.
_WAVLM = {
    "microsoft/wavlm-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
    }
}
_IDLE = "masked_spec_embed"  # a weight of checkpoints that only training uses
_REMEDY = (
    "name a model of audEERING's layout (audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim) or of the Odyssey "
    "baseline's (3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes), or one of your own runs (see `probe runs`)"
)


@dataclass(frozen=True)
class Published:
    """A published model, opened.

    Args:
        system: The model, in evaluation mode on the CPU.
        processor: What feeds it.
        entry: Which one it is.
        parts: What a record says of it as a system.
    """

    system: PublishedSystem
    processor: Processor
    entry: PublishedEntry
    parts: SystemEntry

    @property
    def settled(self) -> dict[str, Any]:
        """All that settles its estimates, JSON-ready."""
        config, extractor = self.system.config, self.processor.audio
        return {
            "layout": self.entry.layout,
            "weights": self.entry.weights,
            "architecture": all_of(config.audio_config),
            "dimensions": list(config.dimensions),
            "standardised": [config.mean, config.deviation],
            "do_normalize": bool(getattr(extractor, "do_normalize", False)),
        }


def open_published(name: str, revision: str | None = None) -> Published:
    """Open a published model.

    Args:
        name: A folder, or a hub id.
        revision: Branch, tag or commit of a hub repository.

    Raises:
        EncoderError: It cannot be read (code `encoder-unopened`), has another layout (`model-foreign`) or estimates
            something else than arousal, valence and dominance (`model-categorical`), weights are missing
            (`encoder-incomplete`), a Git LFS pointer (`lfs-pointer`) or not finite (`encoder-not-finite`).
    """
    folder = Path(name).expanduser()
    local = folder.is_dir()
    if local and revision is not None:
        why, remedy = "a folder has no revisions", "leave --revision out, or name a hub id"
        raise OptionError(f"--revision {revision}", why, remedy, code="no-effect")
    source = absolute(name) if local else name
    if local:
        received.refuse_strangers(folder)
    described = received.configuration(source, revision)
    layout = LAYOUTS.get(str(described.get("model_type")))
    if layout is None:
        raise _foreign(source, f"it is a {described.get('model_type')!r} model, and no emotion model of a known layout")
    try:
        config = layout.read(described, source)
    except LOADING as error:  # a field of the wrong kind
        raise unopened(source, error) from error
    system = _loaded(layout.model, source, revision, config)
    processor = Processor(layout.extractor(source, revision, config.audio_config), None)
    _try(system, processor, source)
    entry = PublishedEntry(source, revision, layout.name, weights_digest(system), SCALE)
    return Published(system, processor, entry, _parts(system, Path(source).name if local else source, source))


def _audeering(described: Mapping[str, Any], source: str) -> PublishedConfig:
    """The configuration of a model of audEERING's layout."""
    dimensions = _dimensions(described, source)
    if described.get("pooling_mode", "mean") != "mean":
        raise _foreign(source, f"it pools its frames by {described['pooling_mode']!r}, and not by their mean")
    return PublishedConfig(configuration_of(dict(described), source), dimensions, SCALE)


def _odyssey(described: Mapping[str, Any], source: str) -> PublishedConfig:
    """The configuration of a model of the Odyssey baseline's layout."""
    dimensions = _dimensions(described, source)
    refuse_nonsense(described, source, "config.json")
    origin = str(described.get("ssl_type"))
    if origin not in _WAVLM:
        known = ", ".join(_WAVLM)
        raise _foreign(source, f"its encoder is {origin!r}, whose configuration is not known; {known} is")
    rate, layers = described.get("sampling_rate", SAMPLE_RATE), described.get("classifier_hidden_layers")
    if rate != SAMPLE_RATE:
        raise _foreign(source, f"it wants audio at {rate} Hz, and not at {SAMPLE_RATE}")
    mean, deviation = _number(described, "mean"), _number(described, "std")
    if mean is None or deviation is None or deviation <= 0:
        said = f"mean = {described.get('mean')!r} and std = {described.get('std')!r}"
        raise _foreign(source, f"its config.json says {said}, by which no waveform can be standardised")
    if type(layers) is not int or layers < 1:
        raise _foreign(source, f"its config.json says classifier_hidden_layers = {layers!r}")
    own = {one.name for one in fields(WavLMConfig)} - {"model_type"}
    audio = {
        "model_type": "wavlm",
        **_WAVLM[origin],
        **{key: value for key, value in described.items() if key in own and value is not None},
    }
    return PublishedConfig(configuration_of(audio, source), dimensions, SCALE, layers, mean, deviation)


def _number(described: Mapping[str, Any], key: str) -> float | None:
    value = described.get(key)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits and value is not None else None


def _dimensions(described: Mapping[str, Any], source: str) -> list[str]:
    """What a model's outputs are called, in their order.

    Raises:
        EncoderError: They are not called (code `model-foreign`), or are categories (`model-categorical`).
    """
    labels = described.get("id2label")
    numbers = [str(place) for place in range(len(labels))] if isinstance(labels, Mapping) else []
    if not isinstance(labels, Mapping) or not labels or sorted(map(str, labels)) != sorted(numbers):
        raise _foreign(source, "its config.json has no id2label, which says what its outputs are")
    by_number = {str(key): str(value) for key, value in labels.items()}
    names = [by_number[number].lower() for number in numbers]
    if all(name.startswith("label_") for name in names):
        raise _foreign(source, "its config.json does not say what its outputs are")
    if len(set(names)) != len(names) or not {*names} <= {*EMOTIONS}:
        raise EncoderError(
            f"{typed(source)} does not estimate {', '.join(EMOTIONS)}",
            f"its outputs are {', '.join(by_number[number] for number in numbers)}: categories, or something else",
            _REMEDY,
            code="model-categorical",
        )
    return names


def _loaded(
    kind: Callable[[PublishedConfig], PublishedSystem], source: str, revision: str | None, config: PublishedConfig
) -> PublishedSystem:
    """The model with its weights, of which all must be there, and no others."""
    weights = weights_of(source, revision)
    system, info = loaded(lambda: kind(copy.deepcopy(config)), config, weights, source, dtype=torch.float32)
    other = sorted(key for key in info["unexpected_keys"] if not key.endswith(_IDLE))
    if other:
        raise _foreign(source, f"it holds {len(other):,} weights that its layout has not, the first {other[0]}")
    missing = sorted(info["missing_keys"])
    if missing:
        raise EncoderError(
            f"{typed(source)}",
            f"its checkpoint lacks {len(missing):,} of the model's weights, the first {missing[0]}",
            "it is incomplete or belongs to another model; copy it again",
            code="encoder-incomplete",
        )
    if any(not bool(parameter.isfinite().all()) for parameter in system.parameters()):
        raise not_finite(typed(source), "its weights are not all finite numbers")
    opened: PublishedSystem = system.eval().requires_grad_(False)
    return opened


def _try(system: PublishedSystem, processor: Processor, source: str) -> None:
    """Estimate a little sound, to see that the model can be run."""
    try:
        with torch.inference_mode(), ExactFloat32():
            logits = system(**processor([tone(SAMPLE_RATE // 10), tone(SAMPLE_RATE // 5)])).logits
    except LOADING as error:
        raise unopened(source, error) from error
    if not bool(logits.isfinite().all()):
        raise not_finite(typed(source), "its estimates are not all finite numbers")


def _parts(system: PublishedSystem, title: str, source: str) -> SystemEntry:
    """What a record says of it; in both layouts everything but the convolutions was trained."""
    sizes = [sum(p.numel() for p in part.parameters()) for part in (system, system.audio.feature_extractor)]
    return SystemEntry(
        name=title,
        audio=title,
        text=None,
        modality="audio",
        parameters=sizes[0],
        trainable=sizes[0] - sizes[1],
        frozen=(),
        regime="FT",
        dimensions=tuple(system.config.dimensions),
        spec=(source,),
    )


def _foreign(source: str, why: str) -> EncoderError:
    return EncoderError(f"{typed(source)} cannot be opened as an emotion model", why, _REMEDY, code="model-foreign")


def _waveform(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """Odyssey's models standardise waveforms themselves."""
    return Wav2Vec2FeatureExtractor(do_normalize=False)


@dataclass(frozen=True)
class Layout:
    """How models of one public layout are opened.

    Args:
        name: Whose layout it is.
        model: Its forward pass.
        read: Content of a config.json, and the model's name → its configuration.
        extractor: Source, revision and the encoder's configuration → its feature extractor.
    """

    name: str
    model: Callable[[PublishedConfig], PublishedSystem]
    read: Callable[[Mapping[str, Any], str], PublishedConfig]
    extractor: Callable[[str, str | None, PretrainedConfig], Any]


LAYOUTS = {  # by the model_type in config.json
    "wav2vec2": Layout("audEERING", MeanRegressor, _audeering, preprocessor_of),
    "ser": Layout("Odyssey", AttentiveRegressor, _odyssey, _waveform),
}
