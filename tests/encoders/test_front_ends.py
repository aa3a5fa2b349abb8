"""Whisper, filter banks and what runs alone: every state of every utterance is what transformers gives it alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import waveform
from front_ends import FRONT_ENDS, WINDOW, extractor_of, save_front_end
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForCTC

from probing.encoders.audio import AudioEncoder
from probing.encoders.families import ALONE, FILTER_BANK, SPEECH, WAVEFORM, WINDOWED
from probing.encoders.opening import open_encoder
from probing.errors import EncoderError
from probing.probes.notes import heard_notes

RATES = {"whisper": 50.0, "parakeet": 12.5, "sew": 25.0, "sew-d": 25.0, "moonshine": 16_000 / 384}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small checkpoint of each kind, in the two layouts by turns."""
    return {
        name: save_front_end(tmp_path_factory.mktemp("front") / name, name, ("safetensors", "bin")[place % 2])
        for place, name in enumerate(FRONT_ENDS)
    }


def opened(folder: Path, **options: Any) -> AudioEncoder:
    """A checkpoint as an encoder of audio."""
    encoder = open_encoder(str(folder), **options)
    assert isinstance(encoder, AudioEncoder)
    return encoder


def stock(folder: Path) -> Any:
    """Transformers' own encoder."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model.encoder if model.config.model_type in ("whisper", "moonshine") else model


def alone(model: Any, name: str, samples: np.ndarray) -> torch.Tensor:
    """Hidden states [T, L, D] of one utterance by transformers alone; of Whisper those of the window's every frame."""
    inputs = extractor_of(name)(samples, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True)
    last = [output.hidden_states[-1] if name.startswith("sew") else output.last_hidden_state]
    return torch.stack([*output.hidden_states[:-1], *last], dim=2)[0]


def relative(a_TLD: torch.Tensor, b_TLD: torch.Tensor) -> float:
    """Largest relative error over layers, ‖a−b‖/‖b‖."""
    return float(((a_TLD - b_TLD).norm(dim=(0, 2)) / b_TLD.norm(dim=(0, 2))).max())


def check_batch(folder: Path, name: str, lengths: list[int]) -> None:
    """Compare a batch of utterances of these lengths with transformers' answers to each alone."""
    encoder, model = opened(folder), stock(folder)
    waveforms = [waveform(1.9, row)[:length] for row, length in enumerate(lengths)]
    states_BTLD, counts = encoder.hidden_states(waveforms)
    assert states_BTLD.shape[2:] == (encoder.n_states, encoder.width)
    for samples, states_TLD, count in zip(waveforms, states_BTLD, counts, strict=True):
        assert count == encoder.frames(len(samples))
        assert relative(states_TLD[:count], alone(model, name, samples)[:count]) < 1e-5


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1200, 30_000), min_size=2, max_size=4))
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_batch_never_changes_an_answer(folders: dict[str, Path], name: str, lengths: list[int]) -> None:
    """Whatever stands in a batch, every layer of every utterance is what transformers gives it alone, to 1e-5."""
    check_batch(folders[name], name, lengths)


def test_every_family_is_tried() -> None:
    """What opens as speech is what the tests here and those of waveform encoders try."""
    assert {model_type for model_type, _ in FRONT_ENDS.values()} == {*WINDOWED, *FILTER_BANK, *ALONE}
    assert {*SPEECH} == {*WAVEFORM, *WINDOWED, *FILTER_BANK, *ALONE}


@pytest.mark.parametrize("name", FRONT_ENDS)
@pytest.mark.parametrize("samples", [1000, 1279, 1280, 16_000, 16_001])
def test_frames_are_known_before_extraction(folders: dict[str, Path], name: str, samples: int) -> None:
    """`frames` says how many frames a length gives, and they are as many as transformers gives, by its own masks."""
    encoder = opened(folders[name])
    states_BTLD, counts = encoder.hidden_states([waveform(2, 0)[:samples]])
    assert counts == [states_BTLD.shape[1]] == [encoder.frames(samples)]
    assert encoder.frame_rate == pytest.approx(RATES.get(name, 50.0))
    assert abs(counts[0] - samples / 16_000 * encoder.frame_rate) <= 2
    if name == "whisper":
        mask = extractor_of(name)(waveform(2, 0)[:samples], sampling_rate=16_000, return_attention_mask=True)
        heard = int(np.asarray(mask["attention_mask"]).sum())
        assert counts == [int(stock(folders[name])._get_feat_extract_output_lengths(torch.tensor(heard)))]
    elif encoder.identity["architecture"]["model_type"] in FILTER_BANK:
        asked = {"sampling_rate": 16_000, "return_attention_mask": True, "return_tensors": "pt"}
        mask = extractor_of(name)([waveform(2, 0)[:samples]], **asked)["attention_mask"]
        masked = stock(folders[name])._get_output_attention_mask(mask) if name == "parakeet" else mask
        assert counts == [int(masked.sum())]


