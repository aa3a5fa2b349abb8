"""Whisper as the audio encoder of a system: windows in, own frames pooled, the front end frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import save_text_encoder, waveform
from front_ends import WINDOW, extractor_of, save_front_end
from small_systems import LABELS, TEXTS, built, sounds, trained
from transformers import AutoModel

from probing.audio.decode import load
from probing.corpus.opening import open_corpus
from probing.encoders.opening import open_encoder
from probing.errors import EncoderError
from probing.predict.estimators import open_trained
from probing.systems import inputs
from probing.systems.build import build_system, count_parameters
from probing.systems.inference import opened
from probing.systems.model import EmotionSystem


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_front_end(tmp_path_factory.mktemp("audio") / "whisper", "whisper")


def own_states(model: Any, samples: np.ndarray) -> np.ndarray:
    """The last state [T, D] of an utterance's own frames by transformers alone, window by window."""
    size = WINDOW * 16_000
    found = []
    for start in range(0, len(samples), size):
        piece = samples[start : start + size]
        heard = extractor_of("whisper")(piece, sampling_rate=16_000, return_tensors="pt")["input_features"]
        with torch.no_grad():
            found.append(model(heard).last_hidden_state[0, : -(-len(piece) // 320)])
    return torch.cat(found).numpy()


def test_estimates_pool_an_utterance_s_own_frames(whisper: Path, tmp_path: Path) -> None:
    """Whatever stands in a batch: average and maximum of what transformers gives, of long utterances too."""
    system, processor = built(whisper, save_text_encoder(tmp_path / "bert"))
    system.eval()
    long = [*sounds()[:3], waveform(2.4 * WINDOW, 9)]
    batch = processor(long, TEXTS)
    assert batch["input_values"].shape == (3 + 3, 16, 2 * 50 * WINDOW)
    model = AutoModel.from_pretrained(whisper).eval().encoder
    with torch.no_grad():
        vectors = system.pool(**batch)[:, :32].numpy()
        alone = system(**processor(long[3:], TEXTS[3:])).logits
        assert torch.allclose(system(**batch).logits[3:], alone, atol=1e-5)
    expected = [own_states(model, sound) for sound in long]
    assert vectors == pytest.approx(np.stack([s.mean(0) + s.max(0) for s in expected]), rel=1e-4, abs=1e-4)


def test_a_shorter_window_is_another_system(whisper: Path, tmp_path: Path) -> None:
    """It has a name of its own, hears what an encoder of that window hears, and is kept in the run's folder."""
    system, processor = built(whisper, window=WINDOW / 2)
    assert system.config.encoders == f"whisper-window{WINDOW / 2:g}"
    long = [waveform(0.7 * WINDOW, 3), waveform(0.2 * WINDOW, 4)]
    batch = processor(long)
    assert batch["input_values"].shape == (2 + 1, 16, 50 * WINDOW)
    frozen = open_encoder(str(whisper), window=WINDOW / 2)
    expected = [frozen.states(sound)[:, -1] for sound in long]
    with torch.no_grad():
        vectors = system.eval().pool(**batch).numpy()
    assert vectors == pytest.approx(np.stack([s.mean(0) + s.max(0) for s in expected]), rel=1e-4, abs=1e-4)
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, kept = opened(tmp_path)
    with torch.no_grad():
        assert torch.equal(again.pool(**kept(long)), torch.from_numpy(vectors))


def test_what_has_no_window_is_refused_one(whisper: Path, tmp_path: Path) -> None:
    """A text encoder alone, an encoder of whole utterances, and a window longer than the trained one."""
    text = save_text_encoder(tmp_path / "bert")
    whole = save_front_end(tmp_path / "w2v-bert", "w2v-bert")
    for name, window in ((text, 1.0), (whole, 1.0), (whisper, 2.0 * WINDOW), (whisper, 0.03)):
        with pytest.raises(EncoderError) as caught:
            build_system(str(name), window=window)
        assert caught.value.code == "window"


def test_the_front_end_stays_frozen_and_there_is_no_decoder(whisper: Path) -> None:
    """Convolutions and positions do not learn, all layers do; LayerDrop is off and dropout the system's."""
    system, processor = built(whisper, dropout=0.0)
    system(**processor(sounds()), labels=LABELS).loss.backward()
    frozen = {name for name, p in system.named_parameters() if not p.requires_grad}
    assert frozen == {
        f"audio.{n}" for n in "conv1.weight conv1.bias conv2.weight conv2.bias embed_positions.weight".split()
    }
    assert all(p.grad is not None for p in system.parameters() if p.requires_grad)
    assert not hasattr(system.audio, "decoder") and system.audio.layerdrop == 0 and system.audio.dropout == 0
    assert count_parameters(str(whisper))[0] == sum(p.numel() for p in system.parameters())


def test_what_a_whisper_system_does_not_take_is_refused(whisper: Path, tmp_path: Path) -> None:
    """Latents, windows without lengths, SpecAugment, and encoders that open for their layers alone."""
    system, processor = built(whisper)
    batch = processor(sounds())
    for wrong in ({"lengths": None}, {"lengths": batch["lengths"][:2]}, {"latents": torch.zeros(4, 3, 32)}):
        with pytest.raises(EncoderError) as caught:
            system(**{**batch, **wrong})
        assert caught.value.code == "no-audio"
    with pytest.raises(EncoderError) as caught:
        system.front_end(batch["input_values"], batch["lengths"])
    assert caught.value.code == "no-latents"
    with pytest.raises(EncoderError) as caught:
        build_system(str(whisper), spec_augment=True)
    assert caught.value.code == "no-effect"
    for other in (save_front_end(tmp_path / "sew", "sew"), save_text_encoder(tmp_path / "fnet", "fnet")):
        with pytest.raises(EncoderError) as caught:
            build_system(str(other))
        assert caught.value.code == "system-encoder"


@pytest.mark.slow
def test_a_whisper_system_trains_is_kept_and_predicts(
    whisper: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a table to a run's folder and back, and its encoder opens again as one."""
    monkeypatch.chdir(tmp_path)
    record = trained(str(whisper), "run", str(table), max_steps=2, evaluate_every=1)
    system, _ = opened(record.folder / "seed0")
    assert isinstance(system, EmotionSystem) and system.config.audio_config.model_type == "whisper"
    assert not any("window" in note for note in record.notes)
    monkeypatch.setattr(inputs, "window_notes", lambda lengths, window: (f"{max(lengths)} of {window}",))
    other = trained(str(whisper), "short", str(table), max_steps=1, evaluate_every=1, window=WINDOW / 4)
    lengths = [len(load(u.path)) for u in open_corpus(str(table)).utterances]
    assert f"{max(lengths)} of {WINDOW * 4_000}" in other.notes
    estimates = open_trained(record, "cpu").estimate([waveform(0.5, 0), waveform(2.5, 1)], None)
    assert estimates.shape == (2, 3) and np.isfinite(estimates).all()
