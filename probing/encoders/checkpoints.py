"""Find and load an encoder's checkpoint: by name, hub id or folder, or with seeded random weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig

from probing.encoders import received, tuned
from probing.encoders.configurations import configuration_of, for_frozen, keep_layers, layers_of
from probing.encoders.families import TEXT
from probing.encoders.importing import without_collector
from probing.encoders.preprocessors import preprocessor_of, random_preprocessor
from probing.encoders.presets import PRESETS
from probing.encoders.pretrained import LOADING, said_plainly, unopened
from probing.encoders.sources import source_of
from probing.encoders.spec import EncoderSpec, spelled, taken_apart, typed
from probing.encoders.weights import Weights, loaded, most_numbers, weights_of, without_numbers
from probing.errors import EncoderError

_ENCODER_OF = ("whisper", "moonshine")  # have a decoder too, which is left out
_QUANTISED = """
    SCB absmax quant_map qweight qzeros weight_format weight_scale weight_scale_inv scales
""".split()


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Args:
        model: The transformers model, in float32 on the CPU; of models with a decoder the encoder alone.
        preprocessor: How it wants its waveforms, or its tokenizer.
        name: Its name in titles and file names: what names it (of a folder the folder's own name), with `-layersK`
            where it was pruned.
        spec: What names it.
    """

    model: Any
    preprocessor: Any
    name: str
    spec: EncoderSpec

    @property
    def random(self) -> bool:
        """Whether its weights are random."""
        return self.spec.random

    @property
    def reads(self) -> bool:
        """Whether it is a text encoder."""
        return self.model.config.model_type in TEXT


def load_checkpoint(spec: EncoderSpec | str) -> Checkpoint:
    """Load an encoder as `probing.encoders.opening.open_encoder` describes.

    Raises:
        EncoderError: It cannot be opened, for the reasons named there.
    """
    if isinstance(spec, str):
        spec = EncoderSpec.resolve(spec)
    stem, seed = taken_apart(spec.name)
    preset = PRESETS.get(stem)
    own_run = None if preset else tuned.seed_folder(stem)  # a folder of a preset's name is opened by ./NAME
    source = str(own_run) if own_run else source_of(stem)
    if preset and spec.random and not Path(source).is_dir():
        config = for_frozen(AutoConfig.for_model(preset.model_type, **preset.config))
        preprocessor = random_preprocessor(preset, config)
    else:
        if Path(source).is_dir():
            received.refuse_strangers(Path(source))
        config = tuned.configuration(own_run) if own_run else _configuration(source, spec)
        preprocessor = preprocessor_of(source, spec.revision, config)
    usual = preset.layers if preset and preset.layers else layers_of(config)
    keep_layers(config, _layers_kept(spec, usual, layers_of(config)))
    if seed is not None:
        model = _fresh_model(source, config, seed)
    else:
        within = "encoder." if config.model_type in _ENCODER_OF else ""
        held = tuned.weights(own_run, within) if own_run else weights_of(source, spec.revision)
        model = _load(source, held, config)
    if seed is None and any(not bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise not_finite(typed(spec.name), "its weights are not all finite numbers")
    name = spec.name
    if own_run or (not preset and Path(stem).is_dir()):
        name = spelled(tuned.name_of(own_run) if own_run else Path(stem).name, seed)
    pruned = f"-layers{layers_of(config)}" * (layers_of(config) != usual)
    return Checkpoint(model, preprocessor, name + pruned, spec)


def _configuration(source: str, spec: EncoderSpec) -> PretrainedConfig:
    """The configuration that a folder or a repository holds."""
    described = received.configuration(source, spec.revision)
    try:
        return configuration_of(described, spec.name)
    except LOADING as error:  # a field of the wrong kind, or one that does not go with another
        raise unopened(source, error) from error


def _layers_kept(spec: EncoderSpec, usual: int, most: int) -> int:
    """How many transformer layers are kept of `most`; `usual` where the user does not say."""
    if most < 1:
        why, remedy = (
            f"its configuration has {most} layers",
            "copy its config.json again from where the model came from",
        )
        raise EncoderError(f"encoder {typed(spec.name)}", why, remedy, code="encoder-unopened")
    kept = usual if spec.layers is None else spec.layers
    if not 1 <= kept <= most:
        raise EncoderError(
            f"--encoder-layers {kept}",
            f"{typed(taken_apart(spec.name)[0])} has {most} transformer layers",
            f"choose a number from 1 to {most}",
            code="encoder-layers",
        )
    return kept


def _fresh_model(source: str, config: PretrainedConfig, seed: int) -> Any:
    """A model with random weights."""
    if torch.empty(0).device.type != "meta":  # where only its shapes are asked for, it takes no memory
        most = most_numbers(source) if Path(source).is_dir() else None
        without_numbers(lambda: _built(copy.deepcopy(config)), most, source)
    with torch.random.fork_rng(devices=[]), said_plainly(source):
        torch.manual_seed(seed)
        return encoder_alone(_built(config))


def _built(config: PretrainedConfig) -> Any:
    """The model that a configuration describes."""
    with without_collector():  # transformers imports the model's code when it is first built
        return AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False, **_without_pooler(config))


def _without_pooler(config: PretrainedConfig) -> dict[str, bool]:
    return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta") else {}


def not_finite(what: str, why: str) -> EncoderError:
    """The error of an encoder whose weights or states are not all finite numbers."""
    remedy = "copy it again from where it came from; if it is the same there, its training went wrong"
    return EncoderError(f"encoder {what}", why, remedy, code="encoder-not-finite")


def encoder_alone(model: Any) -> Any:
    """The encoder of a model that has a decoder or a pooler too; every other model as it is."""
    if model.config.model_type in _ENCODER_OF:
        config, model = model.config, model.encoder
        model.config = config
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _load(source: str, weights: Weights, config: PretrainedConfig) -> Any:
    """The model with its weights; it is an error if any are missing or quantised."""
    how = {"dtype": torch.float32, **_without_pooler(config)}
    model, info = loaded(lambda: _built(copy.deepcopy(config)), config, weights, source, **how)
    idle = ("decoder.", "pooler.") if config.model_type in (*_ENCODER_OF, *TEXT) else ()
    missing = sorted(key for key in info["missing_keys"] if key != "masked_spec_embed" and not key.startswith(idle))
    if missing or info["mismatched_keys"]:
        raise EncoderError(
            f"encoder {source}",
            f"its checkpoint lacks {len(missing)} of the model's weights, the first {missing[:2]}",
            "it is incomplete or belongs to another model; copy it again",
            code="encoder-incomplete",
        )
    quantised = [key for key in info["unexpected_keys"] if key.rsplit(".", 1)[-1] in _QUANTISED]
    if quantised:
        raise EncoderError(
            f"encoder {source}",
            f"its weights are quantised ({quantised[0]})",
            "use the checkpoint that it was made from, in float16 or float32",
            code="encoder-quantised",
        )
    return encoder_alone(model)
