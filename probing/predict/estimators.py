"""A finished run made ready: sound and words in, ratings on its corpus's own scale out.

Shape legend: S samples at 16 kHz · B recordings or windows of a batch · K dimensions of emotion · P probes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from probing.encoders.numerics import ExactFloat32
from probing.encoders.speech import open_encoder
from probing.errors import EncoderError, ProbingError
from probing.probes.bank import SINGLE, WEIGHTED
from probing.probes.features import features_of
from probing.probes.results import load_bank
from probing.runs.records import Record
from probing.training.evaluate import needs, opened


class Trained(Protocol):
    """What estimates.

    Attributes:
        dimensions: The K dimensions.
        reads: Whether it needs the words.
        hears: Whether it needs the sound.
        title: Its name.
    """

    dimensions: tuple[str, ...]
    reads: bool
    hears: bool
    title: str

    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """Estimates [B, K], mean over training seeds, of B waveforms [S] and what is said in them."""


class Tuned:
    """A fine-tuned system, with all its training seeds.

    Args:
        record: A `finetune` run.
        device: PyTorch's name of a device.

    Raises:
        ProbingError: It is another kind of run, or incomplete.
    """

    def __init__(self, record: Record, device: str) -> None:
        kinds, self.dimensions = needs(record)
        self.reads, self.hears = "text" in kinds, "audio" in kinds
        self.title, self._device = str(record["encoder"]["name"]), device
        self._seeds: list[tuple[Any, Any]] = [opened(record.folder / f"seed{seed}") for seed in record["seeds"]]
        for system, processor in self._seeds:
            system.to(device).eval()
            processor.truncate = bool(record["configuration"]["options"].get("truncate_text"))

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        found = []
        for system, processor in self._seeds:
            inputs = processor(pieces if self.hears else None, texts)
            with ExactFloat32():
                logits = system(**{name: tensor.to(self._device) for name, tensor in inputs.items()}).logits
            found.append(system.ratings(logits).double().cpu().numpy())
        return np.asarray(np.mean(found, axis=0))


class Probed:
    """Fitted probes behind their frozen encoder: of each dimension those with learned layer weights, all seeds.

    Where a fit has none (`--layers each`) they are those of the single layer that is best on development.

    Args:
        record: A `fit` run.
        device: PyTorch's name of a device.
        encoder: The encoder that the probes were fitted on, where the record does not say how it is opened (a fit from
            a cache file) or it is now elsewhere.

    Raises:
        ProbingError: The encoder has other weights than the one that the probes were fitted on, cannot be opened, or
            is not known; the run is incomplete.
    """

    def __init__(self, record: Record, device: str, encoder: str | None = None) -> None:
        self._encoder = _encoder_of(record, device, encoder)
        self.reads, self.hears = self._encoder.reads, not self._encoder.reads
        bank, self._normalize = load_bank(record.folder)
        rows = [row for row, probe in enumerate(bank.probes) if probe.kind == WEIGHTED]
        if not rows:
            first = -1 if record["encoder"]["identity"].get("convolution") else 0
            best = {dimension: layer - first for dimension, layer in record["best_layers"].items()}
            rows = [r for r, p in enumerate(bank.probes) if p.kind == SINGLE and p.layer == best[p.dimension]]
        self._bank = bank.narrow(np.array(rows)).to(device).eval()
        self.dimensions = tuple(dict.fromkeys(probe.dimension for probe in self._bank.probes))
        self.title = f"probes on {self._encoder.title}"
        self._low, self._high = record["corpus"]["scale"]
        self._whole = record["cache"]["store"] == "frames"  # else maxima were approximated, and are so again

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        states_BTLD, counts = self._encoder.hidden_states(texts if self.reads else pieces)
        frames = [states_TLD[:count] for states_TLD, count in zip(states_BTLD, counts, strict=True)]
        with ExactFloat32():
            unit_PB = self._bank(features_of(frames, self._bank.pooling, self._normalize, self._whole))
        estimates_PB = self._low + (self._high - self._low) * unit_PB.double().cpu().numpy()
        own = [[row for row, p in enumerate(self._bank.probes) if p.dimension == name] for name in self.dimensions]
        return np.stack([estimates_PB[rows].mean(0) for rows in own], axis=1)


def open_trained(record: Record, device: str, encoder: str | None = None) -> Trained:
    """Make a run ready.

    Args:
        record: A `finetune` or a `fit` run.
        device: PyTorch's name of a device.
        encoder: As `Probed` takes it.

    Raises:
        ProbingError: It is another kind of run, or cannot be opened.
    """
    if record["command"] == "fit":
        return Probed(record, device, encoder)
    if record["command"] != "finetune":
        why = f"it is a run of `probe {record['command']}`"
        raise ProbingError(f"{record.folder}", why, "name a finetune or a fit run (see `probe runs`)")
    if encoder is not None:
        raise ProbingError(f"--encoder {encoder}", "a finetune run has its own encoders", "leave --encoder out")
    return Tuned(record, device)


def _encoder_of(record: Record, device: str, name: str | None) -> Any:
    """The frozen encoder of a fit, with just the weights that its probes were fitted on."""
    known = record["encoder"].get("opened") or {}
    if name is None and not known:
        raise ProbingError(
            f"{record.folder} does not say how its encoder is opened",
            "it was fitted from a cache file, or before that was recorded",
            f"name the encoder: --encoder {record['encoder']['name']}",
        )
    identity = record["encoder"]["identity"]
    layers = identity["architecture"]["num_hidden_layers"]
    revision = None if name else known["revision"]
    convolution = bool(identity.get("convolution"))
    try:
        encoder = open_encoder(name or known["name"], layers, revision, device, convolution)
    except EncoderError as error:
        raise ProbingError(
            f"{name or known['name']} cannot be opened as the encoder that {record.folder} was fitted on",
            f"{error.what}: {error.why}",
            f"name the very same one, which was called {record['encoder']['name']}" if name else error.remedy,
        ) from error
    if json.dumps(encoder.identity, sort_keys=True) != json.dumps(identity, sort_keys=True):
        raise ProbingError(
            f"{name or known['name']} is not the encoder that {record.folder} was fitted on",
            "its weights or its preprocessing are others",
            "name the very same one with --encoder, or fit again",
        )
    return encoder
