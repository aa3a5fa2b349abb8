"""Open a Whisper as a recogniser: its weights, its front end and its tokenizer must go together, or it is refused.

What is missing or null and can be known otherwise is filled in: a configuration's fields by transformers' defaults, the
numbers of Whisper's own tokens by the tokenizer, so that a checkpoint without generation_config.json works too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PretrainedConfig, WhisperForConditionalGeneration, WhisperTokenizer

from probing.asr.decoding import no_tokenizer, prompts, settings
from probing.asr.options import demand_recogniser
from probing.audio.decode import SAMPLE_RATE
from probing.encoders import received
from probing.encoders.configurations import completed
from probing.encoders.preprocessors import preprocessor_of
from probing.encoders.pretrained import LOADING, said_plainly, unopened
from probing.encoders.tokenizers import tokenizer_from
from probing.encoders.weights import loaded, weights_of
from probing.encoders.whisper import FRAME
from probing.errors import EncoderError
from probing.files import read_json

MODEL_TYPE = "whisper"
_SETTINGS = "generation_config.json"


@dataclass(frozen=True)
class Checkpoint:
    """A Whisper that is ready to listen.

    Args:
        model: Encoder and decoder, in float32 on the CPU, whose generation settings are those of `decoding.settings`.
        extractor: What makes its log-mel spectrograms.
        tokenizer: What makes words of its tokens.
        window: Seconds of audio that it takes at once.
        languages: Two letters of each language that it can be asked for; none where it knows English only.
    """

    model: Any
    extractor: Any
    tokenizer: Any
    window: int
    languages: tuple[str, ...]


def load_checkpoint(name: str, revision: str | None = None) -> Checkpoint:
    """Load a Whisper; what goes wrong is found before its weights are read, as far as it can be.

    Args:
        name: Hub id or folder.
        revision: Branch, tag or commit of a hub repository.

    Raises:
        EncoderError: Its name is that of no folder and of no repository (code `asr-unknown`), it cannot be opened
            (`asr-unopened`), is not a Whisper (`asr-kind`), its weights are incomplete (`asr-incomplete`) or not finite
            (`asr-not-finite`), its front end (`asr-foreign`), tokenizer (`asr-tokenizer`) or generation settings
            (`asr-settings`) are not those of the model, or one of its files is a Git LFS pointer (`lfs-pointer`).
    """
    demand_recogniser(name)
    with _opening(name):
        if Path(name).is_dir():
            received.refuse_strangers(Path(name))
        config = _configuration(name, revision)
        extractor = preprocessor_of(name, revision, config)
        window = _window(extractor, config, name)
        tokenizer = _tokenizer(name, revision)
        tokens = prompts(tokenizer.get_vocab(), config.vocab_size, name)
        said = _said(name, revision)
        model = _model(name, revision, config)
        model.generation_config = settings(said, config, tokens, name)
    known = getattr(model.generation_config, "lang_to_id", {})
    return Checkpoint(model, extractor, tokenizer, window, tuple(sorted(language.strip("<|>") for language in known)))


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """Let what opening an encoder complains of be said of a recogniser."""
    try:
        yield
    except EncoderError as error:
        if not error.code.startswith("encoder-"):
            raise
        remedy = error.remedy
        if not Path(name).is_dir():
            remedy = (
                "name a Whisper of the model hub (openai/whisper-base) or its folder; on a machine without a network, "
                f"run `hf download {name}` elsewhere, copy the folder here and give its path"
            )
        code = error.code.replace("encoder-", "asr-")
        raise EncoderError(f"recogniser {name} could not be opened", error.why, remedy, code=code) from error


def _configuration(name: str, revision: str | None) -> PretrainedConfig:
    described = received.configuration(name, revision)
    if described.get("model_type") != MODEL_TYPE:
        why, remedy = f"it is a {described.get('model_type')} model", "name a Whisper, for example openai/whisper-base"
        raise EncoderError(f"--asr {name}", why, remedy, code="asr-kind")
    try:
        config = completed(described, MODEL_TYPE, name)
    except LOADING as error:  # a field of the wrong kind, or one that does not go with another
        raise unopened(name, error) from error
    config.forced_decoder_ids = None  # an old way of saying the language and the task, which would be followed too
    return config


def _window(extractor: Any, config: PretrainedConfig, name: str) -> int:
    """Seconds that the front end fills every waveform up to, which must be those that the encoder takes."""
    seconds, taken = extractor.chunk_length, config.max_source_positions * FRAME / SAMPLE_RATE
    if seconds != taken:
        why = f"its preprocessor_config.json is for windows of {seconds} s, its model for {taken:g} s"
        remedy = "copy the preprocessor_config.json that belongs to the model into its folder"
        raise EncoderError(f"recogniser {name}", why, remedy, code="asr-foreign")
    return int(seconds)


def _tokenizer(name: str, revision: str | None) -> Any:
    try:
        return tokenizer_from(WhisperTokenizer, name, revision)
    except EncoderError as error:
        raise no_tokenizer(name, error.why) from error


def _said(name: str, revision: str | None) -> GenerationConfig:
    """What the checkpoint says of generating: in its own file or, in the first checkpoints, with everything else."""
    path = received.file_of(name, revision, _SETTINGS)
    remedy = f"copy {_SETTINGS} again from where the model came from"
    said = received.configuration(name, revision) if path is None else read_json(path, remedy)
    with said_plainly(name):
        return GenerationConfig.from_dict(said)


def _model(name: str, revision: str | None, config: Any) -> Any:
    """The model; weights that it lacks would be random ones, and its words anything."""
    model, info = loaded(
        lambda: WhisperForConditionalGeneration(copy.deepcopy(config)),
        config,
        weights_of(name, revision),
        name,
        dtype=torch.float32,
    )
    missing = sorted(info["missing_keys"])
    if missing:
        why = f"its checkpoint lacks {len(missing)} of the model's weights, the first {missing[:2]}"
        remedy = "it is incomplete, or an encoder only; copy it again, or name another"
        raise EncoderError(f"recogniser {name}", why, remedy, code="asr-incomplete")
    if any(not bool(parameter.isfinite().all()) for parameter in model.parameters()):
        why, remedy = "its weights are not all finite numbers", "copy it again from where it came from"
        raise EncoderError(f"recogniser {name}", why, remedy, code="asr-not-finite")
    return model.eval()
