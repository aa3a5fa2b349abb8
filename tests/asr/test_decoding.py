"""What the decoder is told: Whisper's own tokens by the tokenizer, and little else of what a checkpoint says."""

from __future__ import annotations

import pytest
from transformers import GenerationConfig, WhisperConfig

from probing.asr.decoding import prompts, settings

OWN = "<|endoftext|> <|startoftranscript|> <|en|> <|de|> <|zz|> <|transcribe|> <|notimestamps|>".split()


@pytest.mark.parametrize(("size", "languages"), [(51_865, {"<|en|>", "<|de|>"}), (51_864, set())])
def test_a_model_that_does_not_say_so_is_multilingual_by_its_size(size: int, languages: set[str]) -> None:
    """OpenAI's English-only models have 51,864 tokens, whose tokenizers name languages all the same; `zz` is none."""
    tokens = prompts({token: 50_256 + place for place, token in enumerate(OWN)}, size, "whisper")
    found = settings(GenerationConfig(), WhisperConfig(vocab_size=size), tokens, "whisper")
    assert set(getattr(found, "lang_to_id", {})) == languages and found.is_multilingual == bool(languages)
    assert (found.decoder_start_token_id, found.eos_token_id, found.no_timestamps_token_id) == (50_257, 50_256, 50_262)


@pytest.mark.parametrize(("said", "length"), [(None, 448), (225, 225), (1000, 448)])
def test_transcripts_are_as_long_as_the_model_can(said: int | None, length: int) -> None:
    """Where it says nothing, or too much, to its last position; not to transformers' default of 20 tokens."""
    tokens = prompts({token: place for place, token in enumerate(OWN)}, 51_865, "whisper")
    config = WhisperConfig(vocab_size=51_865, decoder_start_token_id=1, eos_token_id=0)
    assert settings(GenerationConfig(max_length=said), config, tokens, "whisper").max_length == length


def test_tokens_that_are_never_chosen_are_kept() -> None:
    """They are part of how a model was meant to be decoded; an empty list is none."""
    tokens = prompts({token: place for place, token in enumerate(OWN)}, 51_865, "whisper")
    said = GenerationConfig(suppress_tokens=[7, 9], begin_suppress_tokens=[])
    found = settings(said, WhisperConfig(vocab_size=51_865), tokens, "whisper")
    assert found.suppress_tokens == [7, 9] and found.begin_suppress_tokens is None
