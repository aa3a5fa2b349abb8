"""`probe verify --padding`: what leaks is shown to leak, what is exact to be exact, by transformers' own answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import save_text_encoder
from front_ends import WINDOW, save_front_end
from torch import nn
from transformers import AutoFeatureExtractor, AutoModel

from probing.encoders.padding import MaskedGroupNorm
from probing.encoders.spec import EncoderSpec
from probing.encoders.speech import SpeechEncoder
from probing.errors import EncoderError
from probing.extraction import padding
from probing.extraction.padding import EXACT, MASKED, OURS, SHORTENED, UNMASKED, PaddingErrors, measure_padding


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Utterances of a second, to save time."""
    monkeypatch.setattr(padding, "SECONDS", (1.6, 0.5, 0.9))


def stock(folder: Path, sounds: list[np.ndarray], **asked: Any) -> list[torch.Tensor]:
    """Hidden states [T, L, D] of a batch by transformers, typed as its documentation does."""
    model, extractor = AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(sounds, sampling_rate=16_000, return_tensors="pt", padding=len(sounds) > 1, **asked)
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True)
    return list(torch.stack([*output.hidden_states[:-1], output.last_hidden_state], dim=2))


@pytest.mark.parametrize("name", ["distilhubert", "wav2vec2-layer"])
def test_errors_of_ordinary_batches_are_those_of_transformers(checkpoints: dict[str, Path], name: str) -> None:
    """Every error of every utterance and layer is what a few plain lines around transformers give."""
    found, sounds = measure_padding(str(checkpoints[name])), padding.sounds(0)
    alone = [stock(checkpoints[name], [sound])[0] for sound in sounds]
    for kind, masked in ((UNMASKED, False), (MASKED, True)):
        batch = stock(checkpoints[name], sounds, return_attention_mask=masked)
        for row, (one, own) in enumerate(zip(batch, alone, strict=True)):
            difference = (one[: len(own)] - own).double().norm(dim=(0, 2)) / own.double().norm(dim=(0, 2))
            np.testing.assert_allclose(found.errors[kind][row], difference.numpy(), rtol=1e-3, atol=1e-6)
    assert found.state_names == tuple(map(str, range(alone[0].shape[1])))


def test_what_leaks_leaks_and_what_is_masked_does_not(checkpoints: dict[str, Path]) -> None:
    """A GroupNorm over time leaks with a mask too; layer norms do not; ours never."""
    group, layer = (measure_padding(str(checkpoints[name])) for name in ("hubert", "hubert-large"))
    assert (group.worst(UNMASKED) > 0.1).all() and (group.worst(MASKED) > 0.1).all()
    assert (layer.worst(UNMASKED) > 0.01).all() and (layer.worst(MASKED) <= EXACT).all()
    assert group.passed and layer.passed and max(group.worst(OURS)) <= EXACT
    assert "with one: off by up to" in str(group) and "with one: exact" in str(layer)


