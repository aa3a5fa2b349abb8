"""A checkpoint that somebody else made is opened without code, without a prompt and within bounds, or is refused."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import save_text_encoder
from safetensors.torch import load_file, save_file

from probing.encoders.opening import open_encoder
from probing.encoders.received import json_of
from probing.encoders.weights import Weights
from probing.errors import EncoderError

Damage = Callable[[Path], object]
INDEX, FIRST = "model.safetensors.index.json", "model-00001-of-00001.safetensors"


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text encoder."""
    return save_text_encoder(tmp_path_factory.mktemp("words") / "bert")


@pytest.fixture
def copied(checkpoints: dict[str, Path], words: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a small encoder, of speech or of text, to be spoilt."""
    folders = {"speech": checkpoints["hubert"], "text": words}
    return lambda kind: Path(shutil.copytree(folders[kind], tmp_path / "received" / kind))


def say(file: str, **fields: Any) -> Damage:
    """Write some fields of a JSON file anew."""

    def spoil(folder: Path) -> None:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | fields))

    return spoil


def refused(folder: Path) -> EncoderError:
    """The error that its opening raises."""
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(folder))
    assert caught.value.why and caught.value.remedy
    return caught.value


def no_prompt(*_: object) -> str:
    raise AssertionError("somebody was asked something")


@pytest.mark.parametrize(
    ("kind", "file"),
    [("speech", "config.json"), ("speech", "preprocessor_config.json"), ("speech", "processor_config.json")]
    + [("text", name) for name in ("config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json")]
    + [("text", name) for name in ("generation_config.json", "added_tokens.json")],
)
def test_no_file_names_code_that_is_run(
    copied: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, file: str
) -> None:
    """Whatever names a class of the folder's own, it is not imported, and nobody is asked whether it should be."""
    folder, marker = copied(kind), tmp_path / "marker"
    (folder / "hostile.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    kinds = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoFeatureExtractor", "AutoProcessor")
    content = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    content["auto_map"] = dict.fromkeys(kinds, "hostile.Evil") | {"AutoTokenizer": ["hostile.Evil", "hostile.Evil"]}
    (folder / file).write_text(json.dumps(content))
    monkeypatch.setattr("builtins.input", no_prompt)
    try:
        open_encoder(str(folder))
    except EncoderError as error:
        assert error.code.startswith("encoder-")
    assert not marker.exists()


class Evil:
    """What a pickle would run."""

    def __init__(self, call: Callable[..., Any], argument: Any) -> None:
        self.called = call, (argument,)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.called


def archived(folder: Path, program: bytes, how: int = zipfile.ZIP_STORED, more: int = 0) -> None:
    """Put another program into a .bin's archive, or an entry of many zeros."""
    packed = io.BytesIO()
    with zipfile.ZipFile(folder / "pytorch_model.bin") as own, zipfile.ZipFile(packed, "w", how) as other:
        for entry in own.infolist():
            other.writestr(entry.filename, program if program and "data.pkl" in entry.filename else own.read(entry))
        other.writestr("archive/data/999", bytes(more))
    (folder / "pytorch_model.bin").write_bytes(packed.getvalue())


def stretched(folder: Path) -> None:
    """One number stands for all of a tensor."""
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    weights["encoder.layer_norm.bias"] = torch.ones(1).expand(10**12)
    torch.save(weights, folder / "pytorch_model.bin")


def flipped(folder: Path) -> None:
    """One bit of the numbers is another."""
    content = bytearray((folder / "pytorch_model.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "pytorch_model.bin").write_bytes(content)


def after_two(folder: Path, program: bytes) -> None:
    """The third program of an old .bin, what system it was made on, is another one."""
    content = io.BytesIO((folder / "pytorch_model.bin").read_bytes())
    ends = []
    for _ in range(3):
        pickle.load(content)  # our own
        ends.append(content.tell())
    whole = content.getvalue()
    (folder / "pytorch_model.bin").write_bytes(whole[: ends[1]] + program + whole[ends[2] :])


@pytest.mark.parametrize("old", [False, True])
def test_a_bin_is_never_run(copied: Callable[[str], Path], tmp_path: Path, old: bool) -> None:
    """Neither the one program in an archive nor the later ones of an old file."""
    folder, marker = copied("speech"), tmp_path / "marker"
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not old)
    assert open_encoder(str(folder)).width == 32
    program = pickle.dumps({"a": Evil(os.system, f"touch {marker}")}, 2)
    (after_two if old else archived)(folder, program)
    error = refused(folder)
    assert error.code == "encoder-unopened" and "system" in error.why and not marker.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: archived(folder, pickle.dumps({"a": Evil(bytearray, 3 * 10**9)}, 2)),
        lambda folder: archived(folder, b"\x80\x05\x96" + (3 * 10**9).to_bytes(8, "little") + b"."),
        lambda folder: archived(folder, b"", zipfile.ZIP_DEFLATED, 10**7),
        stretched,
        flipped,
    ],
)
def test_a_bin_takes_no_more_than_it_has(copied: Callable[[str], Path], damage: Damage) -> None:
    """Memory that is asked for without numbers, compressed zeros, strides of zero; and what its checksums tell."""
    folder = copied("speech")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    damage(folder)
    assert refused(folder).code == "encoder-unopened"


