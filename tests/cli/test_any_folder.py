"""Folders as people have them, on the command line: bare recordings, and what is said without a pattern."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from builders import RATE, waveform
from commands import done, probe, refused

PATTERN = "{speaker}_{emotion}_{id}.wav"


@pytest.fixture
def bare(here: Path) -> Path:
    """Twelve recordings named by speaker and emotion."""
    folder = here / "recordings"
    folder.mkdir()
    for number in range(12):
        name = f"s{number % 3}_{('joy', 'anger')[number % 2]}_{number:02}.wav"
        soundfile.write(folder / name, waveform(0.3, number), RATE)
    return folder


def test_a_bare_folder_is_a_corpus(bare: Path) -> None:
    """Speakers, classes and splits come of its names alone."""
    content = json.loads(done("check", bare, "--pattern", PATTERN, "--json").stdout)
    assert content["count"] == 0 and content["partitions"]["unsplit"]["speakers"] == 3
    assert content["partitions"]["unsplit"]["utterances"] == 12
    split = json.loads(done("check", bare, "--pattern", PATTERN, "--split", "speaker:3", "--json").stdout)
    assert {name: part["utterances"] for name, part in split["partitions"].items()} == {
        "train": 4,
        "development": 4,
        "test2": 4,
    }


def test_a_bare_folder_without_a_pattern_is_refused(bare: Path) -> None:
    """The remedy is a pattern, or what is wrong with the one that was typed."""
    result = probe("check", bare)
    refused(result, "corpus-unknown")
    assert "--pattern" in result.output
    result = probe("check", bare, "--pattern", "{speaker}_{emotion}_{id}.flac")
    refused(result, "pattern-unmatched")
    assert "{speaker}_{emotion}_{id}'" in result.output
