"""A recogniser's words become a table; a kill loses nothing; errors are those that were planted."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
from processes import Started, transcription
from segmented import joined
from whisper import OWN, SAID

from probing.asr.finished import finished, head, line
from probing.asr.options import TranscribeOptions, TranscribePlace
from probing.asr.recogniser import Recogniser
from probing.asr.transcribe import Transcripts, transcribe
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import OptionError, ProbingError
from probing.files import claim, file_digest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_down(spoken: Path, whisper: Path, out: str = "t.csv", batch: int = 16, language: str = "en") -> Transcripts:
    """Transcribe into a table of the present folder."""
    return transcribe(str(spoken), str(whisper), TranscribeOptions(language, batch=batch), TranscribePlace(Path(out)))


def test_the_table_holds_what_was_said_and_the_errors_that_were_planted(whisper: Path, spoken: Path) -> None:
    """Counted by hand; an utterance without text counts for nothing."""
    found = write_down(spoken, whisper)
    table = pd.read_csv(found.table, dtype=str, keep_default_na=False)
    assert list(table.id) == [f"u{n}" for n in range(6)] and list(table.text) == SAID
    # train: low/low, high/high, low/high (a substitution), low low/low (a deletion): 2 errors in 5 words
    assert found.wer["train"] == {"wer": 0.4, "words": 5, "substitutions": 1, "deletions": 1, "insertions": 0}
    assert found.wer["test1"] == {"wer": 0.0, "words": 1, "substitutions": 0, "deletions": 0, "insertions": 0}
    assert (found.utterances, found.empty, found.language, found.asr) == (6, 0, "en", "whisper-two")
    assert found.parameters == Recogniser(str(whisper)).parameters
    made = json.loads(found.record.read_text())
    assert made["sha256"] == file_digest(found.table) and made["wer"] == found.wer
    assert sorted(p.name for p in Path().iterdir()) == ["cache", "spoken", "t.csv", "t.json"]


def test_the_table_brings_its_errors_and_its_place_along(whisper: Path, spoken: Path) -> None:
    """Read in place of the corpus's words it says who made it and how well; its path holds from every folder."""
    table = write_down(spoken, whisper).table
    spec = CorpusSpec.resolve(str(spoken), transcripts=table)
    words = check_corpus(spec, Needs(text=True)).words
    assert words.title == "whisper-two" and words.wer["train"]["wer"] == 0.4
    assert words.file == str(table.absolute()) and words.sha256 == file_digest(table)


def test_nothing_is_made_twice(whisper: Path, spoken: Path) -> None:
    """Called again, it gives the same and writes nothing."""
    first = write_down(spoken, whisper)
    before = {path: path.stat().st_mtime_ns for path in (first.table, first.record)}
    assert write_down(spoken, whisper) == first
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_two_corpora_of_one_name_have_a_table_each(whisper: Path, spoken: Path) -> None:
    """The default name holds the corpus's digest, since `spoken.csv` is everybody's name."""
    copy = Path(shutil.copytree(spoken.parent, "other")) / "spoken.csv"
    copy.write_text(copy.read_text().replace("u5,5.wav", "u5,4.wav"))
    tables = [transcribe(str(one), str(whisper)).table for one in (spoken, copy)]
    assert len(set(tables)) == 2
    assert all(t.parent == Path("transcripts") and t.name.endswith("-whisper-two.csv") for t in tables)
    assert [pd.read_csv(t).text.iloc[5] for t in tables] == ["low", "high"]


def test_a_corpus_that_has_moved_keeps_its_table(whisper: Path, spoken: Path) -> None:
    """What settles the transcripts is the audio, not where the corpus stands or what its file is called."""
    first = write_down(spoken, whisper)
    moved = Path(shutil.copytree(spoken.parent, "moved")) / "spoken.csv"
    moved = moved.rename(moved.with_name("renamed.csv"))
    shutil.rmtree(spoken.parent)
    assert write_down(moved, whisper) == first


def test_errors_are_counted_again_where_the_corpus_s_words_have_changed(whisper: Path, spoken: Path) -> None:
    """Without transcribing again: the table stays as it is."""
    table = write_down(spoken, whisper).table
    before = table.stat().st_mtime_ns
    spoken.write_text(spoken.read_text().replace("2.wav,train,low", "2.wav,train,high"))  # now that is right
    found = write_down(spoken, whisper)
    assert found.wer["train"]["substitutions"] == 0 and found.wer["train"]["wer"] == 0.2
    assert table.stat().st_mtime_ns == before
    assert json.loads(found.record.read_text())["wer"] == found.wer


@pytest.mark.parametrize("what", ["language", "audio", "table"])
def test_a_table_that_was_made_otherwise_is_kept(whisper: Path, spoken: Path, what: str) -> None:
    """Another language, other audio, or a table that somebody has edited: refused, and left as it is."""
    table = write_down(spoken, whisper).table
    if what == "audio":
        shutil.copy(spoken.parent / "0.wav", spoken.parent / "1.wav")
    if what == "table":
        table.write_text(table.read_text().replace("low", "lower"))
    before = table.read_bytes()
    with pytest.raises(ProbingError) as caught:
        write_down(spoken, whisper, language="de" if what == "language" else "en")
    assert caught.value.code == "transcripts-other" and table.read_bytes() == before


