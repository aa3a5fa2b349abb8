"""Waveform encoders: every state of every utterance is what it gives alone, whatever it was batched with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import CHECKPOINTS, LENGTHS, SMALL, configurations, small_model, waveform
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import (
    AutoFeatureExtractor,
    AutoModel,
    Wav2Vec2FeatureExtractor,
)

from probing.encoders.opening import open_encoder
from probing.encoders.speech import SpeechEncoder
from probing.errors import EncoderError

SaveCheckpoint = Callable[..., Path]


def stock_states(folder: Path, samples: np.ndarray) -> torch.Tensor:
    """Hidden states [T, L, D] of one utterance by transformers alone, without any of our code."""
    return states_alone(AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder), samples)


def states_alone(model: Any, preprocessor: Any, samples: np.ndarray) -> torch.Tensor:
    """The same of a model that is at hand."""
    inputs = preprocessor(samples, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        output = model(inputs["input_values"], output_hidden_states=True)
    return torch.stack([*output.hidden_states[:-1], output.last_hidden_state], dim=2)[0]


def relative(a_TLD: torch.Tensor, b_TLD: torch.Tensor) -> float:
    """Largest relative error over layers, ‖a−b‖/‖b‖."""
    return float(((a_TLD - b_TLD).norm(dim=(0, 2)) / b_TLD.norm(dim=(0, 2))).max())


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_batch_never_changes_an_answer(checkpoints: dict[str, Path], name: str) -> None:
    """In a padded batch every state of every layer is what transformers gives the utterance alone."""
    waveforms = [waveform(seconds, seed) for seed, seconds in enumerate((0.025, 2.0, 0.31, 1.07))]
    states_BTLD, frames_B = open_encoder(str(checkpoints[name])).hidden_states(waveforms)
    for samples, states_TLD, frames in zip(waveforms, states_BTLD, frames_B, strict=True):
        alone_TLD = stock_states(checkpoints[name], samples)
        assert frames == len(alone_TLD)
        assert relative(states_TLD[:frames], alone_TLD) < 1e-5


def test_how_a_checkpoint_pads_changes_nothing(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """On which side, and with what: an utterance's own frames are counted from the front, and see no padding."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "left"))
    saved = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(saved | {"padding_side": "left", "padding_value": 3.0}))
    waveforms = [waveform(0.3, 0), waveform(0.8, 1)]
    states_BTLD, frames_B = open_encoder(str(folder)).hidden_states(waveforms)
    for samples, states_TLD, frames in zip(waveforms, states_BTLD, frames_B, strict=True):
        assert relative(states_TLD[:frames], stock_states(checkpoints["hubert"], samples)) < 1e-5


def test_an_adapter_behind_the_encoder_is_left_out(save_checkpoint: SaveCheckpoint) -> None:
    """It would shorten the model's output to an eighth; the states are those of the layers before it."""
    folder = save_checkpoint("wav2vec2-group", add_adapter=True)
    model = AutoModel.from_pretrained(folder, add_adapter=False).eval()
    truth_TLD = states_alone(model, AutoFeatureExtractor.from_pretrained(folder), waveform(0.5, 0))
    states_BTLD, _ = open_encoder(str(folder)).hidden_states([waveform(0.5, 0), waveform(0.9, 1)])
    assert relative(states_BTLD[0, : len(truth_TLD)], truth_TLD) < 1e-5


def test_what_is_too_short_for_a_frame_is_an_error(checkpoints: dict[str, Path]) -> None:
    """In a batch too, where the longer utterances would hide it."""
    encoder = open_encoder(str(checkpoints["hubert"]))
    assert encoder.hidden_states([waveform(0.5, 0), waveform(0.025, 1)])[1] == [24, 1]
    for samples in (0, 399):
        with pytest.raises(EncoderError) as caught:
            encoder.hidden_states([waveform(0.5, 0), waveform(0.5, 1)[:samples]])
        assert caught.value.code == "audio-too-short"


def check_any_batch(drawn: tuple[str, dict[str, Any]], lengths: list[int], seed: int, do_normalize: bool) -> None:
    """Compare a batch of utterances of these lengths with the stock model's answer to each alone, in float32."""
    model = small_model(*drawn, seed)
    preprocessor = Wav2Vec2FeatureExtractor(do_normalize=do_normalize)
    encoder = SpeechEncoder(deepcopy(model), preprocessor, "drawn")
    waveforms = [waveform(1.0, seed + row)[:length] for row, length in enumerate(lengths)]
    states_BTLD, frames_B = encoder.hidden_states(waveforms)
    for samples, states_TLD, frames in zip(waveforms, states_BTLD, frames_B, strict=True):
        alone_TLD = states_alone(model, preprocessor, samples)
        assert frames == len(alone_TLD)
        assert relative(states_TLD[:frames], alone_TLD) < 1e-5


