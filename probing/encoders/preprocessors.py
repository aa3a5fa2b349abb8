"""What an encoder is fed through: feature extractors and tokenizers of a checkpoint, or those of a random preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    BertTokenizer,
    FeatureExtractionMixin,
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
from probing.encoders.pretrained import from_pretrained
from probing.errors import EncoderError


def preprocessor_of(source: str, revision: str | None, config: PretrainedConfig) -> Any:
    """The tokenizer or feature extractor in a checkpoint's folder or repository.

    Raises:
        EncoderError: It is not there, cannot be read or says what no encoder has (code `encoder-unopened`), lacks its
            vocabulary (`encoder-incomplete`), or belongs to another kind of model (`encoder-foreign`).
    """
    if config.model_type in TEXT:
        return _tokenizer(source, revision, config)
    _refuse_absent(source)
    refuse_nonsense(from_pretrained(_Saved, source, revision), source, "preprocessor_config.json")
    extractor = from_pretrained(AutoFeatureExtractor, source, revision, config=config)
    if config.model_type in WINDOWED:
        whisper.check_extractor(extractor, config, source)
    elif config.model_type in FILTER_BANK:
        filter_bank.check_extractor(extractor, config, source)
    else:
        _check_waveform_extractor(extractor, source)
    extractor.padding_side = "right"  # an utterance's own frames are counted from the front
    return extractor


class _Saved:
    """A feature extractor's settings as they are, read as transformers reads them."""

    @staticmethod
    def from_pretrained(source: str, revision: str, trust_remote_code: bool) -> dict[str, Any]:
        """Their content; a repository's is downloaded."""
        saved, _ = FeatureExtractionMixin.get_feature_extractor_dict(source, revision=revision)
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
    """The tokenizer; one without vocabulary or padding, or with more tokens than the model has, is refused."""
    tokenizer = from_pretrained(AutoTokenizer, source, revision, config=config)
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