def sharded(folder: Path, named: str = FIRST) -> None:
    """Its weights in a file that an index names."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / FIRST)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights, named)}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: sharded(folder, f"../speech/{FIRST}"),
        lambda folder: sharded(folder, f"{folder}/{FIRST}"),
    ],
)
def test_only_files_of_its_own_folder_are_read(copied: Callable[[str], Path], damage: Damage) -> None:
    """No path in an index of weights leads elsewhere."""
    folder = copied("speech")
    damage(folder)
    assert refused(folder).code == "encoder-outside"


def test_links_in_a_folder_are_its_owner_s_but_in_a_run(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Weights on a larger disk are read, and what nothing reads is left alone; a run has no links of its own."""
    folder = copied("speech")
    told = open_encoder(str(folder)).identity
    (folder / "model.safetensors").rename(tmp_path / "large.safetensors")
    (folder / "model.safetensors").symlink_to(tmp_path / "large.safetensors")
    (folder / "data.csv").symlink_to(tmp_path / "large.safetensors")
    (folder / "gone.txt").symlink_to(tmp_path / "gone.txt")
    assert open_encoder(str(folder)).identity == told
    (folder / "record.json").write_text("{}")
    assert refused(folder).code == "encoder-outside"


def test_weights_are_held_once(copied: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's own tensors are those that were mapped from the file; transformers copies none."""
    folder, mapped = copied("speech"), set()
    read = Weights.read

    def watched(self: Weights) -> dict[str, torch.Tensor]:
        found = read(self)
        mapped.update(one.data_ptr() for one in found.values())
        return found

    monkeypatch.setattr(Weights, "read", watched)
    held = {one.data_ptr() for one in open_encoder(str(folder))._model.parameters()}
    assert mapped and held <= mapped


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', '{"a": ' + "[" * 60 + "]" * 60 + "}"]
)
def test_json_of_others_is_read_by_the_rules_for_our_own(copied: Callable[[str], Path], text: str) -> None:
    """What is read twice in two ways, or has no end, is refused; a token may be any text."""
    folder = copied("text")
    (folder / "special_tokens_map.json").write_text(text)
    with pytest.raises(EncoderError) as caught:
        json_of(str(folder), None, "special_tokens_map.json")
    assert caught.value.code == "encoder-unopened"
    (folder / "vocab.json").write_text('{"\\u0000": 0}')
    assert json_of(str(folder), None, "vocab.json") == {"\0": 0}


def test_a_download_of_the_hub_is_links_into_its_blobs(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """Which is no damage; and an index of plain names is followed."""
    folder, model = copied("speech"), tmp_path / "models--owner--name"
    told = open_encoder(str(folder)).identity
    sharded(folder)
    (model / "blobs").mkdir(parents=True)
    snapshot = model / "snapshots/0123"
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        shutil.move(path, model / f"blobs/{number}")
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    assert open_encoder(str(snapshot)).identity == told


def test_a_configuration_names_no_other_weights(copied: Callable[[str], Path]) -> None:
    """`transformers_weights`, an adapter and parts of a distributed checkpoint are left where they are."""
    folder = copied("speech")
    told = open_encoder(str(folder)).identity
    weights = load_file(folder / "model.safetensors")
    save_file({key: value + 1 for key, value in weights.items()}, folder / "other.safetensors")
    shutil.copy(folder / "other.safetensors", folder / "shard-00000-model-00001-of-00001.safetensors")
    say("config.json", transformers_weights="other.safetensors", fusion_config={"a": True})(folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/etc", "peft_type": "LORA"}')
    assert open_encoder(str(folder)).identity == told


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 10_000_000, "num_attention_heads": 1},
        {"intermediate_size": 9_999_999},
        {"conv_kernel": [9_999_999] * 7},
        {"num_hidden_layers": 101},
        {"conv_dim": [16] * 101, "conv_kernel": [1] * 101, "conv_stride": [1] * 101},
    ],
)
def test_a_configuration_asks_for_no_more_than_the_weights_have(
    copied: Callable[[str], Path], changes: dict[str, Any]
) -> None:
    """Up to a thousand terabytes, of which none is taken; on random weights neither."""
    folder = copied("speech")
    say("config.json", **changes)(folder)
    assert refused(folder).code == "encoder-unopened"
    with pytest.raises(EncoderError) as caught:
        open_encoder(f"{folder}@random")
    assert caught.value.code == "encoder-unopened"


