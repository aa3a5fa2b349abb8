"""`probe check` prints what is in a corpus, and its status says whether it can be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import done, probe, refused


@pytest.fixture
def damaged(table: Path, here: Path) -> Path:
    """A corpus with one recording cut short and one missing."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    (copy.parent / "04.wav").write_bytes((copy.parent / "04.wav").read_bytes()[:5000])
    (copy.parent / "05.wav").unlink()
    return copy


def test_a_sound_corpus_has_no_problems(table: Path) -> None:
    """Status 0, for a person and for a program."""
    assert "32 utterances" in done("check", table).stdout
    content = json.loads(done("check", table, "--json").stdout)
    assert content["count"] == 0 and content["problems"] == [] and content["scale"] == [0, 1]
    assert {name: row["utterances"] for name, row in content["partitions"].items()} == {
        "train": 14,
        "development": 6,
        "test1": 6,
        "test2": 6,
    }
    assert content["partitions"]["train"]["speakers"] == 3 and content["partitions"]["train"]["hours"] > 0


def test_problems_are_counted_and_named(damaged: Path) -> None:
    """Status 1, unless so many are allowed."""
    result = probe("check", damaged, "--json")
    content = json.loads(result.stdout)
    assert (result.status, result.code, content["count"]) == (1, None, 2)
    assert [Path(line.split(":")[1].strip()).name for line in content["problems"]] == ["04.wav", "05.wav"]
    assert probe("check", damaged, "--allow-missing", 1).status == 1
    done("check", damaged, "--allow-missing", 2)


def test_a_recording_learned_from_and_tested_on_is_a_problem(table: Path, here: Path) -> None:
    """Status 1, under whatever name it lies there."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    shutil.copy(copy.parent / "00.wav", copy.parent / "31.wav")
    result = probe("check", copy, "--json")
    content = json.loads(result.stdout)
    assert (result.status, content["count"]) == (1, 1) and content["problems"][0].endswith("u31 is u00")


def test_what_the_next_command_would_refuse_is_a_problem(here: Path) -> None:
    """A column `file` is no `path`; a constant and a single utterance of development cannot be learned from."""
    Path("names.csv").write_text("id,file,partition,emotion\na,a.wav,train,anger\nb,b.wav,development,joy\n")
    refused(probe("check", "names.csv"), "nothing-to-read")
    rows = ["a,a.wav,train,0.5", "b,b.wav,train,0.5", "c,c.wav,development,0.4"]
    Path("names.csv").write_text("\n".join(["id,file,partition,valence", *rows]))
    content = json.loads(probe("check", "names.csv", "--json").stdout)
    assert content["count"] == 3 and "--column path=file" in content["problems"][0]
    assert "valence" in content["problems"][1] and "development" in content["problems"][2]


def test_classes_are_counted_for_each_partition(here: Path) -> None:
    """A class that is never learned, and a category by its name, which must be there."""
    classes = {"train": ["joy", "joy", "anger"], "development": ["joy", "anger"], "test1": ["joy", "fear", "fear"]}
    rows = [f"{p}{n},said {n},{p},{name}" for p, names in classes.items() for n, name in enumerate(names)]
    Path("names.csv").write_text("\n".join(["id,text,partition,emotion", *rows]))
    content = json.loads(done("check", "names.csv", "--json").stdout)
    assert content["categories"]["emotion"] == {
        "train": {"joy": 2, "anger": 1},
        "development": {"joy": 1, "anger": 1},
        "test1": {"joy": 1, "fear": 2},
    }
    assert any("not in train" in note and "fear" in note for note in content["notes"])
    assert "joy 2, anger 1" in done("check", "names.csv", "--dim", "emotion").stdout
    refused(probe("check", "names.csv", "--dim", "emotoin"), "dimension-unknown")


def test_a_corpus_that_is_not_there_is_an_error(here: Path) -> None:
    """It is not the same as a corpus with problems."""
    result = probe("check", "nowhere.csv")
    assert result.status == 1 and result.code is not None and result.stdout == ""


def test_what_is_known_to_be_true_of_the_built_in_world_is_printed(
    monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    """The bounds that any listener has, for no other corpus."""
    from probing.corpus import overview
    from probing.demo import script, truth

    bounds = truth.report(script.plan())
    found = overview.check(str(table))
    monkeypatch.setattr(overview, "check", lambda spec, dims: found)  # the corpus itself takes long to synthesise
    assert bounds in done("check", "demo").stdout and bounds not in done("check", table).stdout


def test_other_words_are_described(table: Path, here: Path) -> None:
    """Their origin and their word errors; ids that the corpus does not have are refused."""
    lines = ["id,text", *(f"u{number:02d},some word" for number in range(32))]
    Path("heard.csv").write_text("\n".join(lines))
    notes = json.loads(done("check", table, "--transcripts", "heard.csv", "--json").stdout)["notes"]
    assert any("heard" in note and "50.0%" in note for note in notes)
    Path("heard.csv").write_text("\n".join([*lines, "u99,extra"]))
    result = probe("check", table, "--transcripts", "heard.csv")
    assert result.status == 1 and result.code is not None


def test_words_are_not_damaged_on_purpose_here(table: Path) -> None:
    """`check` says what there is."""
    refused(probe("check", table, "--corrupt-words", 0.2), "usage", status=2)
