"""What an encoder is fed through: feature extractors and tokenizers of a checkpoint, or those of a random preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import (
    AutoTokenizer,
    BertTokenizer,
    PretrainedConfig,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from probing.audio.decode import SAMPLE_RATE
from probing.encoders import filter_bank, whisper
from probing.encoders.configurations import refuse_nonsense
from probing.encoders.families import FILTER_BANK, TEXT, WINDOWED
from probing.encoders.presets import Preset
from probing.encoders.pretrained import said_plainly
from probing.encoders.received import json_of
from probing.encoders.tokenizers import tokenizer_from
from probing.errors import EncoderError


def preprocessor_of(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer or feature extractor in a checkpoint's folder or repository.

    Raises:
        EncoderError: It is not there, cannot be read or says what no encoder has (code `encoder-unopened`), lacks its
            vocabulary (`encoder-incomplete`), or belongs to another kind of model (`encoder-foreign`).
    """
    if config.model_type in TEXT:
        return _tokenizer(source, revision, config)
    saved = _settings(source, revision)
    refuse_nonsense(saved, source, "preprocessor_config.json")
    kind = _kind_of(config.model_type)
    extractor: Any = None
    if saved.get("feature_extractor_type") in (None, kind.__name__):  # no other name is looked up
        with said_plainly(source):
            extractor = kind.from_dict(saved)
    if config.model_type in WINDOWED:
        whisper.check_extractor(extractor, config, source)
    elif config.model_type in FILTER_BANK:
        filter_bank.check_extractor(extractor, config, source)
    else:
        _check_waveform_extractor(extractor, source)
    extractor.padding_side = "right"  # an utterance's own frames are counted from the front
    return extractor


def _kind_of(model_type: str) -> Any:
    """The feature extractor that a family of speech encoders has."""
    if model_type in WINDOWED:
        return WhisperFeatureExtractor
    return filter_bank.EXTRACTORS.get(model_type, Wav2Vec2FeatureExtractor)


def _settings(source: str, revision: str | None) -> dict[str, Any]:
    """A feature extractor's settings as they are: within those of a processor or, as before, in a file of their own."""
    processor = json_of(source, revision, "processor_config.json") or {}
    saved = processor.get("feature_extractor", processor.get("audio_processor"))
    if saved is None:
        saved = json_of(source, revision, "preprocessor_config.json")
    if not isinstance(saved, dict):
        held = "the folder" if Path(source).is_dir() else "the repository"
        raise EncoderError(
            f"encoder {source} could not be opened",
            f"{held} holds no preprocessor_config.json, which says how the model wants its audio",
            "copy that file from the repository that the model came from",
            code="encoder-unopened",
        )
    return dict(saved)


def _check_waveform_extractor(extractor: Any, source: str) -> None:
    """Raise an EncoderError (code `encoder-foreign`) where a feature extractor does not give waveforms at 16 kHz."""
    fits = isinstance(extractor, Wav2Vec2FeatureExtractor) and extractor.feature_size == 1
    if not fits or extractor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"encoder {source}",
            "its preprocessor_config.json is not that of a 16 kHz waveform encoder",
            "copy the preprocessor_config.json that belongs to the model into its folder",
            code="encoder-foreign",
        )
    extractor.padding_value = 0.0  # no state depends on it


def random_preprocessor(preset: Preset, config: PretrainedConfig) -> Any:
    """What a preset's random model is fed with; text falls into letters, since no vocabulary is at hand.

    Its tokens are the printable ASCII characters, in lower case and without accents, each at the start of a word and
    within one (`##`). A word with any other character, or of over 100, is one `[UNK]`: every text has tokens.
    """
    if preset.model_type in WINDOWED:
        return WhisperFeatureExtractor(feature_size=config.num_mel_bins)
    if preset.model_type in FILTER_BANK:
        return SeamlessM4TFeatureExtractor()
    if preset.model_type not in TEXT:
        return Wav2Vec2FeatureExtractor(do_normalize=preset.do_normalize)
    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, model_max_length=512)


def _tokenizer(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer; one without vocabulary or padding, or with more tokens than the model has, is refused."""
    tokenizer = tokenizer_from(AutoTokenizer, source, revision, config=config)
    words = tokenizer.get_vocab()
    why = ""
    if len(words) <= len(tokenizer.all_special_tokens) or max(words.values()) >= config.vocab_size:
        why = f"its tokenizer has {len(words)} tokens, its model {config.vocab_size}"
    elif tokenizer.pad_token is None:
        why = "its tokenizer names no token for padding"
    elif not isinstance(tokenizer.model_max_length, int | float):
        why = f"its tokenizer says model_max_length = {str(tokenizer.model_max_length)[:40]!r}, which is no number"
    if why:
        raise EncoderError(
            f"encoder {source}",
            why,
            "copy the tokenizer's files (tokenizer.json or vocab.txt, tokenizer_config.json) that belong to the model "
            "into its folder",
            code="encoder-incomplete",
        )
    return tokenizer
