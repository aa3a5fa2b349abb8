"""Checkpoints that load, load alike, are random on purpose, or are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders import CHECKPOINTS
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
)

from probing.encoders.checkpoints import load_checkpoint
from probing.encoders.families import WAVEFORM
from probing.encoders.opening import open_encoder
from probing.encoders.presets import PRESETS
from probing.encoders.spec import RANDOM, EncoderSpec
from probing.encoders.speech import SpeechEncoder
from probing.errors import EncoderError
from probing.files import digest

SaveCheckpoint = Callable[..., Path]


def test_every_architecture_is_tested() -> None:
    """What is said to give exact batches is what the tests above try."""
    assert set(WAVEFORM) == {model_type for model_type, _, _ in CHECKPOINTS.values()}


def test_old_checkpoints_load_alike(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A pytorch_model.bin with weight_g and weight_v, as most hub repositories hold, gives the same encoder."""
    old = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "old"))
    weights = load_file(old / "model.safetensors")
    (old / "model.safetensors").unlink()
    renamed = {
        key.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for key, value in weights.items()
    }
    assert any(key.endswith("weight_g") for key in renamed)
    torch.save(renamed, old / "pytorch_model.bin")
    assert open_encoder(str(old)).identity == open_encoder(str(checkpoints["hubert"])).identity


def test_random_weights_are_seeded(checkpoints: dict[str, Path]) -> None:
    """`@random` gives the same architecture with other weights, the same ones every time, whatever the global seed."""
    folder = str(checkpoints["hubert"])
    torch.manual_seed(1)
    first = open_encoder(folder + RANDOM)
    torch.manual_seed(2)
    second, trained = open_encoder(folder + RANDOM), open_encoder(folder)
    assert first.identity == second.identity and first.random and not trained.random
    assert first.identity["architecture"] == trained.identity["architecture"]
    assert first.identity["weights"] != trained.identity["weights"]
    again, third = (open_encoder(f"{folder}{RANDOM}:{seed}") for seed in (0, 3))
    assert again.identity == first.identity and again.name == first.name
    assert third.random and (third.name, third.spec.seed) == ("hubert@random:3", 3)
    assert {key for key in first.identity if first.identity[key] != third.identity[key]} == {"weights"}


def test_a_random_built_in_encoder_has_its_architecture_and_other_weights() -> None:
    """demo-hubert is trained; with @random it says so, in name and title, and only its weights differ."""
    trained, random = open_encoder("demo-hubert"), open_encoder("demo-hubert@random")
    assert (trained.random, trained.title) == (False, "demo-hubert")
    assert (random.random, random.title) == (True, "demo-hubert@random")
    assert {key for key in trained.identity if trained.identity[key] != random.identity[key]} == {"weights"}


@pytest.mark.parametrize("name", ["demo-distilhubert", "demo-distilhubert@random"])
def test_a_built_in_encoder_that_is_not_there_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its random twin does not become another architecture."""
    absent = replace(PRESETS["demo-distilhubert"], source=str(tmp_path / "demo-distilhubert"))
    monkeypatch.setitem(PRESETS, "demo-distilhubert", absent)
    monkeypatch.setattr("probing.encoders.sources.BUILT_IN", tmp_path)
    with pytest.raises(EncoderError, match="demo-distilhubert") as error:
        load_checkpoint(name)
    assert error.value.code == "encoder-not-installed"
    assert "python -m probing.pretrain distilhubert" in error.value.remedy


def spoil_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:2000])


def drop_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def other_model(folder: Path) -> None:
    config = GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9)
    GPT2Model(config).save_pretrained(folder)


def no_tokenizer(folder: Path) -> None:
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    BertModel(config).save_pretrained(folder)


def other_rate(folder: Path) -> None:
    settings_file = folder / "preprocessor_config.json"
    settings_file.write_text(json.dumps({**json.loads(settings_file.read_text()), "sampling_rate": 8000}))


def other_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 96}))


def more_layers(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 5}))


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (spoil_weights, "encoder-unopened"),
        (drop_weights, "encoder-unopened"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "encoder-unopened"),
        (lambda folder: (folder / "config.json").unlink(), "encoder-incomplete"),
        (lambda folder: (folder / "config.json").write_text("{"), "encoder-unopened"),
        (other_model, "encoder-foreign"),
        (no_tokenizer, "encoder-incomplete"),
        (other_rate, "encoder-foreign"),
        (other_size, "encoder-unopened"),
        (more_layers, "encoder-incomplete"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path, damage: Callable[[Path], None], code: str
) -> None:
    """Every damage to a checkpoint's folder is an error that says what to do."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "damaged"))
    damage(folder)
    with pytest.raises(EncoderError) as caught:
        load_checkpoint(str(folder))
    assert caught.value.code == code and caught.value.remedy


