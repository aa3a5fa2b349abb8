"""What an encoder is fed through: feature extractors and tokenizers of a checkpoint, or those of a random preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    BertTokenizer,
    PretrainedConfig,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from probing.audio.decode import SAMPLE_RATE
from probing.encoders import filter_bank, whisper
from probing.encoders.families import FILTER_BANK, TEXT, WINDOWED
from probing.encoders.presets import Preset
from probing.encoders.pretrained import from_pretrained
from probing.errors import EncoderError


def preprocessor_of(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer or feature extractor in a checkpoint's folder or repository.

    Raises:
        EncoderError: It is not there or cannot be read (code `encoder-unopened`), lacks its vocabulary
            (`encoder-incomplete`), or belongs to another kind of model (`encoder-foreign`).
    """
    if config.model_type in TEXT:
        return _tokenizer(source, revision, config)
    _refuse_absent(source)
    extractor = from_pretrained(AutoFeatureExtractor, source, revision)
    if config.model_type in WINDOWED:
        whisper.check_extractor(extractor, config, source)
    elif config.model_type in FILTER_BANK:
        filter_bank.check_extractor(extractor, config, source)
    elif not isinstance(extractor, Wav2Vec2FeatureExtractor) or extractor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"encoder {source}",
            "its preprocessor_config.json is not that of a 16 kHz waveform encoder",
            "use a checkpoint of HuBERT, wav2vec2, WavLM or data2vec-audio",
            code="encoder-foreign",
        )
    return extractor


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


def _refuse_absent(source: str) -> None:
    files = ("preprocessor_config.json", "processor_config.json")
    if Path(source).is_dir() and not any((Path(source) / file).is_file() for file in files):
        raise EncoderError(
            f"encoder {source} could not be opened",
            "the folder holds no preprocessor_config.json, which says how the model wants its audio",
            "copy that file from the repository that the model came from",
            code="encoder-unopened",
        )


def _tokenizer(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer; one without vocabulary, or with more tokens than the model has, is refused."""
    tokenizer = from_pretrained(AutoTokenizer, source, revision)
    if not len(tokenizer.all_special_tokens) < len(tokenizer) <= config.vocab_size:
        raise EncoderError(
            f"encoder {source}",
            f"its tokenizer has {len(tokenizer)} tokens, its model {config.vocab_size}",
            "copy the tokenizer's files (tokenizer.json or vocab.txt) that belong to the model into its folder",
            code="encoder-incomplete",
        )
    return tokenizer