@pytest.mark.parametrize("name", ["w2v-bert", "w2v-bert-rotary"])
def test_a_checkpoint_that_asks_for_no_mask_gets_one_in_a_batch(tmp_path: Path, name: str) -> None:
    """Else the padding of a batch would be heard as silence."""
    folder = save_front_end(tmp_path / name, name)
    described = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(described | {"return_attention_mask": False}))
    check_batch(folder, name, [3000, 30_000, 11_111])


def test_whisper_hears_long_utterances_in_consecutive_windows(folders: dict[str, Path]) -> None:
    """Each window's states are those of transformers for that piece alone; only own frames are kept."""
    encoder, model = opened(folders["whisper"]), stock(folders["whisper"])
    long, size = waveform(2.3 * WINDOW, 0), WINDOW * 16_000
    states_BTLD, counts = encoder.hidden_states([waveform(0.5, 1), long])
    pieces = [long[:size], long[size : 2 * size], long[2 * size :]]
    own = [alone(model, "whisper", piece)[: -(-len(piece) // 320)] for piece in pieces]
    assert counts == [25, encoder.frames(len(long))] == [25, sum(map(len, own))]
    assert relative(states_BTLD[1], torch.cat(own)) < 1e-5
    assert encoder.notes([8000, len(long)])[0].startswith("1 utterance is longer than the window of 2 s")
    assert encoder.notes([8000, len(long)]) == heard_notes(encoder.identity, [8000, len(long)])  # of a fit
    assert not encoder.notes([8000, size]) and not heard_notes(opened(folders["sew"]).identity, [10**9])


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_whisper_at_a_window_s_edge(folders: dict[str, Path], more: int) -> None:
    """A sample more than a window makes a frame of its own, which hears nothing but that sample."""
    encoder, model, samples = opened(folders["whisper"]), stock(folders["whisper"]), WINDOW * 16_000 + more
    sound = waveform(WINDOW + 1, 3)[:samples]
    states_BTLD, counts = encoder.hidden_states([sound, sound[:1]])
    own = [alone(model, "whisper", sound[: WINDOW * 16_000])]
    if more == 1:
        own.append(alone(model, "whisper", sound[-1:])[:1])
    assert counts == [50 * WINDOW + (more == 1), 1] == [encoder.frames(samples), 1]
    assert relative(states_BTLD[0], torch.cat(own)) < 1e-5
    assert bool(encoder.notes([samples])) is (more == 1)


def test_the_silence_behind_an_utterance_counts_and_is_cut_off(folders: dict[str, Path]) -> None:
    """Without the window as trained states are others; a shorter one is another encoder, in name and fingerprint."""
    usual, shorter = opened(folders["whisper"]), opened(folders["whisper"], window=1.0)
    assert shorter.name == "whisper-window1" and shorter.spec.words()[-2:] == ["--window", "1"]
    assert {k for k in usual.identity if usual.identity[k] != shorter.identity[k]} == {"preprocessing"}
    same = opened(folders["whisper"], window=float(WINDOW))
    assert (same.name, same.identity) == (usual.name, usual.identity)
    sound = waveform(0.7, 0)
    a, b = usual.hidden_states([sound])[0][0], shorter.hidden_states([sound])[0][0]
    assert a.shape == b.shape and relative(b[:, 1:], a[:, 1:]) > 1e-3
    assert relative(b[:30, :1], a[:30, :1]) < 1e-5  # the convolutions see no further than their kernels
    assert shorter.frames(40_000) == usual.frames(40_000) == shorter.hidden_states([waveform(2.5, 1)])[1][0]
    for window in (0.0, 0.03, 2.5, float("nan")):
        with pytest.raises(EncoderError) as caught:
            opened(folders["whisper"], window=window)
        assert caught.value.code == "window"
    with pytest.raises(EncoderError) as caught:
        open_encoder("demo-hubert", window=1.0)
    assert caught.value.code == "window"


def test_state_c_of_whisper_is_the_convolutions_output(folders: dict[str, Path]) -> None:
    """State 0 is state C plus the positions."""
    encoder = opened(folders["whisper"], convolution=True)
    states_TLD = encoder.hidden_states([waveform(0.7, 0)])[0][0]
    positions = stock(folders["whisper"]).embed_positions.weight[: len(states_TLD)]
    assert encoder.state_names[0] == "C"
    torch.testing.assert_close(states_TLD[:, 0] + positions, states_TLD[:, 1])
    for name in ("w2v-bert", "sew"):
        with pytest.raises(EncoderError) as caught:
            opened(folders[name], convolution=True)
        assert caught.value.code == "convolution"


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_pruning_random_weights_and_identity(folders: dict[str, Path], name: str) -> None:
    """The first layers are kept, `@random` has other weights, and an identity is JSON; nothing keeps latents."""
    encoder = opened(folders[name], layers=1)
    assert encoder.n_states == 2 and encoder.name.endswith("-layers1")
    assert encoder.identity["architecture"]["num_hidden_layers"] == 1
    random = opened(folders[name].with_name(folders[name].name + "@random"))
    whole = opened(folders[name])
    assert {key for key in whole.identity if whole.identity[key] != random.identity[key]} == {"weights"}
    assert json.loads(json.dumps(whole.identity)) == whole.identity and "tokenizer" not in whole.identity
    kept, full = (one.hidden_states([waveform(0.4, 0)])[0][0] for one in (encoder, whole))
    torch.testing.assert_close(kept[:, :1], full[:, :1])
    assert not whole.has_latents
    with pytest.raises(EncoderError) as caught:
        whole.latents([waveform(0.4, 0)])
    assert caught.value.code == "no-latents"


@pytest.mark.parametrize("name", ["w2v-bert", "sew", "moonshine"])
def test_what_is_too_short_for_a_frame_is_an_error(folders: dict[str, Path], name: str) -> None:
    """An utterance of 400 samples has no state in some families."""
    with pytest.raises(EncoderError) as caught:
        opened(folders[name]).hidden_states([waveform(0.5, 0), waveform(0.025, 1)])
    assert caught.value.code == "audio-too-short"


def prepared(folder: Path, **changes: object) -> Path:
    """A checkpoint whose preprocessor_config.json says something else."""
    saved = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(saved | changes))
    return folder


def test_a_foreign_feature_extractor_is_refused(tmp_path: Path) -> None:
    """A Whisper of other mel bands, w2v-BERT with a Whisper's extractor, and settings that the model cannot take."""
    whisper = save_front_end(tmp_path / "whisper", "whisper", num_mel_bins=20)
    bert = save_front_end(tmp_path / "bert", "w2v-bert")
    extractor_of("whisper").save_pretrained(bert)
    stride = prepared(save_front_end(tmp_path / "stride", "w2v-bert"), stride=3)
    bands = prepared(save_front_end(tmp_path / "bands", "parakeet"), feature_size=128)
    value = prepared(save_front_end(tmp_path / "value", "whisper"), padding_value="x")
    for folder in (whisper, bert, stride, bands, value):
        with pytest.raises(EncoderError) as caught:
            open_encoder(str(folder))
        assert caught.value.code == "encoder-foreign"


def test_the_encoder_of_a_recogniser_opens(folders: dict[str, Path], tmp_path: Path) -> None:
    """Parakeet is published with a head for words, and the encoder's configuration within the recogniser's."""
    described = AutoConfig.for_model("parakeet_ctc", encoder_config=stock(folders["parakeet"]).config.to_dict())
    recogniser = AutoModelForCTC.from_config(described).eval()
    recogniser.save_pretrained(tmp_path)
    extractor_of("parakeet").save_pretrained(tmp_path)
    states_TLD = opened(tmp_path).hidden_states([waveform(0.9, 0)])[0][0]
    truth_TLD = alone(recogniser.encoder, "parakeet", waveform(0.9, 0))
    assert relative(states_TLD, truth_TLD[: len(states_TLD)]) < 1e-5


@pytest.mark.parametrize("name", ["sew", "sew-d", "moonshine"])
def test_padding_leaks_where_utterances_run_alone(folders: dict[str, Path], name: str) -> None:
    """Transformers' own padded batch differs by per cents: these could not be batched."""
    model, short = stock(folders[name]), waveform(0.5, 0)
    inputs = extractor_of(name)(
        [short, waveform(1.5, 1)], sampling_rate=16_000, padding=True, return_attention_mask=True, return_tensors="pt"
    )
    with torch.no_grad():
        padded = model(**inputs, output_hidden_states=True).hidden_states[-2][0]
    own = alone(model, name, short)[:, -2]
    assert float((padded[: len(own)] - own).norm() / own.norm()) > 0.02
    assert opened(folders[name]).notes([8000])[0].startswith(f"{name} runs one utterance at a time")
