"""What frozen encoders make of a corpus, computed once: training seeds whose encoders are the same share it.

Shape legend: N utterances · P pooled numbers.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from probing.encoders.numerics import weights_digest
from probing.files import digest
from probing.systems.batches import Collate, Feed, Vectors
from probing.systems.inference import estimates
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.options import PARTS
from probing.training.start import only_head_learns


class Seen:
    """A corpus as systems take it: as vectors [N, P] where all encoders are frozen, else as it is.

    Args:
        source: The corpus as it is.
        processor: The systems'.
        device: PyTorch's name of the device that vectors are computed on.
        batch: Utterances in a batch; vectors do not depend on it.
        workers: Processes that read ahead.
    """

    def __init__(self, source: Feed, processor: Processor, device: str, batch: int, workers: int) -> None:
        self.source = source
        self._processor, self._device, self._batch, self._workers = processor, device, batch, workers
        self._made_by, self._vectors_NP = "", Tensor()  # the latest alone: seeds of FT⇒FRZ have encoders of their own

    def by(self, system: EmotionSystem) -> Feed:
        """The corpus as one system takes it."""
        if not only_head_learns(system):
            return self.source
        parts = {part: getattr(system, part) for part in PARTS}
        encoders = {name: weights_digest(part) for name, part in parts.items() if part is not None}
        made_by = digest([encoders, system.config.fusion])
        if made_by != self._made_by:
            self._vectors_NP = estimates(system, self.source, self._device, self._batch, "pool", self._workers)
            self._made_by = made_by
        items = Vectors(self._vectors_NP, self.source.items.labels_NK)
        return replace(self.source, items=items, collate=Collate(self._processor))
