"""Make what is measured ready to compute.

Encoders and systems that are named are built with random weights: how long an architecture takes does not depend on
what it has learned, so nothing is downloaded. The system of a run is read as it is.

Shape legend: B utterances · S samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE
from probing.bench.subjects import Subject
from probing.encoders.numerics import ExactFloat32
from probing.encoders.opening import open_encoder
from probing.encoders.spec import spelled, taken_apart
from probing.encoders.text import TextEncoder
from probing.systems.build import build_system, parts_of
from probing.systems.inference import opened
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor

TOKENS = 3.5  # of a transcript, for each second: English speakers say some 160 words a minute, of 1.3 tokens each
Compute = Callable[[Sequence[NDArray[np.float32]], Sequence[str]], object]  # waveforms [S] and transcripts of B


def ready(subject: Subject, device: str) -> Compute:
    """What computes all layers' states, or a system's estimates, of a batch.

    Raises:
        EncoderError: It cannot be opened, as `open_encoder` and `build_system`.
        RunError: The run is damaged (code `run-incomplete`).
    """
    if subject.encoder is not None:
        encoder = open_encoder(subject.encoder.on_random_weights(), device)
        if isinstance(encoder, TextEncoder):
            return lambda _, texts: encoder.hidden_states(texts)
        return lambda waveforms, _: encoder.hidden_states(waveforms)
    system, processor = system_of(subject)
    module = torch.nn.Module.to(system, torch.device(device)).eval()

    def estimate(waveforms: Sequence[NDArray[np.float32]], texts: Sequence[str]) -> object:
        inputs = {name: tensor.to(device) for name, tensor in processor(waveforms, texts).items()}
        with torch.inference_mode(), ExactFloat32():
            return module(**inputs).logits.cpu()

    return estimate


def system_of(subject: Subject) -> tuple[EmotionSystem, Processor]:
    """A system and what feeds it: with random weights, or as a run has it."""
    if subject.folder is not None:
        return opened(subject.folder)
    name = "+".join(spelled(taken_apart(part)[0], 0) for part in parts_of(subject.system or ""))
    return build_system(name, window=subject.window)


def utterance(seconds: float) -> tuple[NDArray[np.float32], str]:
    """A waveform [S] of quiet noise, and a transcript of as many tokens as are said in that time.

    >>> waveform, text = utterance(2.0)
    >>> waveform.shape, text
    ((32000,), 'a a a a a a a')
    """
    samples = round(seconds * SAMPLE_RATE)
    waveform = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    return waveform, " ".join(["a"] * max(1, round(TOKENS * seconds)))