@settings(max_examples=60, deadline=None)
@given(drawn=configurations(), lengths=LENGTHS, seed=st.integers(0, 999), do_normalize=st.booleans())
def test_any_batch_of_any_configuration_is_exact(
    drawn: tuple[str, dict[str, Any]], lengths: list[int], seed: int, do_normalize: bool
) -> None:
    """Whatever the architecture and the lengths in a batch, an utterance's states are what transformers gives it."""
    check_any_batch(drawn, lengths, seed, do_normalize)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(drawn=configurations(), lengths=LENGTHS, seed=st.integers(0, 999), do_normalize=st.booleans())
def test_hundreds_of_batches_are_exact(
    drawn: tuple[str, dict[str, Any]], lengths: list[int], seed: int, do_normalize: bool
) -> None:
    """The same, five hundred times."""
    check_any_batch(drawn, lengths, seed, do_normalize)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.parametrize(
    "name",
    [
        "hubert",
        "distilhubert",
        "wav2vec2-group",
        "hubert-batch-norm",
        "wavlm-base",
        "data2vec-audio",
        "conformer-relative",
        "conformer-rotary",
    ],
)
def test_ordinary_padded_batches_are_wrong(checkpoints: dict[str, Path], name: str) -> None:
    """The stock model's padded batch differs by per cents, with its attention mask: the tests above could fail."""
    short, long = waveform(0.5, 0), waveform(2.0, 1)
    model = AutoModel.from_pretrained(checkpoints[name]).eval()
    inputs = AutoFeatureExtractor.from_pretrained(checkpoints[name])(
        [short, long], sampling_rate=16_000, padding=True, return_attention_mask=True, return_tensors="pt"
    )
    with torch.no_grad():
        padded = model(**inputs, output_hidden_states=True).last_hidden_state[0]
    alone = stock_states(checkpoints[name], short)[:, -1]
    assert float((padded[: len(alone)] - alone).norm() / alone.norm()) > 0.02


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_states_are_what_enters_and_leaves_the_layers(checkpoints: dict[str, Path], name: str) -> None:
    """State 0 enters the first layer, state l leaves layer l; the last one has passed any final layer norm."""
    model = AutoModel.from_pretrained(checkpoints[name]).eval()
    truth: list[torch.Tensor] = []
    for layer in model.encoder.layers:
        layer.register_forward_pre_hook(lambda _, args: truth.append(args[0].clone()))
    normed_last = CHECKPOINTS[name][1].get("do_stable_layer_norm") or name.startswith("conformer")
    last = model.encoder.layer_norm if normed_last else model.encoder.layers[-1]
    last.register_forward_hook(lambda *call: truth.append(call[2][0] if isinstance(call[2], tuple) else call[2]))
    inputs = AutoFeatureExtractor.from_pretrained(checkpoints[name])(
        waveform(0.5, 0), sampling_rate=16_000, return_tensors="pt"
    )
    with torch.no_grad():
        model(inputs["input_values"])
    encoder = open_encoder(str(checkpoints[name]))
    states_TLD = encoder.hidden_states([waveform(0.5, 0)])[0][0]
    assert encoder.state_names == [str(index) for index in range(len(model.encoder.layers) + 1)]
    assert states_TLD.shape[1] == encoder.n_states == len(truth) == len(encoder.state_names)
    assert relative(states_TLD, torch.stack(truth, dim=2)[0]) < 1e-5


