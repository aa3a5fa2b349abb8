"""A fine-tuned system that runs on a corpus with one layer of its audio encoder read, or erased.

Shape legend: N utterances · B those that are estimated · F frames · L layers · D hidden size · K dimensions ·
E erasers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from probing.analysis.hooks import erased_at, layers_of, read_at, recorded, replayed
from probing.analysis.leace import Eraser
from probing.encoders.families import WINDOWED
from probing.encoders.numerics import ExactFloat32
from probing.errors import OptionError
from probing.probes.closed_form import Places
from probing.systems.audio_states import by_utterance
from probing.systems.batches import Feed, by_length
from probing.systems.model import EmotionSystem

_BATCH = 16
_SHOWN = 4  # layers where none are named
_FRAMES = 32  # of an utterance, that an eraser of frames is fitted on


@dataclass(frozen=True, eq=False)
class Inside:
    """States inside a system.

    Args:
        means_NLD: Averaged over each utterance's own frames; 0 of those that were not run.
        frames_FLD: Single frames, evenly spread over each utterance.
        owners_F: Whose they are: its place among the N utterances.
    """

    means_NLD: NDArray[np.float32]
    frames_FLD: NDArray[np.float32]
    owners_F: Places


class Running:
    """A system and the utterances that it runs on; a batch never changes an answer.

    Args:
        system: A trained system with an audio encoder.
        source: N utterances as it takes them.
        device: PyTorch's name of a device with float64.
    """

    def __init__(self, system: EmotionSystem, source: Feed, device: str = "cpu") -> None:
        self._system, self._source, self._device = system, source, device

    def layers(self, asked: Sequence[int] | None) -> tuple[int, ...]:
        """The layers that are asked for, or four from the first state to the last.

        Raises:
            OptionError: There is no such layer (code `layer-unknown`).
        """
        last = len(layers_of(self._system.audio))
        if asked is None:
            return tuple(sorted({round(last * part / (_SHOWN - 1)) for part in range(_SHOWN)}))
        for layer in asked:
            if not 0 <= layer <= last:
                why = f"its audio encoder has states 0 to {last}"
                raise OptionError(
                    f"layer {layer} of {self._system.config.encoders}", why, "name one of those", code="layer-unknown"
                )
        return tuple(dict.fromkeys(asked))

    def states(self, places: Places, layers: tuple[int, ...]) -> Inside:
        """Some utterances' states as they are inside: no layer norm stands between a layer and what is read."""
        audio = self._system.audio
        means_NLD = np.zeros((len(self._source.lengths), len(layers), audio.config.hidden_size), np.float32)
        frames: list[NDArray[np.float32]] = []
        owners: list[int] = []
        with self._at_work(), read_at(audio, layers) as states:
            for own, inputs in self._batches(places, "states"):
                self._system(**inputs)
                lengths = inputs["lengths"].tolist()
                read = [by_utterance(audio, states[layer], lengths) for layer in layers]
                for row, place in enumerate(own):
                    own_TLD = torch.stack([states_BTD[row, valid_BT[row]] for states_BTD, valid_BT in read], dim=1)
                    means_NLD[place] = own_TLD.double().mean(0).float().cpu().numpy()
                    shown = np.unique(np.linspace(0, len(own_TLD) - 1, _FRAMES).round().astype(int))
                    frames.append(own_TLD[shown].float().cpu().numpy())
                    owners += [place] * len(shown)
        return Inside(means_NLD, np.concatenate(frames), np.array(owners, np.int64))

    def estimates(
        self, places: Places, erasers: Mapping[int, Mapping[str, Sequence[Eraser]]]
    ) -> dict[tuple[int, str], NDArray[np.float64]]:
        """Estimates of some utterances with each layer erased by each eraser in turn.

        Args:
            places: The B utterances.
            erasers: Layer → name → E erasers.

        Returns:
            Layer and name → estimates on the unit scale, [E, B, K].
        """
        shape = (len(self._source.lengths), len(self._system.config.dimensions))
        found = {
            (layer, name): np.full((len(some), *shape), np.nan)
            for layer, named in erasers.items()
            for name, some in named.items()
        }
        # The text encoder and the layers below the erased one would do again what they did.
        beside = [] if self._system.text is None else [self._system.text]
        below = layers_of(self._system.audio)
        with self._at_work():
            for own, inputs in self._batches(places, "erase inside"):
                with recorded([*beside, *below]) as given:
                    self._system(**inputs)
                for layer, named in erasers.items():
                    with replayed({module: given[module] for module in [*beside, *below[:layer]]}):
                        for name, some in named.items():
                            found[layer, name][:, own] = self._erased(layer, some, inputs)
        return {key: estimates_ENK[:, places] for key, estimates_ENK in found.items()}

    def _erased(self, layer: int, erasers: Sequence[Eraser], inputs: Mapping[str, Tensor]) -> NDArray[np.float64]:
        """Estimates of a batch with a layer erased by each eraser, [E, B, K]."""
        found, dimensions = [], len(self._system.config.dimensions)
        for eraser in erasers:
            with erased_at(self._system.audio, layer, eraser.to(self._device)):
                found.append(self._system(**inputs).logits[:, :dimensions].double().cpu().numpy())
        return np.array(found).reshape(len(found), len(inputs["lengths"]), dimensions)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """The system on its device, estimating; behind the block on the CPU again, in the mode that it was in."""
        was_training = self._system.training
        module: Any = self._system  # whose `to` transformers wraps without types
        module.to(self._device).eval()
        try:
            with torch.inference_mode(), ExactFloat32():
                yield
        finally:
            module.to("cpu").train(was_training)

    def _batches(self, places: Places, what: str) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
        """Places and inputs of each batch; what the frozen front end gives is computed once for all erasers."""
        source = self._source
        order = by_length(source.lengths, places.tolist())
        loader = DataLoader(Subset(source.items, order), batch_size=_BATCH, collate_fn=source.collate)
        for batch in tqdm(loader, desc=what, unit="batch", disable=None):
            own = batch.pop("places").tolist()
            inputs = {name: tensor.to(self._device) for name, tensor in batch.items() if name != "labels"}
            if "latents" not in inputs and self._system.audio.config.model_type not in WINDOWED:
                inputs["latents"] = self._system.front_end(inputs.pop("input_values"), inputs["lengths"])
            yield own, inputs
