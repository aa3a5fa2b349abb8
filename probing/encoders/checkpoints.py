"""Find and load an encoder's checkpoint: by name, hub id or folder, or with seeded random weights."""

from __future__ import annotations

import difflib
import os
import pickle
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Without this, loading a .bin checkpoint starts a thread that asks the hub for a converted copy.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")

import torch
import transformers
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoTokenizer,
    BertTokenizer,
    PretrainedConfig,
    Wav2Vec2FeatureExtractor,
)

from probing.audio.decode import SAMPLE_RATE
from probing.errors import EncoderError

_transformers: Any = transformers.utils.logging  # untyped

RANDOM = "@random"  # suffix: the same architecture with seeded random weights
RANDOM_SEED = 0
BUILT_IN = Path(__file__).parents[1] / "demo" / "encoders"  # folders of the encoders that come with the package
SPEECH = ("hubert", "wav2vec2", "wavlm", "data2vec-audio", "wav2vec2-conformer")  # transformers' model_type
TEXT = ("bert", "roberta", "distilbert", "electra")
_POOLED = ("bert", "roberta")  # have a pooler, which is left out


@dataclass(frozen=True)
class Preset:
    """An encoder known by name.

    Args:
        source: Repository on the model hub, or folder of a built-in encoder.
        model_type: transformers' name of the architecture.
        config: Departures from transformers' default configuration, for `@random`.
        do_normalize: Whether the checkpoint wants zero mean and unit variance per utterance, for `@random`.
        layers: Transformer layers kept, or None for all.
    """

    source: str
    model_type: str
    config: dict[str, Any] = field(default_factory=dict)
    do_normalize: bool = True
    layers: int | None = None


PRESETS = {
    "hubert-base": Preset("facebook/hubert-base-ls960", "hubert"),
    "distilhubert": Preset(
        "ntu-spml/distilhubert",
        "hubert",
        {"num_hidden_layers": 2, "feat_proj_layer_norm": False, "apply_spec_augment": False, "layerdrop": 0.0},
        do_normalize=False,
    ),
    "wav2vec2-large-robust-12": Preset(
        "facebook/wav2vec2-large-robust",
        "wav2vec2",
        {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "feat_extract_norm": "layer",
            "conv_bias": True,
            "do_stable_layer_norm": True,
        },
        layers=12,
    ),
    "wavlm-base-plus": Preset("microsoft/wavlm-base-plus", "wavlm", do_normalize=False),
    "data2vec-audio-base": Preset("facebook/data2vec-audio-base", "data2vec-audio"),
    "tinybert": Preset(
        "huawei-noah/TinyBERT_General_4L_312D",
        "bert",
        {"hidden_size": 312, "num_hidden_layers": 4, "intermediate_size": 1200},
    ),
    "demo-hubert": Preset(str(BUILT_IN / "demo-hubert"), "hubert"),
    "demo-distilhubert": Preset(str(BUILT_IN / "demo-distilhubert"), "hubert"),
    "demo-tinybert": Preset(str(BUILT_IN / "demo-tinybert"), "bert"),
}


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Args:
        model: The transformers model, in float32 on the CPU.
        preprocessor: How it wants its waveforms, or its tokenizer.
        name: What the user typed (of a folder its own name), with `-layersK` where it was pruned.
        random: Whether its weights are random.
    """

    model: Any
    preprocessor: Any
    name: str
    random: bool

    @property
    def reads(self) -> bool:
        """Whether it is a text encoder."""
        return self.model.config.model_type in TEXT


def load_checkpoint(name: str, layers: int | None = None, revision: str | None = None) -> Checkpoint:
    """Load an encoder as `probing.encoders.speech.open_encoder` describes.

    Raises:
        EncoderError: Unknown name, unreachable hub, incomplete or foreign checkpoint, or too many layers asked for.
    """
    stem, random = name.removesuffix(RANDOM), name.endswith(RANDOM)
    preset = PRESETS.get(stem)
    source = _source(stem)
    if preset and random and not Path(source).is_dir():
        config = AutoConfig.for_model(preset.model_type, **preset.config)
        preprocessor = _random_preprocessor(preset)
    else:
        config = _from_pretrained(AutoConfig, source, revision)
        _refuse_foreign(config, name)
        preprocessor = _preprocessor(source, revision, config)
    usual = preset.layers if preset and preset.layers else config.num_hidden_layers
    kept = usual if layers is None else layers
    if not 1 <= kept <= config.num_hidden_layers:
        raise EncoderError(
            f"--layers {layers}",
            f"{name} has {config.num_hidden_layers} transformer layers",
            f"ask for 1 to {config.num_hidden_layers}",
        )
    config.num_hidden_layers = kept
    if config.model_type in SPEECH:
        # A frozen encoder drops and masks nothing; an adapter would shorten the model's output.
        config.update({"layerdrop": 0.0, "apply_spec_augment": False, "add_adapter": False})
    model = _random_model(config) if random else _load(source, revision, config)
    shown = Path(stem).name + RANDOM * random if not preset and Path(stem).is_dir() else name
    return Checkpoint(model, preprocessor, shown + f"-layers{kept}" * (kept != usual), random)


def _source(stem: str) -> str:
    """Folder or hub id that a name stands for."""
    if stem in PRESETS:
        source = PRESETS[stem].source
        if Path(source).parent == BUILT_IN and not (Path(source) / "config.json").is_file():
            raise EncoderError(
                f"encoder {stem} is not in this installation",
                f"{source} holds no config.json",
                f"install the package again, or make it with `python -m probing.pretrain {stem.removeprefix('demo-')}`",
            )
        return source
    if Path(stem).is_dir():
        if not (Path(stem) / "config.json").is_file():
            raise EncoderError(f"{stem}", "the folder holds no config.json", "name a folder made by save_pretrained")
        return stem
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", stem) and not stem.endswith((".csv", ".h5")):
        return stem
    close = difflib.get_close_matches(stem, PRESETS, n=1)
    raise EncoderError(
        f"unknown encoder {stem!r}",
        "it is no known name, no folder here and not of the form owner/name",
        (f"did you mean {close[0]}? " if close else "") + f"known names: {', '.join(PRESETS)}",
    )


_LOADING = (OSError, ValueError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError, SafetensorError)


def _from_pretrained(kind: Any, source: str, revision: str | None, **options: Any) -> Any:
    """Call `kind.from_pretrained`, quietly, and turn what it raises into an EncoderError."""
    verbosity, bars = _transformers.get_verbosity(), _transformers.is_progress_bar_enabled()
    _transformers.set_verbosity_error()
    if Path(source).is_dir():
        _transformers.disable_progress_bar()
    try:
        return kind.from_pretrained(source, revision=revision or "main", trust_remote_code=False, **options)
    except _LOADING as error:
        local = Path(source).is_dir()
        raise EncoderError(
            f"encoder {source} could not be opened",
            " ".join(str(error).split())[:300],
            "check the folder; it must be what save_pretrained writes"
            if local
            else f"check the name and the network; on a machine without one, run `hf download {source}` elsewhere, "
            f"copy the folder here and give its path; or try the architecture with random weights: {_known(source)}",
        ) from error
    finally:
        _transformers.set_verbosity(verbosity)
        if bars:
            _transformers.enable_progress_bar()


def _known(source: str) -> str:
    """The spelling that works offline: presets know their own configuration."""
    return next((name for name, preset in PRESETS.items() if preset.source == source), "hubert-base") + RANDOM


def _preprocessor(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    if config.model_type in TEXT:
        return _tokenizer(source, revision, config)
    preprocessor = _from_pretrained(AutoFeatureExtractor, source, revision)
    if not isinstance(preprocessor, Wav2Vec2FeatureExtractor) or preprocessor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"encoder {source}",
            "its preprocessor_config.json is not that of a 16 kHz waveform encoder",
            "use a checkpoint of HuBERT, wav2vec2, WavLM or data2vec-audio",
        )
    return preprocessor


def _tokenizer(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer; one without vocabulary, or with more tokens than the model has, is refused."""
    tokenizer = _from_pretrained(AutoTokenizer, source, revision)
    if not len(tokenizer.all_special_tokens) < len(tokenizer) <= config.vocab_size:
        raise EncoderError(
            f"encoder {source}",
            f"its tokenizer has {len(tokenizer)} tokens, its model {config.vocab_size}",
            "copy the tokenizer's files (tokenizer.json or vocab.txt) that belong to the model into its folder",
        )
    return tokenizer


