"""A recogniser writes down what is said, whatever it is batched with, and refuses what it does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor
from whisper import RATE, SAID, WINDOW, tone

from probing.asr.recogniser import Recogniser, chunks
from probing.errors import EncoderError


def test_what_is_said_is_written_down_whatever_the_batch(whisper: Path) -> None:
    """Six tones of different lengths, together and one by one."""
    recogniser = Recogniser(str(whisper))
    sounds = [tone(word, 1 + place / 3, 9000 + place) for place, word in enumerate(SAID)]
    assert recogniser.transcribe(sounds) == recogniser.transcribe(sounds, batch=1) == SAID


def test_words_are_those_of_transformers_own_generation(whisper: Path, tmp_path: Path) -> None:
    """Nonsense of a model that may neither end nor say `l`, from whole batches and the published call alone."""
    processor = WhisperProcessor.from_pretrained(whisper)
    model = WhisperForConditionalGeneration.from_pretrained(whisper)
    own = list(range(processor.tokenizer.eos_token_id, model.config.vocab_size))
    model.generation_config.suppress_tokens = own
    model.generation_config.begin_suppress_tokens = processor.tokenizer.convert_tokens_to_ids(["l", "h"])
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.3 * parameter.std() * torch.randn_like(parameter)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    sounds = [tone(word, 1 + place, place) for place, word in enumerate(SAID[:4])]
    heard = processor(sounds, sampling_rate=RATE, return_tensors="pt").input_features
    tokens = model.generate(heard, language="en", task="transcribe", do_sample=False, num_beams=1)
    expected = [text.strip() for text in processor.batch_decode(tokens, skip_special_tokens=True)]
    assert Recogniser(str(tmp_path)).transcribe(sounds) == expected
    assert len(set(expected)) > 1 and min(map(len, expected)) > 20


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing_and_are_given_back(whisper: Path, threads: int) -> None:
    """One, two that share six windows, and more than there are windows in the second batch; after an error too."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        recogniser = Recogniser(str(whisper))
        sounds = [tone(word, 1 + place / 3, 9000 + place) for place, word in enumerate(SAID)]
        assert recogniser.transcribe(sounds, batch=4) == SAID and torch.get_num_threads() == threads
        with pytest.raises(ValueError, match="broadcast"):
            recogniser.transcribe([np.zeros((9, 3, 2), np.float32), sounds[0]])
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_long_audio_is_transcribed_to_its_end(whisper: Path) -> None:
    """Audio of more than three windows gives its four words, and does not disturb the next recording."""
    pause = np.zeros(RATE // 2, np.float32)
    sound = np.concatenate([part for word in SAID[:4] for part in (tone(word, 4.0, 7), pause)])
    assert len(sound) > 3 * WINDOW * RATE
    assert Recogniser(str(whisper)).transcribe([sound, tone("high", 1, 3)]) == ["low high high low", "high"]


def test_chunks_are_cut_in_pauses_and_lose_no_sample() -> None:
    """Each cut lies in a planted pause, and the pieces put together are the whole."""
    rng = np.random.default_rng(0)
    sound = rng.uniform(0.5, 1, 95 * RATE).astype(np.float32)
    pauses = [27.0, 52.5, 80.0]  # s; each within the last five seconds of a window of 30
    for pause in pauses:
        sound[round((pause - 0.2) * RATE) : round((pause + 0.2) * RATE)] = 0.001
    pieces = chunks(sound, 30)
    assert np.array_equal(np.concatenate(pieces), sound) and max(map(len, pieces)) <= 30 * RATE
    ends = np.cumsum([len(piece) for piece in pieces[:-1]]) / RATE
    assert ends == pytest.approx(pauses, abs=0.2)


@pytest.mark.parametrize("language", ["fr", "english", "xx"])
def test_a_language_that_it_does_not_know_is_refused(whisper: Path, language: str) -> None:
    """A language of no token, one spelled out, and none at all."""
    with pytest.raises(EncoderError) as caught:
        Recogniser(str(whisper), language)
    assert caught.value.code == "asr-language"


def test_a_language_that_is_spelled_out_is_given_as_it_must_be_typed(whisper: Path) -> None:
    """The remedy is the two letters that this very model knows, or all of them."""
    remedies = []
    for language in ("english", "fr"):
        with pytest.raises(EncoderError) as caught:
            Recogniser(str(whisper), language)
        remedies.append(caught.value.remedy.split())
    assert remedies[0][-1] == "en" and remedies[1][-2:] == ["de,", "en"]


def test_a_checkpoint_of_another_kind_is_no_recogniser(checkpoints: dict[str, Path]) -> None:
    """A HuBERT is an encoder, not a Whisper."""
    with pytest.raises(EncoderError) as caught:
        Recogniser(str(checkpoints["hubert"]))
    assert caught.value.code == "asr-kind"


def test_a_recogniser_that_cannot_be_opened_says_how_to_fetch_it() -> None:
    """Without a network the command that downloads it elsewhere is named."""
    with pytest.raises(EncoderError) as caught:
        Recogniser("openai/whisper-tiny")
    assert caught.value.code == "asr-unopened" and "hf download openai/whisper-tiny" in caught.value.remedy


def test_an_english_only_model_takes_no_other_language(whisper: Path, tmp_path: Path) -> None:
    """It is told neither language nor task, and refuses German."""
    model = WhisperForConditionalGeneration.from_pretrained(whisper)
    model.generation_config.is_multilingual = False
    model.save_pretrained(tmp_path / "en")
    WhisperProcessor.from_pretrained(whisper).save_pretrained(tmp_path / "en")
    with pytest.raises(EncoderError) as caught:
        Recogniser(str(tmp_path / "en"), "de")
    assert caught.value.code == "asr-language"
    assert Recogniser(str(tmp_path / "en")).name == "en"
