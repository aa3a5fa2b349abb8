"""A trained system opened again: its estimates, and folders that are not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_systems import built

from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import RunError
from probing.systems.inference import estimates, opened
from probing.systems.inputs import feed


@pytest.fixture(scope="module")
def saved(checkpoints: dict[str, Path], bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system's folder."""
    folder = tmp_path_factory.mktemp("saved")
    system, processor = built(checkpoints["hubert"], bert)
    system.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_a_batch_never_changes_an_estimate(saved: Path, table: Path, tmp_path: Path) -> None:
    """One by one and sixteen at a time agree to 1e-5, in the corpus's order; the system keeps its mode."""
    system, processor = opened(saved)
    checked = check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True, text=True), cache=tmp_path)
    source = feed(checked, system.config.dimensions, processor)
    alone, together = estimates(system, source, batch=1), estimates(system, source)
    assert together.shape == (32, 3) and not system.training
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    batch = source.collate([source.items[5]])
    del batch["places"], batch["labels"]
    with torch.no_grad():
        torch.testing.assert_close(system(**batch).logits[0], together[5], atol=1e-5, rtol=0)
    system.train()
    vectors = estimates(system, source, what="pool")
    assert vectors.shape == (32, 64) and system.training
    torch.testing.assert_close(system.eval().head(vectors), together, atol=1e-5, rtol=0)


def test_a_folder_that_is_not_whole_is_refused(saved: Path, tmp_path: Path) -> None:
    """Missing, cut or foreign files, and weights that lack tensors, which would else be random numbers."""

    def refused(folder: Path) -> None:
        with pytest.raises(RunError) as caught:
            opened(folder)
        assert caught.value.code == "run-incomplete" and str(folder) in caught.value.what

    refused(tmp_path / "nothing")
    for name in ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"):
        for cut in (False, True):
            folder = tmp_path / f"{name}-{cut}"
            shutil.copytree(saved, folder)
            content = (folder / name).read_bytes()
            (folder / name).unlink()
            if cut:
                (folder / name).write_bytes(content[: len(content) // 2])
            refused(folder)
    lacking = tmp_path / "lacking"
    shutil.copytree(saved, lacking)
    weights = load_file(lacking / "model.safetensors")
    save_file({key: value for key, value in weights.items() if key != "head.4.bias"}, lacking / "model.safetensors")
    refused(lacking)


def test_weights_are_read_from_safetensors_alone(saved: Path, tmp_path: Path) -> None:
    """A pickle in their place is not opened."""
    shutil.copytree(saved, tmp_path / "pickled")
    torch.save(load_file(saved / "model.safetensors"), tmp_path / "pickled/pytorch_model.bin")
    (tmp_path / "pickled/model.safetensors").unlink()
    with pytest.raises(RunError) as caught:
        opened(tmp_path / "pickled")
    assert caught.value.code == "run-incomplete"


def test_an_encoder_is_no_trained_system(checkpoints: dict[str, Path]) -> None:
    """Its configuration says what it is."""
    assert json.loads((checkpoints["hubert"] / "config.json").read_text())["model_type"] == "hubert"
    with pytest.raises(RunError) as caught:
        opened(checkpoints["hubert"])
    assert caught.value.code == "run-incomplete" and "fine-tuned" in caught.value.why


def test_a_system_that_cannot_estimate_is_refused_at_opening(saved: Path, tmp_path: Path) -> None:
    """Weights that are no numbers, a configuration that no system has, and links out of the folder."""

    def damaged(name: str, **changes: object) -> Path:
        folder = Path(shutil.copytree(saved, tmp_path / name))
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))
        return folder

    def weighed(name: str, key: str, value: float) -> Path:
        folder = damaged(name)
        weights = load_file(folder / "model.safetensors")
        weights[key].view(-1)[0] = value
        save_file(weights, folder / "model.safetensors")
        return folder

    linked = damaged("linked")
    (linked / "model.safetensors").rename(tmp_path / "elsewhere")
    (linked / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    (linked / "record.json").write_text("{}")  # a run, which has no links of its own
    audio = json.loads((saved / "config.json").read_text())["audio_config"]
    for folder in (
        linked,
        weighed("nan", "head.1.bias", float("nan")),
        damaged("scale", scale=[0, "7"]),
        damaged("names", dimensions=["arousal", "arousal", "valence"]),
        damaged("frozen", freeze=["everything"]),
        damaged("wide", audio_config=audio | {"hidden_size": 10_000_000}),
        damaged("deep", audio_config=audio | {"num_hidden_layers": 10**6}),
    ):
        with pytest.raises(RunError) as caught:
            opened(folder)
        assert caught.value.code == "run-incomplete" and caught.value.remedy, folder
