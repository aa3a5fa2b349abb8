"""Small random checkpoints laid out as the public emotion models are, and their forward passes written once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from builders import SMALL
from safetensors.torch import save_file
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model, WavLMConfig, WavLMModel

LABELS = {"0": "arousal", "1": "dominance", "2": "valence"}
MEAN, DEVIATION = -8.3e-3, 0.085
PRE_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
Weights = dict[str, torch.Tensor]


def save_published(folder: Path, layout: str, file: str = "safetensors", **changes: Any) -> Path:
    """Save one.

    Args:
        folder: Where it goes.
        layout: `audEERING` or `Odyssey`.
        file: `safetensors`, or `bin` for PyTorch's own file.
        **changes: Fields of its config.json; None takes one out.
    """
    described, weights = (_audeering if layout == "audEERING" else _odyssey)(changes)
    folder.mkdir(parents=True)
    content = {key: value for key, value in (described | changes).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(content))
    if layout == "audEERING":
        Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
        (folder / "vocab.json").write_text("{}")
    else:
        (folder / "preprocessor_config.json").write_text('{"mean": 10}')  # so it is, and says nothing
    write_weights(folder, weights, file)
    return folder


def write_weights(folder: Path, weights: Weights, file: str = "safetensors") -> None:
    """Write a checkpoint's weights, in place of those that it has."""
    if file == "bin":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")


def alone(folder: Path, waveform: np.ndarray, weights: Weights) -> np.ndarray:
    """The estimates [K], on [0, 1], of one waveform without padding, by transformers' own encoder and plain PyTorch."""
    described = json.loads((folder / "config.json").read_text())
    return (_alone_odyssey if described["model_type"] == "ser" else _alone_audeering)(described, waveform, weights)


def _audeering(changes: dict[str, Any]) -> tuple[dict[str, Any], Weights]:
    config = Wav2Vec2Config(**{**SMALL, **PRE_NORM, "conv_bias": True}, final_dropout=0.1)
    width, outputs = config.hidden_size, len(changes.get("id2label", LABELS))
    weights = _named("wav2vec2.", Wav2Vec2Model(config))
    weights |= _linear("classifier.dense", width, width) | _linear("classifier.out_proj", width, outputs)
    own = {
        "architectures": ["Wav2Vec2ForSpeechClassification"],
        "finetuning_task": "wav2vec2_reg",
        "id2label": LABELS,
        "label2id": {name: int(number) for number, name in LABELS.items()},
        "pooling_mode": "mean",
        "problem_type": "regression",
    }
    return json.loads(json.dumps(config.to_dict())) | own, weights


def _odyssey(changes: dict[str, Any]) -> tuple[dict[str, Any], Weights]:
    config = WavLMConfig(**{**SMALL, **PRE_NORM})
    width, outputs = config.hidden_size, len(changes.get("id2label", LABELS))
    weights = _named("ssl_model.", WavLMModel(config)) | _linear("pool_model.sap_linear", width, width)
    weights["pool_model.attention"] = _drawn(width, 1)
    for layer in range(changes.get("classifier_hidden_layers", 1)):
        weights |= _linear(f"ser_model.fc.{layer}.0", width if layer else 2 * width, width)
        weights |= {f"ser_model.fc.{layer}.1.weight": 1 + _drawn(width), f"ser_model.fc.{layer}.1.bias": _drawn(width)}
    weights |= _linear("ser_model.out.0", width, outputs)
    own = {
        "architectures": ["SERModel"],
        "auto_map": {
            "AutoConfig": "pipeline_utils.SERConfig",
            "AutoModelForAudioClassification": "pipeline_utils.SERModel",
        },
        "classifier_dropout_prob": 0.5,
        "classifier_hidden_layers": 1,
        "id2label": LABELS,
        "maxlen": 192000,
        "mean": MEAN,
        "model_type": "ser",
        "num_classes": outputs,
        "sampling_rate": 16000,
        "ssl_type": "microsoft/wavlm-large",
        "std": DEVIATION,
        "torch_dtype": "float32",
    }
    small = {**SMALL, "conv_dim": list(SMALL["conv_dim"])}  # the public ones are of WavLM large's size
    return own | small, weights


def _alone_audeering(described: dict[str, Any], waveform: np.ndarray, weights: Weights) -> np.ndarray:
    wave = torch.from_numpy(waveform).double()
    wave = (wave - wave.mean()) / torch.sqrt(wave.var(unbiased=False) + 1e-7)
    states_TD = _states(Wav2Vec2Model(Wav2Vec2Config(**_plain(described))), "wav2vec2.", weights, wave)
    hidden = torch.tanh(_applied("classifier.dense", weights, states_TD.mean(0)))
    return _applied("classifier.out_proj", weights, hidden).numpy()


def _alone_odyssey(described: dict[str, Any], waveform: np.ndarray, weights: Weights) -> np.ndarray:
    wave = (torch.from_numpy(waveform).double() - described["mean"]) / (described["std"] + 1e-6)
    config = WavLMConfig(**SMALL, **PRE_NORM)
    states_TD = _states(WavLMModel(config), "ssl_model.", weights, wave)
    hidden_TD = torch.tanh(_applied("pool_model.sap_linear", weights, states_TD))
    weight_T1 = torch.softmax(hidden_TD @ weights["pool_model.attention"].double(), 0)
    mean = (weight_T1 * states_TD).sum(0)
    spread = torch.sqrt(torch.clamp((weight_T1 * states_TD**2).sum(0) - mean**2, min=1e-5))
    vector = torch.cat([mean, spread])
    for layer in range(described["classifier_hidden_layers"]):
        vector = _applied(f"ser_model.fc.{layer}.0", weights, vector)
        scale, shift = (weights[f"ser_model.fc.{layer}.1.{name}"].double() for name in ("weight", "bias"))
        vector = torch.relu(functional.layer_norm(vector, vector.shape, scale, shift))
    return _applied("ser_model.out.0", weights, vector).numpy()


@torch.no_grad()
def _states(model: Any, prefix: str, weights: Weights, wave: torch.Tensor) -> torch.Tensor:
    """The last state [T, D] of transformers' model in float64."""
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    model.load_state_dict(own)  # PyTorch knows the old names of a weight norm too
    return model.double().eval()(wave[None]).last_hidden_state[0]


def _plain(described: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in described.items() if key not in ("model_type", "id2label", "label2id")}


def _applied(name: str, weights: Weights, vector: torch.Tensor) -> torch.Tensor:
    return functional.linear(vector, weights[f"{name}.weight"].double(), weights[f"{name}.bias"].double())


def _named(prefix: str, model: Any) -> Weights:
    """An encoder's weights, moved from where they begin, by their names in a checkpoint."""
    return {prefix + name: value + 0.1 * torch.randn_like(value) for name, value in model.state_dict().items()}


def _linear(name: str, inputs: int, outputs: int) -> Weights:
    return {f"{name}.weight": _drawn(outputs, inputs), f"{name}.bias": _drawn(outputs)}


def _drawn(*shape: int) -> torch.Tensor:
    return 0.3 * torch.randn(*shape)


def old_names(weights: Weights) -> Weights:
    """The same under the names that a weight norm had when the public models were saved."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    found = dict(weights)
    for name, value in weights.items():
        for today, before in old.items():
            if name.endswith(today):
                del found[name]
                found[name.removesuffix(today) + before] = value
    return found
