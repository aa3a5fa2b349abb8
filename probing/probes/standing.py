"""A fit made ready to estimate again: its encoder, and the probes that stand for it.

Which they are of each dimension and category is said in `probing.runs.standing`; here they are all training seeds.

Shape legend: S training seeds · B utterances · K dimensions · C classes of a category · O outputs: K, then the classes
of each category.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.audio.decode import FRAME_RATE
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec, typed
from probing.errors import EncoderError, RunError
from probing.probes.bank import ProbeBank
from probing.probes.features import Features
from probing.probes.saved import PROBES, RIDGE_PROBES, load_bank, numbered
from probing.runs.records import FitRecord
from probing.runs.standing import RIDGE, WEIGHTED, standing_kind


@dataclass(frozen=True)
class StandingProbes:
    """The probes that stand for a fit.

    Args:
        banks: Of all dimensions, and of each category.
        dimensions: The K dimensions.
        categories: Category → its classes.
        normalize: How states are normalized for them: `none` or `layer`.
        linear: Whether outputs for a class are estimates of its probability, and not logits.
    """

    banks: Sequence[ProbeBank]
    dimensions: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    normalize: str
    linear: bool

    @property
    def pooling(self) -> str:
        """How states are pooled for them."""
        return self.banks[0].pooling

    @property
    def seeds(self) -> tuple[int, ...]:
        """Their training seeds."""
        return tuple(sorted({probe.seed for bank in self.banks for probe in bank.probes}))

    def outputs(self, features: Features) -> Tensor:
        """Outputs [S, B, O] of each training seed; of dimensions 0 and 1 are the ends of the scale."""
        found: dict[tuple[str, int], Tensor] = {}
        for bank in self.banks:
            named = [(probe.dimension, probe.seed) for probe in bank.probes]
            found |= dict(zip(named, bank(features), strict=True))
        names = (*self.dimensions, *self.categories)
        return torch.stack([torch.cat([found[name, seed] for name in names], dim=-1) for seed in self.seeds])

    def probabilities(self, outputs: Tensor) -> list[Tensor]:
        """Of each category the probability [..., C] of each of its classes, of outputs [..., O]."""
        sizes = [len(self.dimensions), *map(len, self.categories.values())]
        parts = outputs.split(sizes, dim=-1)[1:]
        if not self.linear:
            return [own.softmax(-1) for own in parts]
        bounded = [own.clamp_min(0.0) for own in parts]
        return [own / own.sum(-1, keepdim=True).clamp_min(torch.finfo(own.dtype).tiny) for own in bounded]


def standing_probes(record: FitRecord, device: str) -> StandingProbes:
    """Read the probes that stand for a fit.

    Args:
        record: The fit, whose files are whole.
        device: PyTorch's name of a device.

    Raises:
        RunError: It pools several folds and has no probes (code `run-pooled`), or they are damaged (`run-damaged`).
    """
    record.demand_single()
    # Version 0.1.0 lists no files, and has no ridge probes.
    ridge = record.files is not None and PROBES not in record.files
    banks, dimensions, categories = [], dict[str, None](), {}
    for name in _files(record, RIDGE_PROBES if ridge else PROBES):
        whole, normalize, classes = load_bank(record.folder / name)
        bank = whole.narrow(_chosen(whole, record)).to(device).eval()
        banks.append(bank)
        if classes:
            categories[bank.probes[0].dimension] = classes
        else:
            dimensions |= dict.fromkeys(probe.dimension for probe in bank.probes)
    by_name = dict(sorted(categories.items()))
    return StandingProbes(banks, tuple(dimensions), by_name, normalize, linear=ridge)


def _files(record: FitRecord, first: str) -> list[str]:
    """A fit's files of probes of one kind; one of version 0.1.0, whose record lists no files, has one."""
    listed = list(record.files or {})
    return [name for name in numbered(first, listed) if name in listed] or [first]


def _chosen(bank: ProbeBank, record: FitRecord) -> NDArray[np.int64]:
    """Rows of the probes that stand for a fit."""
    kind = standing_kind(probe.kind for probe in bank.probes)
    rows = [row for row, probe in enumerate(bank.probes) if probe.kind == kind]
    if kind != WEIGHTED:
        # Records and files number the layers from −1 where there is a state C, the bank from 0.
        first = -1 if record.encoder.identity.get("convolution") else 0
        recommended = {dimension: summary.best_layer for dimension, summary in record.layers.items()}
        best = recommended if kind == RIDGE else record.best_layers
        rows = [r for r in rows if bank.probes[r].layer == best[bank.probes[r].dimension] - first]
    return np.array(rows, dtype=np.int64)


def encoder_of(record: FitRecord, device: str, named: str | None = None) -> Encoder:
    """The frozen encoder of a fit, with just the weights that its probes were fitted on.

    Args:
        record: The fit.
        device: PyTorch's name of a device.
        named: What opens it, where the record does not say so or it has moved.

    Raises:
        RunError: What opens it is not known (code `encoder-not-recorded`).
        EncoderError: It cannot be opened, or its weights or preprocessing are others (code `encoder-other`).
    """
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