def test_killed_and_called_again_it_resumes_and_ends_the_same(whisper: Path, spoken: Path) -> None:
    """Killed at its second batch, then called with another batch: what was done is not done again."""
    process = Started(transcription, spoken, whisper, Path("t.csv").absolute(), 2)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    partial = Path("t.partial")
    assert not Path("t.csv").exists() and len(partial.read_text().splitlines()) == 3
    with partial.open("a") as file:
        file.write('["u2", "hi')  # cut off in the middle of a line
    partial.write_text(partial.read_text().replace(line("u0", "low"), line("u0", "kept")))  # what is done stays done
    found = write_down(spoken, whisper, batch=3)
    assert list(pd.read_csv(found.table).text) == ["kept", *SAID[1:]] and not partial.exists()


def test_what_was_begun_otherwise_is_not_mixed(whisper: Path, spoken: Path) -> None:
    """Half a table in another language is neither continued nor deleted."""
    Path("t.partial").write_text('{"made by": "another"}\n["u0", "tief"]\n')
    with pytest.raises(ProbingError) as caught:
        write_down(spoken, whisper)
    assert caught.value.code == "transcripts-begun" and "tief" in Path("t.partial").read_text()


def test_a_beginning_that_was_cut_off_is_begun_anew(whisper: Path, spoken: Path) -> None:
    """Killed before the first line was whole, nothing is known of what was begun."""
    Path("t.partial").write_text('{"made b')
    assert write_down(spoken, whisper).utterances == len(OWN)


def test_a_damaged_line_is_transcribed_again_and_the_others_kept(
    whisper: Path, spoken: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped letter, a line of something else; lines of an earlier version, which had no digests, are kept too."""
    begun: list[str] = []
    monkeypatch.setattr("probing.asr.transcribe.finished", lambda partial, mark: begun.append(mark) or {})
    write_down(spoken, whisper, "mark.csv")
    monkeypatch.undo()
    monkeypatch.chdir(spoken.parent.parent)
    wrong = [
        line("u1", "kept").replace("kept", "kelt"),
        "[]\n",
        "[[1, 2], 3]\n",
        "\0\n",
        line("u2", "kept")[:-4] + "\n",
    ]
    Path("t.partial").write_text(head(begun[0]) + line("u0", "kept") + "".join(wrong))
    found = write_down(spoken, whisper)
    assert list(pd.read_csv(found.table).text) == ["kept", *SAID[1:]]
    assert "5 lines damaged" in capsys.readouterr().err
    lines = [{"made by": begun[0]}, ["u0", "old"], ["u1"]]
    Path("o.partial").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert list(pd.read_csv(write_down(spoken, whisper, "o.csv").table).text) == ["old", *SAID[1:]]


@pytest.mark.parametrize("first", ["{", "[1, 2]", "7", '{"made by": "x", "more": 1}', "\0"])
def test_a_beginning_that_nobody_can_read_is_refused(tmp_path: Path, first: str) -> None:
    """What follows may be another recogniser's."""
    partial = tmp_path / "t.partial"
    partial.write_text(first + "\n" + line("u0", "low"))
    with pytest.raises(ProbingError) as caught:
        finished(partial, "x")
    assert caught.value.code == "transcripts-damaged" and partial.exists()


def test_what_stands_beside_the_table_has_a_digest_of_itself(whisper: Path, spoken: Path) -> None:
    """A changed error rate is no plausible one."""
    table = write_down(spoken, whisper)
    table.record.write_text(table.record.read_text().replace('"substitutions": 1', '"substitutions": 2'))
    with pytest.raises(ProbingError) as caught:
        write_down(spoken, whisper)
    assert caught.value.code == "transcripts-damaged"


def test_one_process_at_a_time_makes_a_table(whisper: Path, spoken: Path) -> None:
    """Two would write into one another's half."""
    with claim(Path("t.partial")) as held, pytest.raises(ProbingError) as caught:
        assert held
        write_down(spoken, whisper)
    assert caught.value.code == "transcripts-busy" and not Path("t.csv").exists()


def test_what_is_not_spoken_cannot_be_read_instead(whisper: Path, spoken: Path) -> None:
    """--transcripts has no meaning for the command that makes them."""
    spec = CorpusSpec.resolve(str(spoken), transcripts=spoken)
    with pytest.raises(OptionError) as caught:
        transcribe(spec, str(whisper))
    assert caught.value.code == "no-effect"


def test_segments_of_a_recording_are_transcribed_as_files_are(whisper: Path, spoken: Path) -> None:
    """With the same errors; the tables differ in what they were made from."""
    files = write_down(spoken, whisper, batch=2)
    parts = write_down(joined(spoken, Path("long")), whisper, "parts.csv", batch=2)
    assert parts.table.read_text() == files.table.read_text() and parts.wer == files.wer
    made = [json.loads(found.record.read_text()) for found in (files, parts)]
    assert made[0]["audio"] != made[1]["audio"]
