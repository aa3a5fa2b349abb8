"""What a run's name, configuration and tables say of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from small_systems import built

from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.identity import Identity
from probing.corpus.model import Corpus
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import Words
from probing.files import digest
from probing.systems.build import build_system
from probing.training.describe import configuration_of, default_name, notes, system_entry
from probing.training.options import FinetuneOptions

DEMO = Checked(CorpusSpec("demo"), Corpus("demo", (1, 7), ()), Identity("12"))


@pytest.mark.parametrize(
    ("name", "options", "words", "expected"),
    [
        ("demo-hubert", {}, Words(), "finetune-demo-demo-hubert"),
        (
            "demo-tinybert+demo-hubert",
            {"freeze": "text,audio"},
            Words(),
            "finetune-demo-demo-hubert+demo-tinybert-frozen-audio-text",
        ),
        ("demo-tinybert", {"shuffled": True}, Words(), "finetune-demo-demo-tinybert-shuffled"),
        ("demo-tinybert", {}, Words("corrupted", rate=0.222), "finetune-demo-demo-tinybert-corrupted-0.222"),
        ("demo-tinybert", {}, Words("recognised", "/a/t.csv", "0123456789"), "finetune-demo-demo-tinybert-t-01234567"),
    ],
)
def test_a_run_on_the_built_in_corpus_is_named_as_before(
    name: str, options: dict[str, Any], words: Words, expected: str
) -> None:
    """Of corpus, system, and what makes it another kind of run; the Makefile knows these names."""
    system, _ = build_system(name)
    assert default_name(replace(DEMO, words=words), system, FinetuneOptions(**options)) == expected


def test_runs_on_two_corpora_of_one_name_have_two_names(tmp_path: Path) -> None:
    """A digest of what the utterances are tells them apart."""
    system, _ = build_system("demo-tinybert")
    names = set()
    for place, rating in (("a", 0.5), ("b", 0.25)):
        (tmp_path / place).mkdir()
        rows = [["u0", "train", rating, "some"], ["u1", "development", 0.1, "words"]]
        frame = pd.DataFrame(rows, columns=["id", "partition", "valence", "text"])
        frame.to_csv(tmp_path / place / "labels.csv", index=False)
        checked = check_corpus(CorpusSpec.resolve(str(tmp_path / place / "labels.csv")), Needs(text=True))
        names.add(default_name(checked, system, FinetuneOptions()))
    assert len(names) == 2 and all(name.startswith("finetune-labels-") for name in names)


def test_a_configuration_is_that_of_version_0_1_0(table: Path, tmp_path: Path) -> None:
    """Its keys, and the digests of what is learned from, so that runs of that version are known again."""
    checked = check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True, text=True), cache=tmp_path)
    system, _ = build_system("demo-hubert+demo-tinybert")
    options = FinetuneOptions(dims=("valence", "arousal"), seeds=3, workers=1, init=(("audio", "runs/x"),))
    found = configuration_of(checked, system, options)
    assert list(found) == ["system", "weights", "corpus", "scale", "labels", "audio and text", "options"]
    rows = [[u.id, u.partition, u.speaker, u.labels["arousal"], u.labels["valence"]] for u in checked.corpus.utterances]
    given = [[checked.scan.checksums[u.id] for u in checked.corpus.utterances], ["some words"] * 32]
    assert found["labels"] == digest({"rows": rows}) and found["audio and text"] == digest({"rows": given})
    assert found["scale"] == [0.0, 1.0] and set(found["weights"]) == {"audio", "text"}
    assert found["options"] == {
        "dims": ["valence", "arousal"],
        "lr": None,
        "batch": 16,
        "epochs": 30,
        "max_steps": None,
        "evaluate_every": None,
        "patience": 5,
        "dropout": 0.1,
        "fusion": "sum",
        "spec_augment": False,
        "freeze": [],
        "init": [["audio", "runs/x"]],
        "shuffled": False,
        "truncate_text": False,
        "gradient_checkpointing": False,
        "precision": None,
    }


@pytest.mark.parametrize(
    ("device", "processes", "precision", "expected"),
    [
        ("cpu", None, None, None),
        ("cpu", "1", "float32", None),
        ("cuda:0", None, "float32", None),
        ("cuda:0", None, None, {"precision": "bf16", "processes": 1}),
        ("cpu", "2", None, {"precision": "float32", "processes": 2}),
        ("cuda:0", "4", "bf16", {"precision": "bf16", "processes": 4}),
    ],
)
def test_arithmetic_is_named_where_it_gives_other_numbers(
    monkeypatch: pytest.MonkeyPatch, table: Path, device: str, processes: str | None, precision: Any, expected: Any
) -> None:
    """Number format and number of processes, unless they are those of a single CPU."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if processes is not None:
        monkeypatch.setenv("WORLD_SIZE", processes)
    system, _ = build_system("demo-tinybert")
    checked = check_corpus(CorpusSpec.resolve(str(table)), Needs(text=True))
    options = FinetuneOptions(dims=("valence",), precision=precision)
    assert configuration_of(checked, system, options, device).get("arithmetic") == expected


@pytest.mark.parametrize(
    ("options", "regime"),
    [
        ({}, "FT"),
        ({"freeze": "audio"}, "FRZ"),
        ({"freeze": "audio,text", "init": (("audio", "runs/x"),)}, "FT⇒FRZ"),
        ({"init": (("audio", "runs/x"),)}, "FT"),
    ],
)
def test_a_system_s_entry_names_its_parts_and_its_regime(options: dict[str, Any], regime: str, places: Path) -> None:
    """With what builds it again from every directory."""
    settled = FinetuneOptions(**options, dims=("valence",))
    system, _ = built(Path("hubert"), Path("bert"), freeze=settled.freeze, dimensions=("valence",))
    entry = system_entry(system, "hubert+bert@random", settled)
    assert (entry.name, entry.audio, entry.text, entry.modality) == ("hubert+bert", "hubert", "bert", "audio+text")
    assert (entry.regime, entry.frozen, entry.dimensions) == (regime, settled.freeze, ("valence",))
    assert entry.spec == (str(places / "hubert"), f"{places / 'bert'}@random")
    assert entry.parameters == sum(p.numel() for p in system.parameters())
    assert entry.trainable == sum(p.numel() for p in system.parameters() if p.requires_grad)
    alone = system_entry(built(Path("bert"))[0], "bert", FinetuneOptions())
    assert (alone.audio, alone.text, alone.modality, alone.hears, alone.reads) == (None, "bert", "text", False, True)


def test_notes_say_which_checkpoints_were_not_resumed() -> None:
    """Of each seed that had some, with their steps."""
    found = {"steps": 9, "best_step": 6}
    trained = [
        {"seed": 0, **found},
        {"seed": 1, "damaged_checkpoints": [4], **found},
        {"seed": 2, "unsealed_checkpoints": [20, 40], **found},
    ]
    said = [note for note in notes(DEMO, FinetuneOptions(), (), trained) if note.startswith("seed ")]
    assert len(said) == 2 and "seed 1: the checkpoint of step 4 was damaged" in said[0]
    assert "seed 2: checkpoints of an earlier version" in said[1] and "steps 20, 40" in said[1]
