"""Find and load an encoder's checkpoint: by name, hub id or folder, or with seeded random weights."""

from __future__ import annotations

import difflib
import os
import pickle
import re
from dataclasses import dataclass
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
from probing.encoders.presets import BUILT_IN, PRESETS, Preset
from probing.encoders.spec import EncoderSpec, spelled, taken_apart, typed
from probing.errors import EncoderError

_transformers: Any = transformers.utils.logging  # untyped

SPEECH = ("hubert", "wav2vec2", "wavlm", "data2vec-audio", "wav2vec2-conformer")  # transformers' model_type
TEXT = ("bert", "roberta", "distilbert", "electra")
_POOLED = ("bert", "roberta")  # have a pooler, which is left out


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model.

    Args:
        model: The transformers model, in float32 on the CPU.
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
    source = _source(stem)
    if preset and spec.random and not Path(source).is_dir():
        config = AutoConfig.for_model(preset.model_type, **preset.config)
        preprocessor = _random_preprocessor(preset)
    else:
        config = _from_pretrained(AutoConfig, source, spec.revision)
        _refuse_foreign(config, spec.name)
        preprocessor = _preprocessor(source, spec.revision, config)
    usual = preset.layers if preset and preset.layers else config.num_hidden_layers
    config.num_hidden_layers = _layers_kept(spec, usual, config.num_hidden_layers)
    if config.model_type in SPEECH:
        # A frozen encoder drops and masks nothing; an adapter would shorten the model's output.
        config.update({"layerdrop": 0.0, "apply_spec_augment": False, "add_adapter": False})
    model = _random_model(config, seed) if seed is not None else _load(source, spec.revision, config)
    name = spelled(Path(stem).name, seed) if not preset and Path(stem).is_dir() else spec.name
    pruned = f"-layers{config.num_hidden_layers}" * (config.num_hidden_layers != usual)
    return Checkpoint(model, preprocessor, name + pruned, spec)


def _layers_kept(spec: EncoderSpec, usual: int, most: int) -> int:
    """How many transformer layers are kept of `most`; `usual` where the user does not say."""
    kept = usual if spec.layers is None else spec.layers
    if not 1 <= kept <= most:
        raise EncoderError(
            f"--encoder-layers {kept}",
            f"{typed(spec.name)} has {most} transformer layers",
            f"choose a number from 1 to {most}",
            code="encoder-layers",
        )
    return kept


def _source(stem: str) -> str:
    """Folder or hub id that a name stands for."""
    if stem in PRESETS:
        source = PRESETS[stem].source
        if Path(source).parent == BUILT_IN and not (Path(source) / "config.json").is_file():
            raise EncoderError(
                f"encoder {stem} is not in this installation",
                f"{source} holds no config.json",
                f"install the package again, or make it with `python -m probing.pretrain {stem.removeprefix('demo-')}`",
                code="encoder-not-installed",
            )
        return source
    if Path(stem).is_dir():
        if not (Path(stem) / "config.json").is_file():
            raise EncoderError(
                f"{typed(stem)}",
                "the folder holds no config.json",
                "name a folder written by save_pretrained",
                code="encoder-incomplete",
            )
        return stem
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", stem) and not stem.endswith((".csv", ".h5")):
        return stem
    close = difflib.get_close_matches(stem, PRESETS, n=1)
    raise EncoderError(
        f"unknown encoder {stem!r}",
        "it is no known name, no folder here and not of the form owner/name",
        (f"did you mean {close[0]}? " if close else "") + f"known names: {', '.join(PRESETS)}",
        code="encoder-unknown",
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
        remedy = "check the folder; it must be what save_pretrained writes"
        if not Path(source).is_dir():
            remedy = (
                f"check the name and the network; on a machine without one, run `hf download {source}` elsewhere, copy "
                f"the folder here and give its path; or try the architecture with random weights: {_known(source)}"
            )
        why = " ".join(str(error).split())[:300]
        raise EncoderError(f"encoder {source} could not be opened", why, remedy, code="encoder-unopened") from error
    finally:
        _transformers.set_verbosity(verbosity)
        if bars:
            _transformers.enable_progress_bar()


def _known(source: str) -> str:
    """The spelling that works offline: presets know their own configuration."""
    preset = next((name for name, one in PRESETS.items() if one.source == source), "hubert-base")
    return spelled(preset, 0)


def _preprocessor(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    if config.model_type in TEXT:
        return _tokenizer(source, revision, config)
    preprocessor = _from_pretrained(AutoFeatureExtractor, source, revision)
    if not isinstance(preprocessor, Wav2Vec2FeatureExtractor) or preprocessor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"encoder {source}",
            "its preprocessor_config.json is not that of a 16 kHz waveform encoder",
            "use a checkpoint of HuBERT, wav2vec2, WavLM or data2vec-audio",
            code="encoder-foreign",
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
            code="encoder-incomplete",
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
            code="encoder-foreign",
        )


def _random_model(config: PretrainedConfig, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
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
            code="encoder-incomplete",
        )
    return model
