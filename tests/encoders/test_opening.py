"""Open an encoder by what names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec
from probing.encoders.speech import SpeechEncoder
from probing.encoders.text import TextEncoder
from probing.errors import EncoderError

SaveCheckpoint = Callable[..., Path]


def test_state_c_is_another_encoder(save_checkpoint: SaveCheckpoint) -> None:
    """It shows in name and identity only when asked for, and a front end wider than the states is refused."""
    folder = save_checkpoint("hubert")
    plain, encoder = open_encoder(str(folder)), open_encoder(str(folder), layers=2, convolution=True)
    assert "convolution" not in plain.identity and encoder.identity["convolution"] is True
    assert encoder.name == "hubert-layers2-C" and encoder.state_names == ["C", "0", "1", "2"]
    assert open_encoder("demo-hubert", convolution=True).title == "demo-hubert-C"
    wide = save_checkpoint("hubert", conv_dim=(16,) * 6 + (40,))
    assert open_encoder(str(wide)).width == 32
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(wide), convolution=True)
    assert caught.value.code == "convolution" and "40" in caught.value.why


def test_a_spec_and_its_words_open_the_same(checkpoints: dict[str, Path]) -> None:
    """A name with keywords is an `EncoderSpec`, which the encoder keeps."""
    folder = str(checkpoints["hubert"])
    typed = open_encoder(folder, layers=2, convolution=True)
    opened = open_encoder(EncoderSpec.resolve(folder, 2, None, True))
    assert typed.spec == opened.spec == EncoderSpec(folder, 2, None, True)
    assert typed.identity == opened.identity and typed.state_names == opened.state_names == ["C", "0", "1", "2"]


def test_the_kind_of_a_checkpoint_decides() -> None:
    """Speech and text open by the same call, and say which they are."""
    speech, text = open_encoder("demo-distilhubert"), open_encoder("demo-tinybert@random")
    assert isinstance(speech, SpeechEncoder) and not speech.reads and not speech.random
    assert isinstance(text, TextEncoder) and text.reads and text.random and text.spec.random
