"""A fit's probes on a corpus whose hidden states its encoder has left in a cache.

Shape legend: N utterances · S training seeds · O outputs (`probing.probes.standing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from probing.cache.reader import Cache
from probing.corpus.checked import Checked
from probing.corpus.identity import Identity
from probing.encoders.numerics import ExactFloat32
from probing.extraction.inputs import refuse_other_inputs
from probing.extraction.options import CacheOptions
from probing.probes.options import FitOptions
from probing.probes.prepared import identity_of
from probing.probes.sources import choose_cache, features_from, rows_of
from probing.probes.standing import StandingProbes, encoder_of
from probing.runs.records import FitRecord, SystemEntry

_BATCH = 256  # utterances; estimates do not depend on it


@dataclass(frozen=True)
class States:
    """Hidden states of a corpus, as a fit's encoder made them.

    Args:
        cache: Where they are.
        rows: Cache rows of the N utterances.
        identity: The corpus as they know it.
        options: How the probes pool them.
    """

    cache: Cache
    rows: NDArray[np.int64]
    identity: Identity
    options: FitOptions

    def outputs(self, probes: StandingProbes, device: str) -> dict[int, NDArray[np.float32]]:
        """Training seed → outputs [N, O] of its probes.

        Args:
            probes: Those of the fit.
            device: PyTorch's name of the device that they are on.
        """
        batches = np.split(np.arange(len(self.rows)), range(_BATCH, len(self.rows), _BATCH))
        source = features_from(self.cache, self.rows, self.options, device)
        with torch.inference_mode(), ExactFloat32():
            found = [probes.outputs(features.to(torch.device(device))).cpu() for features in source.batches(batches)]
        whole_SNO = torch.cat(found, dim=1).numpy()
        return dict(zip(probes.seeds, whole_SNO, strict=True))


def states_of(record: FitRecord, checked: Checked, root: Path, encoder: str | None = None) -> States:
    """Find the hidden states of a corpus by a fit's encoder, in the store and number format that it was fitted on.

    Args:
        record: The fit.
        checked: The corpus.
        root: Folder of all caches.
        encoder: What opens the fit's encoder, where its record does not say so or it has moved.

    Raises:
        RunError: What opens the encoder is not known (code `encoder-not-recorded`).
        EncoderError: It cannot be opened, or is not the one that was fitted on (code `encoder-other`).
        CacheError: There are none (the message names the command that makes them), or they are damaged, incomplete or
            of other audio.
    """
    told = record.options
    options = FitOptions(**{name: told[name] for name in ("head", "layers", "pooling", "normalize") if name in told})
    opened = encoder_of(record, "cpu", encoder)
    where = CacheOptions(store=record.cache.store, dtype=record.cache.dtype, cache=root)
    cache = choose_cache(checked, opened, where, options)
    ids = [utterance.id for utterance in checked.corpus.utterances]
    rows = rows_of(cache, ids, f"the `probe extract` command that made {cache.path}")
    refuse_other_inputs(cache, checked.corpus)
    return States(cache, rows, identity_of(checked, cache), options)


def probed_system(record: FitRecord, probes: StandingProbes) -> SystemEntry:
    """A fit's probes behind their frozen encoder, as what they are: a full system whose encoder was not trained."""
    encoder, reads = record.encoder, "tokenizer" in record.encoder.identity
    heads = sum(parameter.numel() for bank in probes.banks for parameter in bank.parameters()) // len(probes.seeds)
    kind = "text" if reads else "audio"
    return SystemEntry(
        name=f"probes on {encoder.title}",
        audio=None if reads else encoder.name,
        text=encoder.name if reads else None,
        modality=kind,
        parameters=(encoder.parameters or 0) + heads,
        trainable=heads,
        frozen=(kind,),
        regime="FRZ",
        dimensions=probes.dimensions,
        categories=probes.categories,
        random=encoder.random,
        spec=(encoder.spec.name,) if encoder.spec else (),
    )
