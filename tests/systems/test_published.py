"""Published emotion models estimate what their public forward passes give, and what is none of them is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from published import alone, old_names, save_published, write_weights
from small_systems import sounds

from probing.errors import EncoderError, OptionError
from probing.systems.published import open_published

LAYOUTS = ["audEERING", "Odyssey"]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's weights, of either file."""
    from safetensors.torch import load_file

    file = folder / "pytorch_model.bin"
    return torch.load(file, weights_only=True) if file.is_file() else load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small random checkpoint of each layout, which no test changes."""
    torch.manual_seed(7)
    root = tmp_path_factory.mktemp("published")
    return {layout: save_published(root / layout / "model", layout) for layout in LAYOUTS}


@pytest.fixture(params=LAYOUTS)
def model(request: pytest.FixtureRequest, saved: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of each."""
    return shutil.copytree(saved[request.param], tmp_path / "model")


def changed(folder: Path, place: Path, **changes: object) -> Path:
    """A copy of a checkpoint with other fields in its config.json; None takes one out."""
    copy = Path(shutil.copytree(folder, place / "model"))
    described = json.loads((copy / "config.json").read_text())
    content = {key: value for key, value in (described | changes).items() if value is not None}
    (copy / "config.json").write_text(json.dumps(content))
    return copy


# --- what they estimate


@pytest.mark.parametrize("file", ["safetensors", "bin"])
def test_a_batch_gives_what_the_public_forward_pass_gives_alone(model: Path, file: str) -> None:
    """Both layouts, from both files, in a padded batch: to 1e-5 of plain PyTorch in float64, one by one."""
    folder, weights = model, weights_of(model)
    if file == "bin":
        (model / "model.safetensors").unlink()
        write_weights(model, weights, file)
    found = open_published(str(folder))
    with torch.inference_mode():
        estimates = found.system(**found.processor(sounds())).logits
    expected = np.stack([alone(folder, sound, weights) for sound in sounds()])
    np.testing.assert_allclose(estimates.numpy(), expected, atol=1e-5)
    assert (expected.std(0) > 0.01).all()  # the recordings differ, so that a mix-up would show
    assert found.parts.dimensions == ("arousal", "dominance", "valence")
    np.testing.assert_allclose(found.system.ratings(estimates).numpy(), 1 + 6 * expected, atol=1e-4)


def test_the_old_names_of_a_weight_norm_are_known(model: Path) -> None:
    """The public checkpoints have `weight_g` and `weight_v`; the digest of the weights is that of today's names."""
    before = open_published(str(model)).entry
    weights = old_names(weights_of(model))
    assert any(name.endswith("conv.weight_g") for name in weights)
    write_weights(model, weights)
    assert open_published(str(model)).entry == before


def test_a_weight_that_only_training_uses_may_lack(model: Path) -> None:
    """The digest does not depend on it, and it is not drawn anew."""
    weights = weights_of(model)
    masks = [name for name in weights if name.endswith("masked_spec_embed")]
    assert masks
    first = open_published(str(model)).entry
    write_weights(model, {name: value for name, value in weights.items() if name not in masks})
    assert open_published(str(model)).entry == first


def test_one_dimension_and_several_hidden_layers(tmp_path: Path) -> None:
    """The siblings of the Odyssey baseline estimate one dimension each; its head may be deeper."""
    torch.manual_seed(7)
    changes = {"id2label": {"0": "Valence"}, "num_classes": 1, "classifier_hidden_layers": 3}
    folder = save_published(tmp_path / "valence", "Odyssey", **changes)
    found = open_published(str(folder))
    assert found.parts.dimensions == ("valence",)
    with torch.inference_mode():
        estimates = found.system(**found.processor(sounds())).logits.numpy()
    expected = [alone(folder, sound, weights_of(folder)) for sound in sounds()]
    np.testing.assert_allclose(estimates, np.stack(expected), atol=1e-5)


def test_dimensions_are_known_by_name(saved: dict[str, Path], tmp_path: Path) -> None:
    """The order in config.json is that of the outputs, in whatever order its numbers stand."""
    shuffled = {"2": "arousal", "0": "Valence", "1": "dominance"}
    found = open_published(str(changed(saved["audEERING"], tmp_path, id2label=shuffled)))
    assert found.parts.dimensions == ("valence", "dominance", "arousal")


# --- what they are called


def test_a_model_is_its_weights_and_its_settings(saved: dict[str, Path], tmp_path: Path) -> None:
    """Another constant, or another weight, makes another one."""
    folder = changed(saved["Odyssey"], tmp_path)
    first = open_published(str(folder))
    assert (first.entry.name, first.parts.name, first.entry.scale) == (str(folder), "model", (1.0, 7.0))
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(described | {"mean": 0.1}))
    other = open_published(str(folder))
    assert other.entry == first.entry and other.settled != first.settled
    weights = weights_of(folder)
    write_weights(folder, weights | {"ser_model.out.0.bias": weights["ser_model.out.0.bias"] + 1})
    assert open_published(str(folder)).entry.weights != first.entry.weights