def test_a_random_model_fits_into_the_machine(copied: Callable[[str], Path]) -> None:
    """Where there are no weights to compare it with."""
    folder = copied("speech")
    (folder / "model.safetensors").unlink()
    say("config.json", hidden_size=10_000_000, num_attention_heads=1)(folder)
    with pytest.raises(EncoderError) as caught:
        open_encoder(f"{folder}@random")
    assert caught.value.code == "memory"


def test_weights_are_decimal_numbers(copied: Callable[[str], Path]) -> None:
    """Those of a quantised model, without their scale, would be others."""
    folder = copied("speech")
    weights = load_file(folder / "model.safetensors")
    key = "encoder.layers.0.attention.k_proj.weight"
    save_file(weights | {key: weights[key].to(torch.int8)}, folder / "model.safetensors")
    assert refused(folder).code == "encoder-quantised"


def test_a_header_is_no_longer_than_any(copied: Callable[[str], Path]) -> None:
    """A million tensors of no numbers would take minutes to be named."""
    folder = copied("speech")
    with (folder / "model.safetensors").open("r+b") as file:
        file.write((9_000_000).to_bytes(8, "little"))
    assert "model.safetensors" in refused(folder).why


def rule(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change what its tokenizer.json says."""

    def spoil(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        change(content)
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return spoil


TABLE = base64.b64encode(bytes([255] * 5)).decode()  # says that four gigabytes follow
TWICE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}


@pytest.mark.parametrize(
    "damage",
    [
        rule(lambda content: content["model"]["vocab"].update(good=2**31)),
        rule(lambda content: content["model"].update(dropout=0.5)),
        rule(lambda content: content.update(normalizer={"type": "Precompiled", "precompiled_charsmap": TABLE})),
        rule(lambda content: content.update(normalizer={"type": "Sequence", "normalizers": [TWICE] * 40})),
        say("tokenizer_config.json", tokenizer_class="AutoModel"),
        say("tokenizer_config.json", tokenizer_class="RagTokenizer"),
        say("tokenizer_config.json", tokenizer_class=["BertTokenizer"]),
        say("config.json", tokenizer_class="pipeline"),
    ],
)
def test_a_tokenizer_takes_no_memory_and_no_chance(copied: Callable[[str], Path], damage: Damage) -> None:
    """Numbers, tables and replacements without bounds, which end the process; dropout; other classes' names."""
    folder = copied("text")
    damage(folder)
    assert refused(folder).code == "encoder-unopened"


def test_paths_in_a_tokenizer_s_settings_are_left_out(copied: Callable[[str], Path], tmp_path: Path) -> None:
    """They are those of the machine that it was saved on, or of any; the folder's own files are read."""
    folder = copied("text")
    told = open_encoder(str(folder)).identity
    (tmp_path / "words.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nbad\n")
    save_text_encoder(tmp_path / "other", words=("day", "bad"))
    elsewhere = {"vocab_file": str(tmp_path / "words.txt"), "tokenizer_file": str(tmp_path / "other/tokenizer.json")}
    say("tokenizer_config.json", **elsewhere)(folder)
    assert open_encoder(str(folder)).identity == told
    (folder / "tokenizer.json").unlink()
    assert refused(folder).code == "encoder-incomplete"
