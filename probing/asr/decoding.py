"""What Whisper's decoder is told: greedily, in one language, without timestamps, and with which tokens.

The numbers of Whisper's own tokens stand in the tokenizer; a generation_config.json that names others belongs to
another model. From it are taken the languages, whether there is only English, the tokens that are never chosen, and the
greatest length; everything else in it (beams, sampling, penalties, thresholds) is how somebody else wanted to decode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import GenerationConfig, PretrainedConfig
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from probing.errors import EncoderError, number_of

# Whisper's own program knows a multilingual model by its number of tokens, which is one more than this.
_ENGLISH_ONLY = 51_864
_START, _END, _TASK, _PLAIN = "<|startoftranscript|>", "<|endoftext|>", "<|transcribe|>", "<|notimestamps|>"


def prompts(vocabulary: Mapping[str, int], size: int, name: str) -> dict[str, int]:
    """Whisper's own tokens → their numbers: those that begin and end a transcript, and the languages.

    Args:
        vocabulary: Token → number, of the tokenizer.
        size: Number of tokens that the model has.
        name: The recogniser's, for messages.

    Raises:
        EncoderError: There is no tokenizer, or it is another model's (code `asr-tokenizer`).
    """
    needed = (_START, _END, _TASK, _PLAIN)
    absent = [token for token in needed if token not in vocabulary]
    if absent:
        why = f"it brings one of {number_of(len(vocabulary), 'token')} along, none of which is {absent[0]}"
        raise no_tokenizer(name, why)
    largest = max(vocabulary.values())
    if largest >= size:
        raise no_tokenizer(name, f"its tokenizer numbers tokens up to {largest:,}, its model knows {size:,}")
    languages = [f"<|{language}|>" for language in LANGUAGES]
    return {token: vocabulary[token] for token in (*needed, *languages) if token in vocabulary}


def settings(
    said: GenerationConfig, config: PretrainedConfig, tokens: Mapping[str, int], name: str
) -> GenerationConfig:
    """What generation is told.

    Args:
        said: What the checkpoint says; nothing where it has no generation_config.json.
        config: The model's.
        tokens: From `prompts`.
        name: The recogniser's, for messages.

    Raises:
        EncoderError: The checkpoint numbers its tokens otherwise than its tokenizer (code `asr-tokenizer`), or says
            what cannot be meant (`asr-settings`).
    """
    _compare("decoder_start_token_id", said.decoder_start_token_id, tokens[_START], name)
    _compare("eos_token_id", said.eos_token_id, tokens[_END], name)
    _compare("no_timestamps_token_id", getattr(said, "no_timestamps_token_id", None), tokens[_PLAIN], name)
    languages = _languages(said, config, tokens, name)
    longest = config.max_target_positions
    multilingual = {"lang_to_id": languages, "task_to_id": {"transcribe": tokens[_TASK]}} if languages else {}
    return GenerationConfig(
        decoder_start_token_id=tokens[_START],
        bos_token_id=tokens[_END],
        eos_token_id=tokens[_END],
        pad_token_id=tokens[_END],
        no_timestamps_token_id=tokens[_PLAIN],
        is_multilingual=bool(languages),
        suppress_tokens=_never(said, "suppress_tokens", config.vocab_size, name),
        begin_suppress_tokens=_never(said, "begin_suppress_tokens", config.vocab_size, name),
        max_length=min(_length(said, longest, name), longest),
        num_beams=1,
        do_sample=False,
        use_cache=True,
        return_timestamps=False,
        **multilingual,
    )


def _languages(
    said: GenerationConfig, config: PretrainedConfig, tokens: Mapping[str, int], name: str
) -> dict[str, int]:
    """Language's token → its number; none where the model knows English only."""
    multilingual, named = getattr(said, "is_multilingual", None), getattr(said, "lang_to_id", None)
    if multilingual is None:
        multilingual = config.vocab_size != _ENGLISH_ONLY
    if not multilingual:
        return {}
    if named is not None and not isinstance(named, dict):
        raise _unmeant(name, "lang_to_id", named)
    known = {token: tokens[token] for token in named or tokens if token in tokens and token[2:-2] in LANGUAGES}
    for token, number in (named or {}).items():
        if token in known:
            _compare(token, number, known[token], name)
    return known


def _length(said: GenerationConfig, longest: int, name: str) -> int:
    """The greatest number of tokens; transformers' own default of 20 would cut sentences off."""
    length = said.max_length or longest
    if not isinstance(length, int) or length < 1:
        raise _unmeant(name, "max_length", length)
    return length


def _never(said: GenerationConfig, key: str, size: int, name: str) -> list[int] | None:
    """Tokens that are never chosen, anywhere or at the beginning; None where there are none."""
    tokens = getattr(said, key, None)
    if not tokens:
        return None
    if not isinstance(tokens, list) or not all(isinstance(one, int) and 0 <= one < size for one in tokens):
        raise _unmeant(name, key, tokens)
    return tokens


def _compare(key: str, number: Any, found: int, name: str) -> None:
    """Raise an EncoderError where a checkpoint numbers a token otherwise than its tokenizer does."""
    if number is not None and found not in (number if isinstance(number, list) else [number]):
        raise no_tokenizer(name, f"its {key} is {number}, which in its tokenizer is {found}")


def no_tokenizer(name: str, why: str) -> EncoderError:
    """The error of a recogniser without the tokenizer that belongs to it."""
    remedy = "copy tokenizer.json (or vocab.json and merges.txt) from where the model came from into its folder"
    return EncoderError(f"recogniser {name} lacks its own tokenizer", why, remedy, code="asr-tokenizer")


def _unmeant(name: str, key: str, value: Any) -> EncoderError:
    remedy = "copy generation_config.json again from where the model came from, or remove it"
    return EncoderError(
        f"recogniser {name}",
        f"its generation_config.json says {key} = {str(value)[:40]}, which cannot be meant",
        remedy,
        code="asr-settings",
    )
