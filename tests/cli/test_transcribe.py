"""`probe transcribe` writes a table and prints its word errors."""

from __future__ import annotations

from pathlib import Path

from commands import done, probe, refused


def test_errors_and_paths_are_printed(spoken: Path, whisper: Path) -> None:
    """Two errors in five words of train; the default table carries the corpus's digest; typed again it is the same."""
    result = done("transcribe", spoken, "--asr", whisper)
    assert "40.0%" in result.stdout and "English normaliser" in result.stdout
    table, beside = result.paths
    assert table.startswith("transcripts/spoken-") and table.endswith("-whisper-two.csv") and Path(table).is_file()
    assert Path(beside) == Path(table).with_suffix(".json")
    assert done("transcribe", spoken, "--asr", whisper).stdout == result.stdout
    checked = done("check", spoken, "--transcripts", table)
    assert "whisper-two" in checked.stdout and "train 40.0%" in " ".join(checked.stdout.split())


def test_without_words_of_its_own_nothing_is_counted(spoken: Path, whisper: Path) -> None:
    """The table is written all the same."""
    lines = [line.rpartition(",")[0] for line in spoken.read_text().splitlines()]
    spoken.write_text("\n".join(lines) + "\n")
    result = done("transcribe", spoken, "--asr", whisper, "--out", "t.csv")
    assert "cannot be counted" in result.stdout and Path("t.csv").is_file()


def test_what_cannot_be_done_is_refused(spoken: Path, whisper: Path) -> None:
    """A language that it does not know, a recogniser that is none, a table that was made otherwise."""
    refused(probe("transcribe", spoken, "--asr", whisper, "--language", "fr"), "asr-language")
    refused(probe("transcribe", spoken, "--asr", "nobody/whisper"), "asr-unopened")
    refused(probe("transcribe", spoken, "--asr", "nosuch"), "asr-unknown")
    done("transcribe", spoken, "--asr", whisper, "--out", "t.csv")
    refused(probe("transcribe", spoken, "--asr", whisper, "--out", "t.csv", "--language", "de"), "transcripts-other")