def test_a_mistyped_run_is_never_looked_for_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder of all runs is not there yet either."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBING_RUNS", str(tmp_path / "mine"))
    for name in ("runs/nosuch", "mine/nosuch", "runs/nosuch@random"):
        with pytest.raises(EncoderError) as caught:
            load_checkpoint(name)
        assert caught.value.code == "encoder-unknown" and "no such folder" in caught.value.why


def test_an_unknown_name_shows_the_known_ones() -> None:
    """A misspelt name gets the closest one and the list."""
    with pytest.raises(EncoderError, match="mean hubert-base") as caught:
        load_checkpoint("hubert-bass")
    assert caught.value.code == "encoder-unknown"
    assert all(name in str(caught.value) for name in PRESETS)


def test_an_unreachable_hub_is_explained() -> None:
    """Without a network a hub name says how to bring the model here, and what runs without."""
    with pytest.raises(EncoderError, match="facebook/hubert-base-ls960") as caught:
        load_checkpoint("hubert-base")
    assert caught.value.code == "encoder-unopened"
    assert "hf download" in caught.value.remedy and "hubert-base@random" in caught.value.remedy


def test_weights_of_code_are_never_run(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A checkpoint that brings its own code is opened without it."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "own code"))
    config = json.loads((folder / "config.json").read_text())
    maps = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": maps}))
    (folder / "own.py").write_text("raise SystemExit('code was run')")
    assert load_checkpoint(str(folder)).model.config.model_type == "hubert"


def test_a_checkpoint_knows_what_named_it(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is shown by its own name, and named by its absolute path, so that it opens from everywhere."""
    folder = checkpoints["hubert"]
    monkeypatch.chdir(folder.parent)
    found = load_checkpoint(EncoderSpec.resolve(f"{folder.name}@random", layers=2))
    assert found.spec == EncoderSpec(f"{folder}@random", 2) and found.random and not found.reads
    assert found.name == f"{folder.name}@random-layers2"
    monkeypatch.chdir("/")
    assert load_checkpoint(found.spec).name == found.name


def described(folder: Path, **changes: object) -> Path:
    """A checkpoint whose config.json says something else too."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_dropout": None, "num_conv_pos_embedding_groups": 4},
        {"return_dict": False, "output_hidden_states": False},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        {"_attn_implementation": "flash_attention_2", "torchscript": True},
        {"num_labels": 10**9, "id2label": None, "dtype": "float1", "chunk_size_feed_forward": 3},
    ],
)
def test_what_a_configuration_says_of_other_programs_is_left_out(
    checkpoints: dict[str, Path], tmp_path: Path, changes: dict[str, object]
) -> None:
    """Null fields, ways to return, to attend and to quantise change nothing where the weights are plain numbers."""
    folder = described(Path(shutil.copytree(checkpoints["hubert"], tmp_path / "told")), **changes)
    assert open_encoder(str(folder)).identity == open_encoder(str(checkpoints["hubert"])).identity


def test_a_null_may_be_an_answer(save_checkpoint: SaveCheckpoint) -> None:
    """A conformer without position embeddings says null, and so does its identity, as in version 0.1.0."""
    encoder = open_encoder(str(save_checkpoint("conformer-rotary", position_embeddings_type=None)))
    assert encoder.identity["architecture"]["position_embeddings_type"] is None


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("hubert", {"num_hidden_layers": 10**9}),
        ("hubert", {"conv_dim": [16] * 100_000, "conv_kernel": [1] * 100_000, "conv_stride": [1] * 100_000}),
        ("data2vec-audio", {"num_conv_pos_embeddings": 10**9}),
        ("conformer-rotary", {"max_source_positions": 10**9}),
    ],
)
def test_numbers_that_no_encoder_has_are_refused_at_once(
    checkpoints: dict[str, Path], tmp_path: Path, name: str, changes: dict[str, object]
) -> None:
    """They would take all memory, or build layers without end."""
    folder = described(Path(shutil.copytree(checkpoints[name], tmp_path / "wild")), **changes)
    with pytest.raises(EncoderError) as caught:
        load_checkpoint(str(folder))
    assert caught.value.code == "encoder-unopened" and next(iter(changes)) in caught.value.why


def test_a_conformer_prepares_no_more_positions_than_it_needs(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """It prepares others as they come, so that millions of them change nothing."""
    folder = Path(shutil.copytree(checkpoints["conformer-relative"], tmp_path / "far"))
    far = open_encoder(str(described(folder, max_source_positions=5_000_000)))
    assert far.identity == open_encoder(str(checkpoints["conformer-relative"])).identity


def lfs_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def quantised(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"encoder.layers.0.attention.k_proj.SCB": torch.ones(3)}, folder / "model.safetensors")


