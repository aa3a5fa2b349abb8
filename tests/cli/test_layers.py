"""`probe layers` writes a run and prints its numbers; what it cannot analyse is refused with what to type."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from commands import USAGE, Typed, done, probe, refused

FEW = ["--random", 1, "--orders", 1]
QUICK = [*FEW, "--acoustics", "none", "--dim", "valence"]


@pytest.fixture
def words(read_aloud: dict[str, Path]) -> list[object]:
    """What names the corpus, the encoder and the caches."""
    return [read_aloud["table"], "--encoder", read_aloud["encoder"], "--cache", read_aloud["cache"]]


@pytest.fixture
def text(read_aloud: dict[str, Path]) -> list[object]:
    """What names the text encoder."""
    return ["--text", read_aloud["text"]]


def test_an_analysis_prints_what_it_writes(words: list[object], text: list[object]) -> None:
    """Every dimension by depth, the claims, the notes and the files, within 120 columns; a dash for no number."""
    found = done("layers", *words, *text, *FEW)
    (folder,) = Path("runs").iterdir()
    assert [Path(path).name for path in found.paths] == ["record.json", "contents.csv", "words.csv"]
    assert all(len(line) <= 120 for line in found.stdout.splitlines() if line not in found.paths)
    assert not re.search(r"\bnan\b|-0\.00\s", found.stdout)
    table = pd.read_csv(folder / "contents.csv").set_index(["target", "layer", "part", "measure"]).value.sort_index()
    for dim in ("arousal", "valence", "dominance"):
        head, *lines = _printed(found, dim)
        assert " ".join(head.split()) == f"{dim} R² words sound both own drop words drop sound drop speaker"
        for layer, line in enumerate(lines):
            cells = [("layer", "r2"), ("layer&words", "share"), ("layer&sound", "share")]
            expected = [table[dim, layer, part, measure] for part, measure in cells]
            assert [float(cell) for cell in line.split()[2:5]] == pytest.approx(expected, abs=0.006)
    record = json.loads((folder / "record.json").read_text())
    assert record["command"] == "layers" and record["configuration"]["options"]["randoms"] == 1
    assert all(finding["claim"] in " ".join(found.stdout.split()) for finding in record["findings"])


def test_words_and_sound_can_be_left_out(words: list[object]) -> None:
    """What is left out has no column; the speaker is still erased."""
    found = done("layers", *words, "--text", "none", *QUICK, "--random", 0)
    head, *lines = _printed(found, "valence")
    assert head.split() == ["valence", "R²", "drop", "speaker"] and len(lines) == 4
    (folder,) = Path("runs").iterdir()
    assert not (folder / "words.csv").exists()
    assert "random" not in set(pd.read_csv(folder / "contents.csv").measure)


@pytest.mark.parametrize(
    ("more", "code", "status"),
    [
        (["--orders", "0"], "option-bounds", 2),
        (["--random", "-1"], "option-bounds", 2),
        (["--acoustics", "praat"], USAGE, 2),
        (["--dim", "joy"], "dimension-unknown", 1),
        (["--text", "nobody-knows-it"], "encoder-unknown", 1),
        (["--encoder-layers", "1"], "cache-missing", 1),
        (["--dtype", "float32"], "cache-fingerprint", 1),
        (["--system", "nowhere"], "no-run", 1),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[object], text: list[object], more: list[str], code: str, status: int
) -> None:
    """Before anything is measured, and without a run's folder."""
    refused(probe("layers", *words, *text, *QUICK, *more), code, status)
    assert not Path("runs").exists()


def test_encoders_in_each_other_s_place_are_refused(words: list[object], read_aloud: dict[str, Path]) -> None:
    """No text encoder, audio for words, an encoder beside itself, and one cache file for several encoders."""
    refused(probe("layers", *words, *QUICK), "no-text", 2)
    refused(probe("layers", *words, *QUICK, "--text", read_aloud["encoder"]), "not-text", 2)
    refused(probe("layers", *words, *QUICK, "--text", "none", "--beside", read_aloud["encoder"]), "beside-twice", 2)
    (cache,) = (path for path in read_aloud["cache"].glob("*/*.h5") if "reader" not in path.name)
    refused(probe("layers", *words, *QUICK, "--text", "none", "--cache", cache), "one-cache", 2)
    assert not Path("runs").exists()


def test_without_a_cache_of_the_words_the_command_to_type_is_named(
    words: list[object], text: list[object], table: Path
) -> None:
    """Typed as it stands, it makes what is missing."""
    asked = [*words[:-1], "caches", *text, *QUICK]
    for _ in ("the encoder", "the text encoder"):
        result = probe("layers", *asked)
        refused(result, "cache-missing")
        (line,) = [line for line in result.stderr.splitlines() if "probe extract" in line]
        done(*shlex.split(line[line.index("probe extract") :])[1:])
    done("layers", *asked)


def test_labels_that_say_nothing_are_refused(
    words: list[object], text: list[object], read_aloud: dict[str, Path]
) -> None:
    """A constant, and a dimension that nobody of development is rated on."""
    rows = pd.read_csv(read_aloud["table"])
    changes = {
        "constant-labels": rows.assign(valence=0.5),
        "unlabelled": rows.assign(valence=rows.valence.where(rows.partition != "development")),
    }
    for code, changed in changes.items():
        changed.to_csv("changed.csv", index=False)
        refused(probe("layers", "changed.csv", *words[1:], *text, *QUICK), code)


def _printed(found: Typed, dim: str) -> list[str]:
    """The lines of one dimension, the columns' names first."""
    lines = found.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{dim} "))
    return lines[start : lines.index("", start)]
