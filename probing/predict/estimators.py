"""A finished run made ready: waveforms and words in, ratings on its corpus's own scale out.

Shape legend: S samples at 16 kHz · B recordings or windows of a batch · K dimensions of emotion · P probes ·
O outputs of a probe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from probing.audio.decode import FRAME_RATE
from probing.encoders.numerics import ExactFloat32
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec, typed
from probing.encoders.text import TextEncoder
from probing.errors import EncoderError, OptionError, RunError
from probing.probes.bank import SINGLE, WEIGHTED, ProbeBank
from probing.probes.features import features_of
from probing.probes.options import RIDGE
from probing.probes.saved import PROBES, RIDGE_PROBES, load_bank
from probing.runs.records import FinetuneRecord, FitRecord, Record
from probing.runs.store import demand_whole


class Trained(Protocol):
    """What estimates.

    Attributes:
        dimensions: The K dimensions.
        reads: Whether it takes words.
        hears: Whether it takes audio.
        title: Its name.
        scale: Lowest and highest rating of what it was trained on.
    """

    dimensions: tuple[str, ...]
    reads: bool
    hears: bool
    title: str
    scale: tuple[float, float]

    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """Estimates [B, K], mean over training seeds, of B waveforms [S] and what is said in them."""


class Tuned:
    """A fine-tuned system, with all its training seeds.

    Args:
        record: A `finetune` run.
        device: PyTorch's name of a device.

    Raises:
        RunError: A seed's folder cannot be opened.
    """

    def __init__(self, record: FinetuneRecord, device: str) -> None:
        from probing.systems.inference import opened  # only here: transformers' models load accelerate

        self.dimensions = record.system.dimensions
        self.reads, self.hears = record.system.reads, record.system.hears
        self.title, self.scale, self._device = record.title, record.corpus.scale, device
        self._seeds: list[tuple[Any, Any]] = [opened(record.folder / f"seed{seed}") for seed in record.seeds]
        for system, processor in self._seeds:
            system.to(device).eval()
            processor.truncate = bool(record.options.get("truncate_text"))

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        found = []
        for system, processor in self._seeds:
            inputs = processor(pieces if self.hears else None, texts)
            with ExactFloat32():
                logits = system(**{name: tensor.to(self._device) for name, tensor in inputs.items()}).logits
            found.append(system.ratings(logits).double().cpu().numpy())
        return _finite(np.asarray(np.mean(found, axis=0)), self.title)


class PublishedTuned(Tuned):
    """A published emotion model, which was fine-tuned elsewhere, once.

    Args:
        name: A folder, or a hub id.
        revision: Branch, tag or commit of a hub repository.
        device: PyTorch's name of a device.

    Raises:
        EncoderError: As `open_published`.
    """

    def __init__(self, name: str, revision: str | None, device: str) -> None:
        from probing.systems.published import open_published  # only here: transformers' models load accelerate

        found = open_published(name, revision)
        self.dimensions, self.reads, self.hears = found.parts.dimensions, False, True
        self.title, self.scale, self._device = found.parts.name, found.entry.scale, device
        self._seeds = [(found.system, found.processor)]
        module: Any = found.system  # whose `to` transformers wraps without types
        module.to(device)


class Probed:
    """Fitted probes behind their frozen encoder: of each dimension those with learned layer weights, all seeds.

    Where a fit has none (`--layers each`) they are those of the single layer that is best on development; where it has
    only ridge probes (`--head ridge`), those of the layer with the highest cross-validated R².

    Args:
        record: A `fit` run.
        device: PyTorch's name of a device.
        encoder: The encoder that the probes were fitted on, where the record does not say what opens it (a fit from a
            cache file) or it has moved.

    Raises:
        RunError: What opens the encoder is not known (code `encoder-not-recorded`), or the probes are damaged.
        EncoderError: It cannot be opened, or its weights or preprocessing are not those that the probes were fitted on
            (code `encoder-other`).
    """

    def __init__(self, record: FitRecord, device: str, encoder: str | None = None) -> None:
        self._encoder = _encoder_of(record, device, encoder)
        self.reads, self.hears = self._encoder.reads, not self._encoder.reads
        name = RIDGE_PROBES if record.options.get("head") == RIDGE else PROBES
        bank, self._normalize, _ = load_bank(record.folder / name)
        self._bank = bank.narrow(_chosen(bank, record)).to(device).eval()
        self.dimensions = tuple(dict.fromkeys(probe.dimension for probe in self._bank.probes))
        self.title = f"probes on {self._encoder.title}"
        self.scale = record.corpus.scale
        self._whole = record.cache.store == "frames"  # else maxima were approximated, and are so again

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        states_BTLD, counts = self._states(pieces, texts)
        frames = [states_TLD[:count] for states_TLD, count in zip(states_BTLD, counts, strict=True)]
        with ExactFloat32():
            unit_PBO = self._bank(features_of(frames, self._bank.pooling, self._normalize, self._whole))
        low, high = self.scale
        estimates_PB = low + (high - low) * unit_PBO[..., 0].double().cpu().numpy()
        own = [[row for row, p in enumerate(self._bank.probes) if p.dimension == name] for name in self.dimensions]
        return _finite(np.stack([estimates_PB[rows].mean(0) for rows in own], axis=1), self.title)

    def _states(
        self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None
    ) -> tuple[torch.Tensor, list[int]]:
        """Hidden states [B, T, L, D] of what the encoder takes, and how many frames or tokens of each are its own."""
        if isinstance(self._encoder, TextEncoder):
            return self._encoder.hidden_states(texts or [])
        return self._encoder.hidden_states(pieces)


def open_trained(record: Record, device: str, encoder: str | None = None) -> Trained:
    """Make a run ready.

    Args:
        record: A `finetune` or a `fit` run.
        device: PyTorch's name of a device.
        encoder: As `Probed` takes it.

    Raises:
        RunError: It is another kind of run (code `run-kind`), its files are not all there (`run-incomplete`), or they
            are damaged.
        OptionError: An encoder is named for a run that has its own (code `no-effect`).
        EncoderError: As `Probed`.
    """
    if not isinstance(record, FitRecord | FinetuneRecord):
        why = f"it is a run of `probe {record.command}`"
        remedy = "name a finetune or a fit run (see `probe runs`)"
        raise RunError(f"{record.folder}", why, remedy, code="run-kind")
    if encoder is not None and not isinstance(record, FitRecord):
        why = "a finetune run has its own encoders"
        raise OptionError(f"--encoder {encoder}", why, "leave --encoder out", code="no-effect")
    demand_whole(record, digests=True)
    return Probed(record, device, encoder) if isinstance(record, FitRecord) else Tuned(record, device)


def _finite(estimates_BK: NDArray[np.float64], title: str) -> NDArray[np.float64]:
    """Estimates, which must be numbers.

    Raises:
        EncoderError: They are not (code `encoder-not-finite`).
    """
    if not np.isfinite(estimates_BK).all():
        why, remedy = "an estimate is no finite number", "copy the run again, or rerun its command"
        raise EncoderError(title, why, remedy, code="encoder-not-finite")
    return estimates_BK


def _chosen(bank: ProbeBank, record: FitRecord) -> NDArray[np.int64]:
    """Rows of the probes that estimate."""
    rows = [row for row, probe in enumerate(bank.probes) if probe.kind == WEIGHTED]
    if not rows:
        # Records and files number the layers from −1 where there is a state C, the bank from 0.
        first = -1 if record.encoder.identity.get("convolution") else 0
        recommended = {dimension: summary.best_layer for dimension, summary in record.layers.items()}
        best = recommended if record.options.get("head") == RIDGE else record.best_layers
        kinds = (SINGLE, RIDGE)
        rows = [r for r, p in enumerate(bank.probes) if p.kind in kinds and p.layer == best[p.dimension] - first]
    return np.array(rows, dtype=np.int64)


def _encoder_of(record: FitRecord, device: str, named: str | None) -> Encoder:
    """The frozen encoder of a fit, with just the weights that its probes were fitted on."""
    spec = _encoder_spec(record, named)
    try:
        encoder = open_encoder(spec, device)
    except EncoderError as error:
        raise EncoderError(
            f"{typed(spec.name)} cannot be opened as the encoder that {record.folder} was fitted on",
            f"{error.what}: {error.why}",
            f"name the very same one, which was called {record.encoder.name}" if named else error.remedy,
            code=error.code,
        ) from error
    if _plain(encoder.identity) != _plain(record.encoder.identity):
        raise EncoderError(
            f"{typed(spec.name)} is not the encoder that {record.folder} was fitted on",
            "its weights or its preprocessing differ",
            "name the very same one with --encoder, or rerun the fit",
            code="encoder-other",
        )
    return encoder


def _encoder_spec(record: FitRecord, named: str | None) -> EncoderSpec:
    """What opens the encoder of a fit: the record's own, or what the user names, pruned and with state C alike."""
    if named is not None:
        identity = record.encoder.identity
        layers = identity.get("architecture", {}).get("num_hidden_layers")
        return EncoderSpec.resolve(named, layers, None, bool(identity.get("convolution")), _shorter_window(identity))
    if record.encoder.spec is None:
        raise RunError(
            f"{record.folder} does not say what opens its encoder",
            "it was fitted from a cache file, or before that was recorded",
            f"name the encoder: --encoder {record.encoder.name}",
            code="encoder-not-recorded",
        )
    return record.encoder.spec


def _shorter_window(identity: Mapping[str, Any]) -> float | None:
    """Seconds of the window that a Whisper was given, where it was not the one that it was trained with."""
    window = identity.get("preprocessing", {}).get("window")
    frames = identity.get("architecture", {}).get("max_source_positions")
    return None if window is None or frames is None or round(window * FRAME_RATE) == frames else float(window)


def _plain(identity: Any) -> str:
    """An identity as one text, since tuples and lists are the same in a record."""
    return json.dumps(dict(identity), sort_keys=True)