def not_finite(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layers.2.feed_forward.output_dense.bias"][3] = float("nan")
    save_file(weights, folder / "model.safetensors")


def lost_shard(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    files = dict.fromkeys(weights, "model-00001-of-00002.safetensors")
    files["encoder.layer_norm.bias"] = "model-00002-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lfs_pointer, "lfs-pointer"),
        (quantised, "encoder-quantised"),
        (not_finite, "encoder-not-finite"),
        (lost_shard, "encoder-unopened"),
        (lambda folder: (folder / "config.json").write_text('{"a":' * 100_000), "encoder-unopened"),
        (lambda folder: described(folder, num_hidden_layers=0), "encoder-unopened"),
        (lambda folder: described(folder, hidden_size="wide"), "encoder-unopened"),
        (lambda folder: described(folder, num_attention_heads=5), "encoder-unopened"),
        (lambda folder: described(folder, model_type="emotion2vec"), "encoder-foreign"),
        (lambda folder: described(folder, model_type="clap"), "encoder-foreign"),
        (lambda folder: described(folder, model_type="big_bird"), "encoder-foreign"),
    ],
)
def test_what_cannot_be_opened_is_named_with_its_reason(
    checkpoints: dict[str, Path], tmp_path: Path, damage: Callable[[Path], None], code: str
) -> None:
    """Pointers in place of files, quantised weights, fields of the wrong kind, architectures that are not known."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "damaged"))
    damage(folder)
    with pytest.raises(EncoderError) as caught:
        load_checkpoint(str(folder))
    assert caught.value.code == code and caught.value.why and caught.value.remedy


def test_what_transformers_lacks_is_named_before_the_hub_is_asked() -> None:
    """The repository of emotion2vec holds nothing that transformers knows."""
    with pytest.raises(EncoderError) as caught:
        load_checkpoint("emotion2vec/emotion2vec_plus_base")
    assert caught.value.code == "encoder-foreign" and "transformers" in caught.value.why


def test_a_bin_that_holds_more_than_numbers_is_never_run(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """It is refused, and nobody is told to switch the check off."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "code"))
    (folder / "model.safetensors").unlink()
    torch.save({"run": Path("/")}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError) as caught:
        load_checkpoint(str(folder))
    assert caught.value.code == "encoder-unopened" and "weights_only" not in f"{caught.value}{caught.value.remedy}"


@pytest.mark.parametrize(
    ("file", "changes", "code"),
    [
        ("config.json", {"conv_stride": [0] * 7}, "encoder-foreign"),
        ("config.json", {"num_attention_heads": -4}, "encoder-foreign"),
        ("config.json", {"layer_norm_eps": -1.0}, "encoder-not-finite"),
        ("preprocessor_config.json", {"feature_size": 80}, "encoder-foreign"),
        ("preprocessor_config.json", {"feature_size": 10**9}, "encoder-unopened"),
        ("preprocessor_config.json", {"model_input_names": []}, "encoder-foreign"),
    ],
)
def test_an_encoder_that_cannot_be_run_is_refused_when_it_is_opened(
    checkpoints: dict[str, Path], tmp_path: Path, file: str, changes: dict[str, object], code: str
) -> None:
    """Not hours later, and never by the error of a library."""
    folder = Path(shutil.copytree(checkpoints["hubert"], tmp_path / "unfit"))
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | changes))
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(folder))
    assert caught.value.code == code and caught.value.why and caught.value.remedy


FINGERPRINTS = {"demo-hubert": "f18e1e19", "demo-distilhubert": "71621395", "demo-tinybert": "264f7486"}


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_fingerprints_of_version_0_1_0_are_unchanged(name: str) -> None:
    """Caches of the encoders that opened before are read as before."""
    identity = open_encoder(name).identity
    assert digest({"encoder": identity, "store": "frames", "dtype": "float16"})[:8] == FINGERPRINTS[name]


def test_fingerprints_of_state_c_and_of_latents_are_unchanged() -> None:
    """The same of what only speech has."""
    encoder = open_encoder("demo-hubert", convolution=True)
    assert isinstance(encoder, SpeechEncoder)
    frames, latents = encoder.identity, encoder.front_end_identity
    assert digest({"encoder": frames, "store": "frames", "dtype": "float16"})[:8] == "76cb0b62"
    assert digest({"encoder": latents, "store": "latents", "dtype": "float16"})[:8] == "c409b9ec"
