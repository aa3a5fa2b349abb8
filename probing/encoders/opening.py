"""Open an encoder by what names it."""

from __future__ import annotations

from probing.encoders.checkpoints import load_checkpoint
from probing.encoders.spec import EncoderSpec, typed
from probing.encoders.speech import SpeechEncoder
from probing.encoders.text import TextEncoder
from probing.errors import EncoderError


def open_encoder(
    spec: EncoderSpec | str,
    device: str = "cpu",
    layers: int | None = None,
    revision: str | None = None,
    convolution: bool = False,
) -> SpeechEncoder | TextEncoder:
    """Open a speech or a text encoder by name, hub id or local folder.

    Args:
        spec: A name in `PRESETS`, a hub id (`facebook/hubert-base-ls960`) or a folder with config.json,
            preprocessor_config.json (or a tokenizer's files) and weights; `@random` behind it gives seeded random
            weights instead, `@random:1` those of seed 1. Or an `EncoderSpec`, which then says all but the device.
        device: PyTorch's name of a device.
        layers: Keep only the first so many transformer layers.
        revision: Branch, tag or commit of the hub repository.
        convolution: Whether state C, the raw output of the convolutional front end, stands in front, as layer −1.

    Raises:
        EncoderError: The name is unknown (code `encoder-unknown`), what follows `@random:` is no seed (`random-seed`),
            the hub or the checkpoint cannot be read (`encoder-unopened`), the checkpoint is incomplete
            (`encoder-incomplete`) or of an unknown kind (`encoder-foreign`), too many layers are asked for
            (`encoder-layers`), or there is no state C, or one that is wider than the others (`convolution`).
    """
    if isinstance(spec, str):
        spec = EncoderSpec.resolve(spec, layers, revision, convolution)
    found = load_checkpoint(spec)
    config, what = found.model.config, typed(spec.name)
    if found.reads:
        if spec.convolution:
            raise _no_state_c(f"{what} is a text encoder")
        return TextEncoder(found.model, found.preprocessor, found.name, device, spec)
    channels, width = config.conv_dim[-1], config.hidden_size
    if spec.convolution and channels > width:
        raise _no_state_c(f"the convolutions of {what} have {channels} channels, more than its {width} hidden units")
    name = found.name + "-C" * spec.convolution
    return SpeechEncoder(found.model, found.preprocessor, name, device, spec)


def _no_state_c(why: str) -> EncoderError:
    return EncoderError("--convolution", why, "leave --convolution out", code="convolution")
