"""Open an encoder by what names it."""

from __future__ import annotations

from typing import Any

import torch

from probing.encoders.audio import AudioEncoder
from probing.encoders.checkpoints import Checkpoint, load_checkpoint, not_finite
from probing.encoders.families import ALONE, FILTER_BANK, WINDOWED
from probing.encoders.filter_bank import FilterBankEncoder
from probing.encoders.pretrained import of_loading
from probing.encoders.spec import EncoderSpec, typed
from probing.encoders.speech import SpeechEncoder
from probing.encoders.text import TextEncoder
from probing.encoders.unbatched import UnbatchedEncoder
from probing.encoders.whisper import WhisperEncoder, no_windows, window_of, window_samples, windowed
from probing.errors import EncoderError

Encoder = AudioEncoder | TextEncoder
_FULL = "can't allocate memory"  # what PyTorch says of a processor's memory, in no exception of its own


def open_encoder(
    spec: EncoderSpec | str,
    device: str = "cpu",
    layers: int | None = None,
    revision: str | None = None,
    convolution: bool = False,
    window: float | None = None,
) -> Encoder:
    """Open a speech or a text encoder by name, hub id or local folder.

    Args:
        spec: A name in `PRESETS`, a hub id (`facebook/hubert-base-ls960`), a folder with config.json,
            preprocessor_config.json (or a tokenizer's files) and weights, or the folder of a finetune run, or of one of
            its seeds, whose audio encoder is opened; `@random` behind it gives seeded random weights instead,
            `@random:1` those of seed 1. Or an `EncoderSpec`, which then says all but the device.
        device: PyTorch's name of a device.
        layers: Keep only the first so many transformer layers.
        revision: Branch, tag or commit of the hub repository.
        convolution: Whether state C, the raw output of the convolutional front end, stands in front, as layer −1.
        window: Seconds that a Whisper is given at a time, if not those that it was trained with.

    Raises:
        EncoderError: The name is unknown (code `encoder-unknown`), what follows `@random:` is no seed (`random-seed`),
            the hub or the checkpoint cannot be read (`encoder-unopened`), the checkpoint is incomplete
            (`encoder-incomplete`), a Git LFS pointer (`lfs-pointer`), quantised (`encoder-quantised`), not finite
            (`encoder-not-finite`), of an unknown kind or of parts that do not go together (`encoder-foreign`), too many
            layers are asked for (`encoder-layers`), there is no state C, or one that is wider than the others
            (`convolution`), no such window (`window`), or too little memory (`memory`).
    """
    if isinstance(spec, str):
        spec = EncoderSpec.resolve(spec, layers, revision, convolution, window)
    found = load_checkpoint(spec)
    kind = found.model.config.model_type
    if spec.convolution:
        _refuse_no_state_c(found, typed(spec.name))
    trained = window_of(found.model.config)
    if spec.window is not None and kind not in WINDOWED:
        raise no_windows(typed(spec.name), spec.window)
    window_samples(spec.window, trained, found.name)  # refused by the name that was typed
    name = windowed(found.name, spec.window, trained) + "-C" * spec.convolution
    try:
        opened: Encoder = _class_of(kind, found.reads)(found.model, found.preprocessor, name, device, spec)
        tried = opened.trial()
    except BaseException as error:
        if not of_loading(error):
            raise
        raise _unfit(typed(spec.name), error) from error
    if not bool(tried.isfinite().all()):
        raise not_finite(typed(spec.name), "its states are not all finite numbers")
    return opened


def _unfit(what: str, error: BaseException) -> EncoderError:
    """The error of a checkpoint that can be read and not be run."""
    why = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _FULL in why:
        remedy = "free memory on the device, name another with --device, or a smaller encoder"
        return EncoderError(f"encoder {what} cannot be run", why, remedy, code="memory")
    remedy = "its files do not go together: copy all of them again from where the model came from"
    return EncoderError(f"encoder {what} cannot be run", why, remedy, code="encoder-foreign")


def _class_of(kind: str, reads: bool) -> Any:
    """Which class runs encoders of a `model_type`."""
    if reads:
        return TextEncoder
    by_front_end = {
        **dict.fromkeys(WINDOWED, WhisperEncoder),
        **dict.fromkeys(FILTER_BANK, FilterBankEncoder),
        **dict.fromkeys(ALONE, UnbatchedEncoder),
    }
    return by_front_end.get(kind, SpeechEncoder)


def _refuse_no_state_c(found: Checkpoint, what: str) -> None:
    """Raise an EncoderError (code `convolution`) where an encoder has no state C of its states' width."""
    config = found.model.config
    if found.reads:
        raise _no_state_c(f"{what} is a text encoder")
    if config.model_type in (*FILTER_BANK, *ALONE):
        raise _no_state_c(f"in {what}, a {config.model_type} model, it is not to be had")
    channels = config.hidden_size if config.model_type in WINDOWED else config.conv_dim[-1]
    if channels > config.hidden_size:
        raise _no_state_c(
            f"the convolutions of {what} have {channels} channels, more than its {config.hidden_size} hidden units"
        )


def _no_state_c(why: str) -> EncoderError:
    return EncoderError("--convolution", why, "leave --convolution out", code="convolution")
