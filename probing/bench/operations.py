"""How large a model is and how many operations it takes, counted without computing anything.

An operation is a multiplication or an addition (FLOP), as torch.utils.flop_counter counts them: those of convolutions,
of matrix products and of attention. Feature extraction (Whisper's spectrograms) and pooling are left out. Models are
built on PyTorch's device `meta`, which knows shapes and holds no numbers.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel

from probing.audio.decode import SAMPLE_RATE
from probing.bench.opening import system_of, utterance
from probing.bench.subjects import Subject
from probing.encoders.checkpoints import encoder_alone, load_checkpoint
from probing.encoders.families import TEXT, WINDOWED
from probing.encoders.pretrained import said_plainly
from probing.encoders.spec import EncoderSpec, shown_apart, typed
from probing.encoders.whisper import cut, log_mel, no_windows, shorten, window_of, window_samples, windowed

_NUMBER = 4  # bytes: float32


@dataclass(frozen=True)
class Size:
    """How large something is, and how much work.

    Args:
        name: As in tables.
        kind: `encoder` or `system`.
        parameters: Number of its parameters.
        bytes: Of its weights, on disk.
        measured: Whether that is the size of a file; else they were not written, and are counted as float32.
        operations: Seconds of an utterance → FLOP for it.
        input: What it takes: `audio`, `text` or `audio+text`.
        window: Seconds that it computes whatever the utterance's length; None where that is as long as the utterance.
    """

    name: str
    kind: str
    parameters: int
    bytes: int
    measured: bool
    operations: Mapping[float, int]
    input: str = "audio"
    window: float | None = None


@dataclass(frozen=True)
class _Part:
    """An encoder: its configuration, and its feature extractor or tokenizer."""

    config: Any
    preprocessor: Any

    @property
    def input(self) -> str:
        """What it takes: `audio` or `text`."""
        return "text" if self.config.model_type in TEXT else "audio"

    @property
    def window(self) -> float | None:
        """Seconds of a Whisper's window."""
        return window_of(self.config) / SAMPLE_RATE if self.config.model_type in WINDOWED else None


def size_of(subject: Subject, lengths: Sequence[float]) -> Size:
    """Count parameters and operations.

    Args:
        subject: What is counted.
        lengths: Seconds of utterances.

    Raises:
        EncoderError: It cannot be opened.
        RunError: The run is damaged (code `run-incomplete`).
    """
    if subject.encoder is not None:
        return _encoder_size(subject.encoder, lengths)
    if subject.folder is not None:
        system, processor = system_of(subject)
    else:
        with torch.device("meta"):
            system, processor = system_of(subject)
    config, name = system.config, system.config.encoders
    both = ((config.audio_config, processor.audio), (config.text_config, processor.text))
    parts = [_Part(own, preprocessor) for own, preprocessor in both if own is not None]
    head = _head_operations(system.head)
    found = {one: head + sum(_operations(part, one, name) for part in parts) for one in lengths}
    file = None if subject.folder is None else (subject.folder / "model.safetensors").stat().st_size
    shown = _without_seeds(name) if subject.folder is None else name
    name = shown if len(parts) > 1 else f"{shown} (system)"  # its encoder may stand beside it
    taken, window = "+".join(part.input for part in parts), next((p.window for p in parts if p.window), None)
    return Size(name, "system", _parameters(system), file or _bytes(system), file is not None, found, taken, window)


def _encoder_size(spec: EncoderSpec, lengths: Sequence[float]) -> Size:
    with torch.device("meta"):
        found = load_checkpoint(spec.on_random_weights())
    name, config = found.name if spec.random else shown_apart(found.name)[0], found.model.config
    trained = window_of(config)
    if spec.window is not None:
        if config.model_type not in WINDOWED:
            raise no_windows(typed(spec.name), spec.window)
        shorten(found.model, window_samples(spec.window, trained, name))
    name = windowed(name, spec.window, trained)
    part = _Part(config, found.preprocessor)
    operations = {one: _operations(part, one, name) for one in lengths}
    n_parameters, n_bytes = _parameters(found.model), _bytes(found.model)
    return Size(name, "encoder", n_parameters, n_bytes, False, operations, part.input, part.window)


def _without_seeds(name: str) -> str:
    return "+".join(shown_apart(part)[0] for part in name.split("+"))


def _parameters(model: nn.Module) -> int:
    return sum(own.numel() for own in model.parameters())


def _bytes(model: nn.Module) -> int:
    return _NUMBER * sum(own.numel() for own in model.state_dict().values())


def _operations(part: _Part, seconds: float, name: str) -> int:
    """FLOP of an encoder for an utterance.

    Some models ask what numbers are in their masks, and tensors on `meta` have none: these run, on random weights.
    """
    inputs = _inputs(part, seconds)
    try:
        return _counted(part.config, inputs, "meta", name)
    except RuntimeError:
        return _counted(part.config, inputs, "cpu", name)


def _inputs(part: _Part, seconds: float) -> dict[str, Tensor]:
    """What an encoder is given of one utterance, which needs no mask."""
    (waveform, text), kind = utterance(seconds), part.config.model_type
    if kind in WINDOWED:
        window = window_of(part.config)
        return {"input_features": log_mel(part.preprocessor, cut(waveform, window), window, torch.device("cpu"))}
    if kind in TEXT:
        found = part.preprocessor(text, return_tensors="pt")
    else:
        found = part.preprocessor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt")
    return {name: given for name, given in found.items() if name != "attention_mask"}


def _counted(config: Any, inputs: Mapping[str, Tensor], device: str, name: str) -> int:
    with torch.device(device), torch.random.fork_rng(devices=[]), said_plainly(name):
        model = AutoModel.from_config(copy.deepcopy(config), dtype=torch.float32, trust_remote_code=False)
    model = encoder_alone(model).eval().requires_grad_(False)
    taken = inspect.signature(model.forward).parameters
    given = {name: tensor.to(device) for name, tensor in inputs.items() if name in taken}
    # The counter does not know the fused kernel of attention on a CPU, but the products that it is made of.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**given)
    return int(counter.get_total_flops())


def _head_operations(head: nn.Sequential) -> int:
    """FLOP of a head: a multiplication and an addition for each weight."""
    return sum(2 * layer.weight.numel() for layer in head if isinstance(layer, nn.Linear))
