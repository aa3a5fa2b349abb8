"""A finished run made ready: waveforms and words in, ratings on its corpus's scale and probabilities of classes out.

Shape legend: S samples at 16 kHz, or training seeds · B recordings or windows of a batch · K dimensions of emotion ·
O estimates: K ratings, then a probability of each class of each category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from probing.encoders.numerics import ExactFloat32
from probing.encoders.text import TextEncoder
from probing.errors import EncoderError, OptionError, RunError
from probing.probes.features import features_of
from probing.probes.standing import encoder_of, standing_probes
from probing.runs.records import FinetuneRecord, FitRecord, Record
from probing.runs.store import demand_whole


class Trained(Protocol):
    """What estimates.

    Attributes:
        dimensions: The K dimensions.
        categories: Category → its classes.
        reads: Whether it takes words.
        hears: Whether it takes audio.
        title: Its name.
        scale: Lowest and highest rating of what it was trained on.
        batch: How many waveforms are best estimated at a time on its device; no estimate depends on it.
    """

    dimensions: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    reads: bool
    hears: bool
    title: str
    scale: tuple[float, float]
    batch: int

    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """Estimates [B, O], mean over training seeds, of B waveforms [S] and what is said in them."""


_BATCH = 16


class Tuned:
    """A fine-tuned system, with all its training seeds.

    Args:
        record: A `finetune` run.
        device: PyTorch's name of a device.

    Raises:
        RunError: A seed's folder cannot be opened.
    """

    batch = _BATCH  # on a CPU too, where a system takes apart what is slow in a batch (`Padding.convolved`)

    def __init__(self, record: FinetuneRecord, device: str) -> None:
        from probing.systems.inference import opened  # only here: transformers' models load accelerate

        self.dimensions, self.categories = record.system.dimensions, record.system.categories
        self.reads, self.hears = record.system.reads, record.system.hears
        self.title, self.scale, self._device = record.title, record.corpus.scale, device
        self._seeds: list[tuple[Any, Any]] = [opened(record.folder / f"seed{seed}") for seed in record.seeds]
        for system, processor in self._seeds:
            system.to(device).eval()
            processor.truncate = bool(record.options.get("truncate_text"))
            if processor.window and device == "cpu":  # Whisper's, whose windows are long
                self.batch = 1

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        found = []
        for system, processor in self._seeds:
            inputs = processor(pieces if self.hears else None, texts)
            with ExactFloat32():
                logits = system(**{name: tensor.to(self._device) for name, tensor in inputs.items()}).logits
            rated = system.ratings(logits).double()
            probabilities = system.probabilities(logits).values() if self.categories else ()
            found.append(torch.cat([rated, *(own.double() for own in probabilities)], dim=-1).cpu().numpy())
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
        self.dimensions, self.categories = found.parts.dimensions, found.parts.categories
        self.reads, self.hears = False, True
        self.title, self.scale, self._device = found.parts.name, found.entry.scale, device
        self._seeds = [(found.system, found.processor)]
        module: Any = found.system  # whose `to` transformers wraps without types
        module.to(device)


class Probed:
    """Fitted probes behind their frozen encoder: those that stand for the fit (`probing.probes.standing`), all seeds.

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
        self._encoder = encoder_of(record, device, encoder)
        self.reads, self.hears = self._encoder.reads, not self._encoder.reads
        alone = self._encoder.device.type == "cpu" and self.hears
        self.batch = 1 if alone else _BATCH  # all layers' states of one waveform fill a CPU's caches
        self._probes = standing_probes(record, device)
        self.dimensions, self.categories = self._probes.dimensions, self._probes.categories
        self.title = f"probes on {self._encoder.title}"
        self.scale = record.corpus.scale
        self._whole = record.cache.store == "frames"  # else maxima were approximated, and are so again

    @torch.inference_mode()
    def estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """As `Trained.estimate`."""
        states_BTLD, counts = self._states(pieces, texts)
        frames = [states_TLD[:count] for states_TLD, count in zip(states_BTLD, counts, strict=True)]
        probes = self._probes
        with ExactFloat32():
            outputs_SBO = probes.outputs(features_of(frames, probes.pooling, probes.normalize, self._whole)).double()
        low, high = self.scale
        rated_SBK = low + (high - low) * outputs_SBO[..., : len(self.dimensions)]
        found_SBO = torch.cat([rated_SBK, *probes.probabilities(outputs_SBO)], dim=-1)
        return _finite(found_SBO.mean(0).cpu().numpy(), self.title)

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
    record.demand_single()
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
