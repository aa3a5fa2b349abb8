"""A trained system opened again, and its estimates.

Shape legend: N utterances · B those of a batch · P pooled numbers · K dimensions of emotion · O outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.encoders import received
from probing.encoders.audio import tone
from probing.encoders.configurations import refuse_nonsense
from probing.encoders.families import WINDOWED
from probing.encoders.numerics import ExactFloat32
from probing.encoders.pretrained import LOADING, of_loading
from probing.encoders.weights import loaded, weights_of
from probing.encoders.whisper import try_front_end
from probing.errors import EncoderError, RunError
from probing.systems.batches import Feed, by_length, readers_watched
from probing.systems.config import SystemConfig, refuse_impossible
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor

_DAMAGED = (*LOADING, EncoderError)


def opened(folder: Path) -> tuple[EmotionSystem, Processor]:
    """A trained system, in evaluation mode on the CPU, and what feeds it.

    Raises:
        RunError: The folder is incomplete or damaged, holds another kind of model, or brings code along (code
            `run-incomplete`).
    """
    system = opened_system(folder)
    try:
        processor = Processor.from_pretrained(folder)
    except _DAMAGED as error:
        raise _unopened(folder, _why(error)) from error
    _try(system, processor, folder)
    return system, processor


def _try(system: EmotionSystem, processor: Processor, folder: Path) -> None:
    """Estimate a little sound and a letter, to see that the parts of a folder go together.

    Of Whisper the front end alone is tried: a window takes seconds in the larger models.
    """
    extractor: Any = processor.audio
    config = system.config
    try:
        with torch.inference_mode(), ExactFloat32():
            if config.audio_config is not None and config.audio_config.model_type in WINDOWED:
                found = try_front_end(extractor, config.audio_config, torch.device("cpu"))
            else:
                waveforms = [tone(SAMPLE_RATE // 2), tone(SAMPLE_RATE)]
                found = system(**processor(waveforms, ["a", ""])).logits
    except BaseException as error:
        if not of_loading(error):
            raise
        raise _unopened(folder, _why(error)) from error
    if not bool(found.isfinite().all()):
        raise _unopened(folder, "its estimates are not all finite numbers")


def opened_system(folder: Path) -> EmotionSystem:
    """A trained system alone; errors are those of `opened`."""
    try:
        config = _configuration(folder)
        weights = weights_of(str(folder), only_safe=True)
        system, info = loaded(lambda: EmotionSystem(copy.deepcopy(config)), config, weights, str(folder))
    except _DAMAGED as error:
        raise _unopened(folder, _why(error)) from error
    lacking = sorted(info["missing_keys"]) + sorted(map(str, info["mismatched_keys"]))
    if lacking:  # transformers would go on with random numbers in their place
        raise _unopened(folder, f"its weights lack {len(lacking):,} tensors, the first {lacking[0]}")
    if any(not bool(parameter.isfinite().all()) for parameter in system.parameters()):
        raise _unopened(folder, "its weights are not all finite numbers")
    opened: EmotionSystem = system
    return opened


def _configuration(folder: Path) -> SystemConfig:
    """What its config.json says, which must be what a system can have."""
    if not (folder / "config.json").is_file():
        raise _unopened(folder, "it holds no config.json")
    received.refuse_strangers(folder)
    described = received.configuration(str(folder), None)
    if described.get("model_type") != SystemConfig.model_type:
        raise _unopened(folder, "it is no fine-tuned system")
    for part in ("audio_config", "text_config"):
        refuse_nonsense(described.get(part) or {}, str(folder), "config.json")
    config = SystemConfig.from_dict(described)
    refuse_impossible(config)
    return config


def _why(error: BaseException) -> str:
    """An error's reason, without another remedy than that of a run."""
    why = error.why if isinstance(error, EncoderError) else str(error)
    return " ".join(why.split())[:200]


def _unopened(folder: Path, why: str) -> RunError:
    return RunError(
        f"{folder} cannot be opened as a trained system",
        why,
        "the run is incomplete: copy it again, or rerun its `probe finetune` command (see record.json)",
        code="run-incomplete",
    )


def estimates(
    system: EmotionSystem,
    source: Feed,
    device: str = "cpu",
    batch: int = 16,
    what: str = "estimate",
    workers: int = 0,
) -> Tensor:
    """Estimates of every utterance, in float32; a batch never changes an answer.

    Args:
        system: A trained system; it ends on the CPU, in the mode that it was in.
        source: The N utterances as it takes them.
        device: PyTorch's name of a device.
        batch: Utterances in a batch.
        what: `estimate`, or `pool` for the vectors that the head is given.
        workers: Processes that read ahead.

    Returns:
        Outputs [N, O]: K estimates, 0 and 1 being the ends of the corpus's scale, then logits of the classes of each
        category (`probing.systems.targets`); or vectors [N, P].
    """
    found: dict[int, Tensor] = {}
    was_training = system.training
    module: Any = system  # whose `to` transformers wraps without types
    module.to(device).eval()
    with readers_watched(), torch.inference_mode(), ExactFloat32():
        for inputs in _batches(source, batch, what, workers):
            places = inputs.pop("places").tolist()
            inputs = {name: tensor.to(device) for name, tensor in inputs.items() if name != "labels"}
            rows = system.pool(**inputs) if what == "pool" else system(**inputs).logits
            found |= dict(zip(places, rows.float().cpu(), strict=True))
    module.to("cpu").train(was_training)
    return torch.stack([found[place] for place in range(len(found))]).clone()


def _batches(source: Feed, batch: int, what: str, workers: int) -> Iterator[dict[str, Tensor]]:
    order = by_length(source.lengths, range(len(source.lengths)))
    loader = DataLoader(Subset(source.items, order), batch_size=batch, collate_fn=source.collate, num_workers=workers)
    yield from tqdm(loader, desc=what, unit="batch", disable=None)
