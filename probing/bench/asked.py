"""What is cheap to know of what a user asks for: whether known encoders have such layers, windows and devices at all.

Loads without torch and transformers, which take seconds to import.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from probing.encoders.presets import PRESETS, Preset
from probing.encoders.spec import taken_apart
from probing.errors import EncoderError, OptionError
from probing.files import read_json

_DEVICES = re.compile(r"cpu|(cuda|xpu)(:[0-9]{1,3})?|mps")
_WINDOWED = "whisper"
# transformers' own numbers, of architectures whose presets do not change them
_USUAL_LAYERS = {"hubert": 12, "wav2vec2": 12, "wavlm": 12, "data2vec-audio": 12, "wav2vec2-bert": 24, "bert": 12}


def demand_known(names: Sequence[str], layers: int | None, window: float | None, systems: bool) -> None:
    """Make sure that encoders known by name have the layers and the windows that are asked for.

    What is no preset's name is for whoever opens it to say.

    Args:
        names: As typed; none: the six systems of the paper.
        layers: Of --encoder-layers.
        window: Of --window.
        systems: Whether encoders are measured as systems.

    Raises:
        OptionError: Layers are below 1 (code `option-bounds`), or there is nothing that they could mean (`no-effect`).
        EncoderError: An encoder has not so many layers (code `encoder-layers`), or no windows (`window`).
    """
    if layers is not None and layers < 1:
        remedy = "give 1 or more, or leave it out"
        raise OptionError(f"--encoder-layers {layers}", "it must be at least 1", remedy, code="option-bounds")
    for flag, value in (("--encoder-layers", layers), ("--window", window)):
        if value is not None and not names:
            why = "no encoder is named that it could mean"
            raise OptionError(f"{flag} {value:g}", why, f"name one, or leave {flag} out", code="no-effect")
    for name in names:
        parts = [taken_apart(part)[0] for part in name.split("+")]
        known = [PRESETS[part] for part in parts if part in PRESETS]
        if len(known) < len(parts):
            continue
        if layers is not None and len(parts) == 1 and not systems and layers > (most := layers_of(known[0])):
            why, remedy = f"{parts[0]} has {most} transformer layers", f"choose a number from 1 to {most}"
            raise EncoderError(f"--encoder-layers {layers}", why, remedy, code="encoder-layers")
        if window is not None and all(preset.model_type != _WINDOWED for preset in known):
            why, remedy = f"{'+'.join(parts)} has no windows", "leave --window out: only Whisper has windows"
            raise EncoderError(f"--window {window:g}", why, remedy, code="window")


def layers_of(preset: Preset) -> int:
    """How many transformer layers an encoder has that is known by name, as far as --encoder-layers can choose."""
    file = Path(preset.source) / "config.json"
    config = read_json(file, "install the package again") if file.is_file() else preset.config
    found = config.get("encoder_layers" if preset.model_type == _WINDOWED else "num_hidden_layers")
    return int(_USUAL_LAYERS[preset.model_type] if found is None else found)


def demand_device(name: str) -> None:
    """Make sure that a device is there; PyTorch is asked only about what may be one here.

    Raises:
        EncoderError: It is not (code `device`).
        ProbingError: An environment variable is malformed (code `environment`).
    """
    remedy = "leave --device out, or name cpu, cuda or cuda:N"
    if not _DEVICES.fullmatch(name):
        raise EncoderError(f"--device {name}", "PyTorch has no such device", remedy, code="device")
    if name == "mps" and sys.platform != "darwin":
        raise EncoderError("--device mps", "only Apple's computers have it", remedy, code="device")
    if name != "cpu":
        from probing.encoders.device import settle_device

        settle_device(name)
