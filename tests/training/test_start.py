"""A system as its training begins: learning rates, number formats, and encoders taken from another run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_systems import trained

from probing.corpus.opening import open_corpus
from probing.errors import EncoderError, FitError, RunError
from probing.systems.build import build_system
from probing.training.evaluate import evaluate
from probing.training.options import FinetuneOptions
from probing.training.start import learning_rate, only_head_learns, readers, started, uses_bf16


def test_the_learning_rate_is_the_paper_s() -> None:
    """The paper's at 768 units, for a head alone too (FT⇒FRZ), more in proportion for narrower systems."""
    plain = FinetuneOptions()
    wide, _ = build_system("distilhubert@random")
    head, _ = build_system("distilhubert@random", freeze=("audio",))
    narrow, _ = build_system("hubert")
    assert [learning_rate(plain, system) for system in (wide, head)] == [1e-5, 1e-5]
    assert learning_rate(plain, narrow) == pytest.approx(1e-5 * 768 / 32)
    assert learning_rate(FinetuneOptions(lr=3e-3), narrow) == 3e-3
    assert [only_head_learns(system) for system in (wide, head)] == [False, True]


def test_a_device_that_cannot_compute_in_bfloat16_is_told() -> None:
    """A CPU computes in float32 unless it is asked for more."""
    assert not uses_bf16(FinetuneOptions(), "cpu") and not uses_bf16(FinetuneOptions(precision="float32"), "cpu")
    with pytest.raises(FitError) as caught:
        uses_bf16(FinetuneOptions(precision="bf16"), "cpu")
    assert caught.value.code == "precision"


def test_a_gpu_does_not_wait_for_one_reader() -> None:
    """Asked for, their number is the user's, none too."""
    assert [readers(None, "cpu"), readers(None, "cuda:0"), readers(0, "cuda:0")] == [0, 4, 0]


def test_an_encoder_comes_from_the_same_seed_of_another_run(places: Path) -> None:
    """Or from one trained system, whose folder is named itself."""
    trained("hubert", "tuned", seeds=2)
    corpus = open_corpus("table.csv")
    for origin, seed, own in (("runs/tuned", 1, "seed1"), ("runs/tuned/seed0", 1, "seed0")):
        system, processor = started(
            "hubert+bert", corpus, FinetuneOptions(init=(("audio", origin),), truncate_text=True), seed
        )
        theirs = load_file(places / "runs/tuned" / own / "model.safetensors")
        assert all(torch.equal(theirs[f"audio.{name}"], value) for name, value in system.audio.state_dict().items())
        assert processor.truncate


@pytest.mark.parametrize(
    ("system", "part", "origin"),
    [
        ("bert", "text", "nowhere"),
        ("bert", "text", "runs/source"),  # which takes no text
        ("bert", "audio", "runs/source"),  # where this takes no audio
        ("w2v2", "audio", "runs/source"),  # another architecture
        ("hubert", "audio", "runs/source/seed7"),
    ],
)
def test_an_encoder_of_another_kind_cannot_be_taken(system: str, part: str, origin: str) -> None:
    """--init is refused with what does not fit."""
    trained("hubert", "source")
    with pytest.raises(EncoderError) as caught:
        started(system, open_corpus("table.csv"), FinetuneOptions(init=((part, origin),)), 0)
    assert caught.value.code == "init" and f"--init {part}={origin}" in caught.value.what


def test_an_encoder_of_a_damaged_run_cannot_be_taken(places: Path) -> None:
    """Nor one of a folder that is no trained system."""
    trained("hubert", "source")
    shutil.copytree(places / "runs/source", places / "runs/damaged", dirs_exist_ok=True)
    (places / "runs/damaged/seed0/model.safetensors").write_bytes(b"half")
    for origin in ("runs/damaged", "hubert"):
        with pytest.raises(RunError) as caught:
            started("hubert", open_corpus("table.csv"), FinetuneOptions(init=(("audio", origin),)), 0)
        assert caught.value.code == "run-incomplete"


def test_encoders_of_a_run_with_another_one_s_weights_cannot_be_taken(places: Path) -> None:
    """Of whichever seed they are: a run is whole by its digests, or none of its encoders is taken."""
    trained("hubert", "pair", seeds=2)
    mixed = shutil.copytree(places / "runs/pair", places / "runs/mixed")
    shutil.copyfile(mixed / "seed0/model.safetensors", mixed / "seed1/model.safetensors")
    with pytest.raises(RunError) as caught:
        started("hubert", open_corpus("table.csv"), FinetuneOptions(init=(("audio", "runs/mixed"),)), 0)
    assert caught.value.code == "run-incomplete" and "seed1/model.safetensors" in caught.value.why


def test_only_a_training_has_encoders_to_take(places: Path) -> None:
    """An evaluation has none, and a record that cannot be read does not say."""
    folder = evaluate(trained("hubert", "judged").folder).folder
    for code in ("run-kind", "run-damaged"):
        with pytest.raises(RunError) as caught:
            started("hubert", open_corpus("table.csv"), FinetuneOptions(init=(("audio", str(folder)),)), 0)
        assert caught.value.code == code
        (folder / "record.json").write_text("{")