def test_parameters_are_counted(model: Path) -> None:
    """All of them; the convolutions were not trained."""
    weights = {name: value for name, value in weights_of(model).items() if not name.endswith("masked_spec_embed")}
    frozen = sum(value.numel() for name, value in weights.items() if ".feature_extractor." in name)
    parts = open_published(str(model)).parts
    total = sum(value.numel() for value in weights.values())
    assert (parts.parameters, parts.trainable, parts.modality) == (total, total - frozen, "audio")


# --- what does not open


@pytest.mark.parametrize(
    ("layout", "changes", "code"),
    [
        ("audEERING", {"model_type": "hubert"}, "model-foreign"),
        ("audEERING", {"model_type": None}, "model-foreign"),
        ("audEERING", {"pooling_mode": "max"}, "model-foreign"),
        ("audEERING", {"id2label": None}, "model-foreign"),
        ("audEERING", {"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}, "model-foreign"),
        ("audEERING", {"id2label": {"0": "arousal", "1": "arousal", "2": "valence"}}, "model-categorical"),
        ("audEERING", {"id2label": {"0": "angry", "1": "happy", "2": "neutral", "3": "sad"}}, "model-categorical"),
        ("audEERING", {"num_hidden_layers": 4}, "encoder-incomplete"),
        ("audEERING", {"num_hidden_layers": 2}, "model-foreign"),
        ("audEERING", {"hidden_size": 64}, "encoder-unopened"),
        ("audEERING", {"hidden_size": 10**9}, "encoder-unopened"),
        ("Odyssey", {"id2label": {"0": "Angry", "1": "Sad", "2": "Happy"}}, "model-categorical"),
        ("Odyssey", {"ssl_type": "facebook/hubert-large-ll60k"}, "model-foreign"),
        ("Odyssey", {"ssl_type": ["microsoft/wavlm-large"]}, "model-foreign"),
        ("Odyssey", {"mean": None}, "model-foreign"),
        ("Odyssey", {"std": 0}, "model-foreign"),
        ("Odyssey", {"std": "0.08"}, "model-foreign"),
        ("Odyssey", {"mean": float("nan")}, "encoder-unopened"),
        ("Odyssey", {"sampling_rate": 8000}, "model-foreign"),
        ("Odyssey", {"classifier_hidden_layers": 0}, "model-foreign"),
        ("Odyssey", {"classifier_hidden_layers": 10**6}, "encoder-unopened"),
    ],
)
def test_a_foreign_configuration_is_named(
    layout: str, changes: dict[str, object], code: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    """Another layout, other outputs, numbers that no model has, and weights that do not go with it."""
    with pytest.raises(EncoderError) as caught:
        open_published(str(changed(saved[layout], tmp_path, **changes)))
    assert caught.value.code == code and caught.value.remedy


def test_categories_are_named(saved: dict[str, Path], tmp_path: Path) -> None:
    """A categorical model of the same layout is called by what it recognises."""
    folder = changed(saved["Odyssey"], tmp_path, id2label={"0": "Angry", "1": "Sad"}, num_classes=2)
    with pytest.raises(EncoderError) as caught:
        open_published(str(folder))
    assert "Angry, Sad" in caught.value.why


def test_weights_that_lack_or_are_too_many_are_named(model: Path) -> None:
    """A head that is missing, and a head that the layout has not: its forward pass would be another one."""
    weights = weights_of(model)
    head = next(name for name in weights if name.endswith(("out_proj.bias", "out.0.bias")))
    for others, code in (
        ({name: value for name, value in weights.items() if name != head}, "encoder-incomplete"),
        (weights | {"age.dense.weight": torch.zeros(2, 2)}, "model-foreign"),
    ):
        write_weights(model, others)
        with pytest.raises(EncoderError) as caught:
            open_published(str(model))
        assert caught.value.code == code
        assert (head if code == "encoder-incomplete" else "age.dense.weight") in caught.value.why


def test_weights_that_are_no_numbers_are_refused(model: Path) -> None:
    """NaN among them; a pointer in the file's place; no file; a pickle that holds more than numbers."""
    weights = weights_of(model)
    name = next(iter(weights))
    write_weights(model, weights | {name: weights[name] * torch.nan})
    file = model / "model.safetensors"
    for change, code in (
        (lambda: None, "encoder-not-finite"),
        (lambda: file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "lfs-pointer"),
        (lambda: file.write_bytes(b"\0" * 5000), "encoder-unopened"),
        (file.unlink, "encoder-unopened"),
        (lambda: torch.save({"wav2vec2": Path("x")}, model / "pytorch_model.bin"), "encoder-unopened"),
    ):
        change()
        with pytest.raises(EncoderError) as caught:
            open_published(str(model))
        assert caught.value.code == code


def test_code_that_comes_along_is_not_run(saved: dict[str, Path], tmp_path: Path) -> None:
    """The public Odyssey models bring a file of Python, which their config.json names."""
    folder = changed(saved["Odyssey"], tmp_path)
    (folder / "pipeline_utils.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    open_published(str(folder))
    assert not (tmp_path / "run").exists()


def test_a_folder_has_no_revisions(model: Path) -> None:
    """Only a repository of the hub has."""
    with pytest.raises(OptionError) as caught:
        open_published(str(model), "main")
    assert caught.value.code == "no-effect"