def test_a_leak_of_ours_is_found(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With PyTorch's own GroupNorm in its place, our batches do not pass."""
    monkeypatch.setattr(MaskedGroupNorm, "forward", nn.GroupNorm.forward)
    found = measure_padding(str(checkpoints["hubert"]))
    assert not found.passed and found.worst(OURS)[0] > 0.1
    assert str(found).splitlines()[-1].startswith("FAILED: off by up to")


def test_what_runs_alone_or_in_windows_says_so(tmp_path: Path) -> None:
    """SEW leaks whatever it is told, and is run alone; Whisper takes no mask, and needs none."""
    sew = measure_padding(str(save_front_end(tmp_path / "sew", "sew")))
    assert sew.worst(MASKED).min() > 0.1 and sew.worst(OURS).max() == 0
    assert "one utterance at a time" in str(sew)
    whisper = measure_padding(str(save_front_end(tmp_path / "whisper", "whisper")))
    assert set(whisper.errors) == {UNMASKED, OURS} and "takes no attention mask" in str(whisper)
    assert max(whisper.worst(UNMASKED).max(), whisper.worst(OURS).max()) <= EXACT


def test_a_shorter_window_is_compared_with_the_trained_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are exact in the shorter window too; how far its states lie from the trained window's is shown apart."""
    folder = save_front_end(tmp_path / "whisper", "whisper")
    monkeypatch.setattr(padding, "SECONDS", (0.9, 0.4))  # within either window
    found = measure_padding(EncoderSpec.resolve(str(folder), window=1.0))
    assert found.passed and found.worst(UNMASKED).max() <= EXACT
    model = AutoModel.from_pretrained(folder).eval().encoder
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    for row, sound in enumerate(padding.sounds(0)):
        states = []
        for seconds in (1, WINDOW):
            own = AutoModel.from_pretrained(folder).eval().encoder if seconds == 1 else model
            if seconds == 1:
                own.embed_positions = nn.Embedding.from_pretrained(own.embed_positions.weight[:50])
                own.config.max_source_positions = own.max_source_positions = 50
            mel = extractor(sound, sampling_rate=16_000, max_length=seconds * 16_000, return_tensors="pt")
            with torch.no_grad():
                output = own(**mel, output_hidden_states=True)
            states.append(torch.stack([*output.hidden_states[:-1], output.last_hidden_state], dim=2)[0])
        short, trained = (one[: -(-len(sound) // 320)].double() for one in states)
        expected = (short - trained).norm(dim=(0, 2)) / trained.norm(dim=(0, 2))
        np.testing.assert_allclose(found.errors[SHORTENED][row], expected.numpy(), rtol=1e-3, atol=1e-6)
    assert found.worst(SHORTENED)[1:].min() > 1e-3 and "shorter window differ" in str(found)
    with pytest.raises(EncoderError) as caught:
        measure_padding(EncoderSpec.resolve(str(folder), window=9.0))
    assert caught.value.code == "window"


@pytest.mark.parametrize("kind", ["bert", "fnet"])
def test_transcripts_are_made_of_the_tokenizer_s_own_words(tmp_path: Path, kind: str) -> None:
    """A mask makes a BERT exact, and nothing tells an FNet where padding is."""
    found = measure_padding(str(save_text_encoder(tmp_path / kind, kind)))
    assert found.lengths == "transcripts of 42, 7, 19 and 4 tokens" and found.passed
    assert found.worst(UNMASKED).max() > 1e-3
    assert (found.worst(MASKED).max() <= EXACT) if kind == "bert" else MASKED not in found.errors


def test_a_short_limit_shortens_the_transcripts(tmp_path: Path) -> None:
    """No transcript has more tokens than the model reads."""
    folder = save_text_encoder(tmp_path / "bert")
    file = folder / "tokenizer_config.json"
    file.write_text(file.read_text().replace('"model_max_length": 64', '"model_max_length": 9'))
    assert measure_padding(str(folder)).lengths == "transcripts of 9, 7, 9 and 4 tokens"


def test_errors_are_taken_over_own_frames_alone() -> None:
    """What stands behind an utterance's own frames counts nowhere; the error is relative to each layer's norm."""
    alone = torch.zeros(2, 2, 1)
    alone[:, 0], alone[:, 1] = 3.0, 4.0
    batch = torch.full((5, 2, 1), 100.0)
    batch[:2] = alone
    batch[1, 1] += 1
    errors = padding.compared([batch], [alone])
    np.testing.assert_allclose(errors, [[0, 1 / np.sqrt(32)]])
    assert np.isinf(padding.compared([batch[:1]], [alone])).all()


def test_what_is_no_number_does_not_pass() -> None:
    """NaN is not exact."""
    sound = PaddingErrors("x", "hubert", "two", ("0", "1"), {UNMASKED: np.zeros((1, 2)), OURS: np.zeros((1, 2))})
    wrong = replace(sound, errors={**sound.errors, OURS: np.array([[0, np.nan]])})
    assert sound.passed and not wrong.passed
    assert str(wrong).splitlines()[-1] == "FAILED: off by up to nan, at layer 1"


def test_frames_that_are_missing_are_noticed(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Our encoder must give every frame that transformers gives, not only right ones."""
    frames = SpeechEncoder.frames
    monkeypatch.setattr(SpeechEncoder, "frames", lambda self, samples: frames(self, samples) - 1)
    assert not measure_padding(str(checkpoints["distilhubert"])).passed
