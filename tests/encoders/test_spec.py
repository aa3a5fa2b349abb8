"""What names an encoder: resolved where it was typed, kept as JSON, typed again anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from probing.encoders.presets import PRESETS
from probing.encoders.spec import EncoderSpec


def test_a_folder_is_kept_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds from every other folder; a hub id and a preset stay as they are."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert EncoderSpec.resolve("mine@random").name == f"{tmp_path / 'mine'}@random"
    assert EncoderSpec.resolve("./mine").name == str(tmp_path / "mine")
    assert EncoderSpec.resolve("facebook/hubert-base-ls960").name == "facebook/hubert-base-ls960"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_not_hidden_by_a_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that happens to bear its name is opened only where it is typed as a path."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert EncoderSpec.resolve(name).name == name
    assert EncoderSpec.resolve(f"./{name}").name == str(tmp_path / name)


def test_json_gives_it_back() -> None:
    """A record holds it, and is read with every field checked."""
    spec, reader = EncoderSpec("hubert-base", 6, "v1", True), TypeAdapter(EncoderSpec)
    assert reader.validate_json(json.dumps(spec.to_json())) == spec
    for content in ({}, spec.to_json() | {"layers": "six"}):
        with pytest.raises(ValidationError):
            reader.validate_python(content)


def test_its_words_are_what_a_user_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below the present one is relative; what is at its default is left out."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert EncoderSpec.resolve("mine@random").words() == ["--encoder", "mine@random"]
    assert EncoderSpec("hubert-base", 6, "v1", True).words() == [
        *("--encoder", "hubert-base", "--encoder-layers", "6", "--revision", "v1", "--convolution")
    ]


def test_random_weights_have_no_revision() -> None:
    """The control of an encoder is the same architecture; what is random already stays."""
    control = EncoderSpec("hubert-base", 6, "v1", True).on_random_weights()
    assert control == EncoderSpec("hubert-base@random", 6, None, True) and control.random
    assert control.on_random_weights() is control


def test_naming_loads_nothing_heavy() -> None:
    """Specs and presets answer before NumPy or torch is imported."""
    code = "import sys, probing.encoders.spec\nassert not {'numpy', 'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
