"""The built-in corpus is written whole, bit by bit the same, by one process or several, or not at all."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import names_all, refusal
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE, load
from probing.corpus.identity import identify
from probing.corpus.readers.tables.table import read
from probing.demo import corpus as demo
from probing.demo import script
from probing.demo.corpus import speak, write_demo
from probing.demo.language import LEXICON
from probing.errors import CorpusError

FEW = {"train": 4, "development": 2, "test1": 2, "test2": 4}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"), FEW, progress=False)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_table_is_complete_and_every_file_loads(written: Path) -> None:
    """Columns, ratings, relative paths; each recording is 1.5–5 s of mono FLAC at 16 kHz with 16 bits."""
    rows = rows_of(written)
    assert list(rows[0]) == ["id", "path", "partition", "speaker", "arousal", "valence", "dominance", "text", "sex"]
    assert Counter(row["partition"] for row in rows) == FEW
    lexicon = {str(word) for word in LEXICON}
    for row in rows:
        assert row["path"] == f"audio/{row['id']}.flac"
        assert all(1 <= float(row[dimension]) <= 7 for dimension in ("arousal", "valence", "dominance"))
        assert set(row["text"].split()) <= lexicon
        info = soundfile.info(written.parent / row["path"])
        assert (info.format, info.subtype, info.channels, info.samplerate) == ("FLAC", "PCM_16", 1, SAMPLE_RATE)
        assert 1.5 * SAMPLE_RATE <= len(load(written.parent / row["path"])) <= 5 * SAMPLE_RATE


def test_low_voices_are_male_and_high_ones_female(written: Path) -> None:
    """The table's sex is that of the voice that is heard, and the corpus's identity does not depend on it."""
    base = {speaker.name: speaker.f0 for speaker in script.cast()}
    rows = rows_of(written)
    assert {row["sex"] for row in rows} == {"male", "female"}
    assert all((row["sex"] == "male") == (base[row["speaker"]] < 150) for row in rows)
    corpus = read(written, script.SCALE)
    assert [utterance.sex for utterance in corpus.utterances] == [row["sex"] for row in rows]
    nobody = replace(corpus, utterances=tuple(replace(one, sex=None) for one in corpus.utterances))
    assert identify(nobody, text=True) == identify(corpus, text=True)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(written: Path, tmp_path: Path) -> None:
    """Two folders of one seed are equal file by file; another seed changes table and audio."""
    again = write_demo(tmp_path / "again", FEW, progress=False)
    assert contents(again.parent) == contents(written.parent)
    other = write_demo(tmp_path / "other", FEW, seed=1, progress=False)
    assert other.read_bytes() != written.read_bytes()
    first = rows_of(written)[0]["path"]
    assert (other.parent / first).read_bytes() != (written.parent / first).read_bytes()


def test_an_utterance_does_not_depend_on_what_was_spoken_before_or_beside_it() -> None:
    """Lines spoken backwards in four threads are the lines spoken forwards in one."""
    lines = script.plan(FEW)
    forwards = {line.id: speak(line) for line in lines}
    threaded: dict[str, NDArray[np.float32]] = {}
    threads = [
        threading.Thread(target=lambda part=lines[i::4]: threaded.update({li.id: speak(li) for li in reversed(part)}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(forwards[name], threaded[name]) for name in forwards)


def test_a_whole_corpus_is_found_and_not_made_again(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call speaks nothing and returns the same path."""
    monkeypatch.setattr(demo, "speak", lambda *_: pytest.fail("it was made again"))
    assert write_demo(written.parent, FEW, progress=False) == written


def cut_table(folder: Path) -> None:
    table = folder / "demo.csv"
    table.write_bytes(table.read_bytes()[:-30])


def other_version(folder: Path) -> None:
    made = json.loads((folder / "demo.json").read_text())
    (folder / "demo.json").write_text(json.dumps({**made, "version": 0}))


def cut_audio(folder: Path) -> None:
    file = folder / "audio" / "demo-0003.flac"
    file.write_bytes(file.read_bytes()[:1000])