def _random_preprocessor(preset: Preset) -> Any:
    """What a preset's random model is fed with; text falls into letters, since no vocabulary is at hand.

    Its tokens are the printable ASCII characters, in lower case and without accents, each at the start of a word and
    within one (`##`). A word with any other character, or of over 100, is one `[UNK]`: every text has tokens.
    """
    if preset.model_type not in TEXT:
        return Wav2Vec2FeatureExtractor(do_normalize=preset.do_normalize)
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, model_max_length=512)


def _refuse_foreign(config: PretrainedConfig, name: str) -> None:
    if config.model_type not in SPEECH + TEXT:
        raise EncoderError(
            f"encoder {name}",
            f"it is a {config.model_type} model; only {', '.join(SPEECH + TEXT)} are known to give exact batches here",
            f"use one of those architectures, for example {', '.join(PRESETS)}",
        )


def _random_model(config: PretrainedConfig) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        return AutoModel.from_config(config, dtype=torch.float32, **_without_pooler(config))


def _without_pooler(config: PretrainedConfig) -> dict[str, bool]:
    return {"add_pooling_layer": False} if config.model_type in _POOLED else {}


def _load(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """Weights from safetensors or, where there are none, from a .bin read with weights_only."""
    model, info = _from_pretrained(
        AutoModel,
        source,
        revision,
        config=config,
        dtype=torch.float32,
        weights_only=True,
        output_loading_info=True,
        **_without_pooler(config),
    )
    missing = sorted(key for key in info["missing_keys"] if key != "masked_spec_embed")
    if missing or info["mismatched_keys"]:
        raise EncoderError(
            f"encoder {source}",
            f"its checkpoint lacks {len(missing)} of the model's weights, the first {missing[:2]}",
            "it is incomplete or belongs to another model; copy it again",
        )
    return model