@pytest.mark.parametrize("name", ["hubert", "distilhubert", "wavlm-large", "data2vec-audio", "conformer-relative"])
def test_state_c_is_the_raw_convolution_output(checkpoints: dict[str, Path], name: str) -> None:
    """With `convolution` the front end's own output stands in front, zeros behind it; nothing else changes."""
    waveforms = [waveform(seconds, seed) for seed, seconds in enumerate((0.4, 1.1))]
    plain = open_encoder(str(checkpoints[name]))
    encoder = open_encoder(str(checkpoints[name]), convolution=True)
    assert encoder.state_names == ["C", *plain.state_names] and encoder.n_states == plain.n_states + 1
    states_BTLD, frames_B = encoder.hidden_states(waveforms)
    torch.testing.assert_close(states_BTLD[:, :, 1:], plain.hidden_states(waveforms)[0], rtol=0, atol=0)
    front_end = AutoModel.from_pretrained(checkpoints[name]).eval().feature_extractor
    preprocessor = AutoFeatureExtractor.from_pretrained(checkpoints[name])
    for samples, states_TLD, frames in zip(waveforms, states_BTLD, frames_B, strict=True):
        inputs = preprocessor(samples, sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            raw_TC = front_end(inputs["input_values"])[0].T
        state_TD = states_TLD[:frames, 0]
        assert raw_TC.shape == (frames, 16) and state_TD.shape == (frames, 32)
        assert float((state_TD[:, :16] - raw_TC).norm() / raw_TC.norm()) < 1e-5
        assert not state_TD[:, 16:].any()


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("samples", [400, 719, 720, 16_000, 16_001])
def test_frames_are_known_before_extraction(checkpoints: dict[str, Path], name: str, samples: int) -> None:
    """`frames` says how many frames a length gives."""
    encoder = open_encoder(str(checkpoints[name]))
    states_BTLD, frames_B = encoder.hidden_states([waveform(2, 0)[:samples]])
    assert encoder.frames(samples) == frames_B[0] == states_BTLD.shape[1]


def test_normalisation_follows_the_checkpoint(checkpoints: dict[str, Path]) -> None:
    """Where the checkpoint asks for normalised input, gain and offset change nothing; where not, they do."""
    samples = waveform(0.5, 0)
    for name, unmoved in (("hubert", True), ("distilhubert", False)):
        encoder = open_encoder(str(checkpoints[name]))
        assert encoder.identity["preprocessing"]["do_normalize"] is unmoved
        changed = encoder.hidden_states([samples * 3 + 0.1])[0][0]
        # GroupNorm takes a gain out again, but not quite an offset at the edges of a window.
        assert (relative(changed, encoder.hidden_states([samples])[0][0]) < 1e-4) is unmoved


def test_nothing_is_dropped_or_masked(save_checkpoint: SaveCheckpoint) -> None:
    """LayerDrop and SpecAugment in a checkpoint's configuration change neither states nor their number."""
    wild = save_checkpoint("hubert", layerdrop=0.9, mask_time_prob=0.9, mask_feature_prob=0.9, mask_time_length=2)
    encoder = open_encoder(str(wild))
    first, second = (encoder.hidden_states([waveform(0.5, 0)])[0] for _ in range(2))
    assert first.shape[2] == encoder.n_states == SMALL["num_hidden_layers"] + 1
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["hubert", "wav2vec2-layer"])
def test_pruning_keeps_the_first_layers(checkpoints: dict[str, Path], name: str) -> None:
    """A pruned encoder's states are the full one's, except that a pre-norm model's last one is layer-normed."""
    samples = [waveform(0.5, 0)]
    full = open_encoder(str(checkpoints[name])).hidden_states(samples)[0][0]
    pruned = open_encoder(str(checkpoints[name]), layers=2)
    states = pruned.hidden_states(samples)[0][0]
    assert pruned.n_states == 3 and pruned.name.endswith("-layers2")
    kept = 3 if name == "hubert" else 2
    torch.testing.assert_close(states[:, :kept], full[:, :kept])
    if name == "wav2vec2-layer":
        weights = load_file(checkpoints[name] / "model.safetensors")
        normed = torch.nn.functional.layer_norm(
            full[:, 2], (32,), weights["encoder.layer_norm.weight"], weights["encoder.layer_norm.bias"]
        )
        torch.testing.assert_close(states[:, 2], normed, rtol=1e-4, atol=1e-5)
    for layers in (0, 4):
        with pytest.raises(EncoderError) as caught:
            open_encoder(str(checkpoints[name]), layers=layers)
        assert caught.value.code == "encoder-layers" and "3" in caught.value.why


def test_the_fingerprint_knows_what_matters(save_checkpoint: SaveCheckpoint, tmp_path: Path) -> None:
    """One changed weight, the input's normalisation and pruning change the identity; a copy elsewhere does not."""
    original = save_checkpoint("hubert", seed=3)
    identity = open_encoder(str(original)).identity
    copy = Path(shutil.copytree(original, tmp_path / "elsewhere"))
    assert open_encoder(str(copy)).identity == identity
    assert open_encoder(str(save_checkpoint("hubert", seed=4))).identity != identity
    assert open_encoder(str(original), layers=2).identity != identity
    settings_file = copy / "preprocessor_config.json"
    settings_file.write_text(settings_file.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    assert open_encoder(str(copy)).identity != identity
