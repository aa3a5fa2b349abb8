"""Small random checkpoints of the encoders that are not HuBERT's kin, saved as hub repositories are laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from builders import small_model

from probing.exactness.checkpoints import FRONT_ENDS as SMALL_FRONT_ENDS
from probing.exactness.checkpoints import extractor_of as extractor

WINDOW = 2  # s that the small Whisper hears at once
_WHISPER, _CONFIG = SMALL_FRONT_ENDS["whisper"]
FRONT_ENDS = {**SMALL_FRONT_ENDS, "whisper": (_WHISPER, {**_CONFIG, "max_source_positions": 50 * WINDOW})}


def extractor_of(name: str) -> Any:
    """The feature extractor that goes with one of them."""
    return extractor(name, WINDOW)


def save_front_end(folder: Path, name: str, layout: str = "safetensors", **changes: object) -> Path:
    """Save one of them, its weights as safetensors or, as `bin`, as PyTorch's own file."""
    model_type, config = FRONT_ENDS[name]
    model = small_model(model_type, {**config, **changes})
    model.save_pretrained(folder)
    if layout == "bin":
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    extractor_of(name).save_pretrained(folder)
    return folder