@pytest.mark.parametrize(
    "harm",
    [
        cut_table,
        other_version,
        cut_audio,
        lambda folder: (folder / "audio" / "demo-0003.flac").unlink(),
        lambda folder: (folder / "demo.csv").unlink(),
        lambda folder: (folder / "demo.json").write_text("[]"),
        lambda folder: (folder / "demo.json").unlink(),
    ],
    ids=["cut table", "version", "cut audio", "no audio", "no table", "json of another kind", "no json"],
)
def test_a_stale_or_damaged_corpus_is_made_anew(harm: object, tmp_path: Path) -> None:
    """Whatever is cut, missing or of another version, the next call mends it and leaves nothing beside."""
    few = {"train": 2, "test2": 2}
    table = write_demo(tmp_path, few, progress=False)
    whole = contents(tmp_path)
    harm(tmp_path)  # type: ignore[operator]
    assert write_demo(tmp_path, few, progress=False) == table
    assert contents(tmp_path) == whole


def test_other_counts_in_the_same_folder_make_it_anew(tmp_path: Path) -> None:
    """Asking for more utterances than are there gives them all."""
    write_demo(tmp_path, {"train": 1}, progress=False)
    assert len(rows_of(write_demo(tmp_path, {"train": 2, "test2": 1}, progress=False))) == 3


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the third utterance fails, nothing that looks finished is there, and the next call finishes."""
    spoken: list[script.Line] = []

    def speak_two(line: script.Line, seed: int = 0) -> NDArray[np.float32]:
        if len(spoken) == 2:
            raise KeyboardInterrupt
        spoken.append(line)
        return speak(line, seed)

    monkeypatch.setattr(demo, "speak", speak_two)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path, FEW, progress=False)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    monkeypatch.undo()
    assert len(rows_of(write_demo(tmp_path, FEW, progress=False))) == sum(FEW.values())


def test_what_a_killed_run_left_aside_is_cleared_away_later(tmp_path: Path) -> None:
    """An old unfinished folder goes; a young one, which may belong to a running process, stays."""
    for name in (".making-old", ".making-young"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / ".making-old", (0, 0))
    write_demo(tmp_path, {"train": 1}, progress=False)
    assert [p.name for p in tmp_path.glob(".making-*")] == [".making-young"]


def write_elsewhere(folder: Path, counts: dict[str, int], threads: int = 1) -> subprocess.Popen[bytes]:
    """Another process that writes the corpus."""
    call = f"write_demo(pathlib.Path({str(folder)!r}), {counts})"
    code = f"import pathlib; from probing.demo.corpus import write_demo; {call}"
    root = str(Path(demo.__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment)


def test_processes_at_once_do_not_break_each_other(written: Path, tmp_path: Path) -> None:
    """Two processes with other numbers of threads write one folder; it is bit-equal to one that was written alone."""
    processes = [write_elsewhere(tmp_path, FEW, threads) for threads in (1, 4)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert contents(tmp_path) == contents(written.parent)


def test_a_kill_leaves_no_table_and_the_next_run_finishes(tmp_path: Path) -> None:
    """After SIGKILL in the middle there is neither table nor audio in its place, and a new call writes all."""
    process = write_elsewhere(tmp_path, {"train": 5000})
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".making-*/*0003.flac")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".making-*/*.flac"))
    assert not (tmp_path / "demo.csv").exists() and not list((tmp_path / "audio").iterdir())
    assert len(rows_of(write_demo(tmp_path, {"train": 2}, progress=False))) == 2


def test_a_folder_that_cannot_be_written_is_an_error_that_a_user_can_mend(tmp_path: Path) -> None:
    """A file where the folder should be: the error names it."""
    (tmp_path / "taken").write_text("")
    error = refusal(CorpusError, "not-writable", write_demo, tmp_path / "taken", FEW, progress=False)
    assert names_all(error, str(tmp_path / "taken"))
