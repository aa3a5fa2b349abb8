"""What names an encoder: resolved where it was typed, kept as JSON, typed again anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from probing.encoders.presets import PRESETS
from probing.encoders.spec import EncoderSpec, any_random, shown_apart, spelled, taken_apart
from probing.errors import EncoderError
from probing.files import slug


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
    other = control.on_random_weights(2)
    assert (other.name, other.seed) == ("hubert-base@random:2", 2) and other.on_random_weights() == control


@pytest.mark.parametrize("own", ["hubert-base", "owner/m", "a+b", "/x/my folder", "/x/two\nlines", "x@random:1/y"])
@pytest.mark.parametrize("seed", [None, 0, 1, 10, 999_999])
def test_a_name_and_its_seed_are_taken_apart_as_they_were_put_together(own: str, seed: int | None) -> None:
    """Whatever the name holds; seed 0 is spelled `@random`, as before there were others."""
    name = spelled(own, seed)
    assert taken_apart(name) == shown_apart(name) == (own, seed)
    assert EncoderSpec(name).seed == taken_apart(name)[1]
    assert [spelled("m", seed) for seed in (None, 0, 1)] == ["m", "m@random", "m@random:1"]


def test_what_was_kept_stands_behind_the_seed_in_shown_names() -> None:
    """Pruned encoders and those with state C; nothing else is taken for a seed there, and nothing is refused."""
    assert shown_apart("owner/m@random:2-layers3-C") == ("owner/m-layers3-C", 2)
    assert shown_apart("m@random-C") == ("m-C", 0)
    for name in ("m-layers3-C", "m@random:x", "m@randomized", "m@random/n"):
        assert shown_apart(name) == (name, None)


@pytest.mark.parametrize("seed", ["x", "-1", "", " 1", "1.0", "1000000", "١", "1-layers2"])
def test_what_is_no_seed_is_refused(seed: str) -> None:
    """Also of an encoder within a system; the remedy says what can be typed."""
    with pytest.raises(EncoderError) as caught:
        EncoderSpec.resolve(f"demo-hubert@random:{seed}")
    assert caught.value.code == "random-seed" and "demo-hubert@random:1" in caught.value.remedy


def test_random_encoders_have_names_and_files_of_their_own() -> None:
    """Seed 0 has one spelling; file names of seeds differ, and a system knows each part's."""
    assert EncoderSpec.resolve("demo-hubert@random:0") == EncoderSpec.resolve("demo-hubert@random")
    assert EncoderSpec.resolve("demo-hubert@random:01") == EncoderSpec("demo-hubert@random:1")
    names = [slug(spelled("demo-hubert", seed)) for seed in (None, *range(12))]
    assert len(set(names)) == 13 and names[:3] == ["demo-hubert", "demo-hubert@random", "demo-hubert@random_1"]
    assert any_random("hubert-base+tinybert@random:2") and any_random("m@random:3-layers2+tinybert")
    assert not any_random("hubert-base+tinybert") and not any_random("m@randomized+tinybert")
