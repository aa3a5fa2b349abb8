"""Every file of a corpus is measured once; kills, damage and growth cost time, and never give a wrong number."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpora import names_all, record, refusal, save_table, write
from segmented import joined

from probing.audio.acoustics import NUISANCES, measures, nuisances, versions
from probing.audio.contours import Contours
from probing.audio.decode import load
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import AudioError, CacheError, CorpusError, OptionError
from probing.extraction import acoustics
from probing.extraction.acoustics import acoustics_of
from probing.extraction.measured import Table

ROWS = 8  # of `save_table`


def opened(table: Path, root: Path, **needs: bool) -> Checked:
    """A corpus whose audio has been scanned."""
    return check_corpus(CorpusSpec.resolve(str(table)), Needs(**{"audio": True, **needs}), cache=root)


@pytest.fixture
def corpus(tmp_path: Path) -> Checked:
    """Eight short recordings of noise."""
    return opened(save_table(tmp_path), tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of all caches."""
    return tmp_path / "cache"


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the recordings that are measured from now on, in this process."""
    done: list[str] = []
    own = acoustics._measure

    def counting(file, recipe):
        done.extend(one.utterance.id for one in file)
        return own(file, recipe)

    monkeypatch.setattr(acoustics, "_measure", counting)
    return done


def test_every_utterance_has_the_numbers_of_its_recording_in_the_corpuss_order(corpus, root):
    """They are those that the recipe gives for the file alone; the table lies beside the hidden states."""
    found = acoustics_of(corpus, root)
    assert found.path.parent == root / "labels" and found.path.name == f"acoustics-librosa-{found.identity[:8]}.csv"
    for row, utterance in enumerate(corpus.corpus.utterances):
        contours = Contours(load(utterance.path))
        assert dict(zip(found.names, found.values_NF[row], strict=True)) == measures(contours)
        apart = nuisances(contours)
        assert [found.nuisances[name][row] for name in NUISANCES] == [apart[name] for name in NUISANCES]
        assert found.nuisances["channel"][row].tolist() == [v for name, v in apart.items() if name not in NUISANCES]
    with found.path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["id", *(u.id for u in corpus.corpus.utterances)]


def test_the_table_is_written_as_the_page_on_the_cache_says(corpus, root):
    """A reader that knows only that page finds every check right."""
    found = acoustics_of(corpus, root)
    identity = hashlib.sha256(json.dumps(versions("librosa"), sort_keys=True).encode()).hexdigest()
    assert found.path.stem.rpartition("-")[2] == identity[:8]
    with found.path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    assert names[:2] == ["id", "audio"] and names[-1].startswith("check ")
    for cells in [names, *rows]:
        check = zlib.crc32("\x1f".join([identity, *cells[:-1]]).encode())
        assert cells[-1].removeprefix("check ") == f"{check:08x}"
    for cells, utterance in zip(rows, corpus.corpus.utterances, strict=True):
        assert int(cells[1]) == zlib.crc32(utterance.path.read_bytes())
        assert len(cells) == len(names)


def test_what_was_measured_is_read_and_nothing_is_written(corpus, root, count):
    """The second call measures nothing, gives the same numbers to the last bit, and leaves the file as it is."""
    first = acoustics_of(corpus, root)
    before = first.path.stat().st_mtime_ns
    again = acoustics_of(corpus, root)
    assert len(count) == ROWS
    assert np.array_equal(first.values_NF, again.values_NF) and first.names == again.names
    assert first.path.stat().st_mtime_ns == before


def test_a_corpus_that_has_grown_or_changed_measures_only_what_is_new(corpus, root, count, tmp_path):
    """One recording more and one replaced: two are measured, and order and selection follow the corpus."""
    first = acoustics_of(corpus, root)
    count.clear()
    table = tmp_path / "labels.csv"
    write(table, *table.read_text().splitlines(), "u8,u8.wav,train,n0,0.1,0.2,0.5,word")
    record(tmp_path / "u8.wav", seed=8)
    record(tmp_path / "u3.wav", seed=33)
    grown = acoustics_of(opened(table, root), root)
    assert sorted(count) == ["u3", "u8"]
    same = [0, 1, 2, 4, 5, 6, 7]
    assert np.array_equal(grown.values_NF[same], first.values_NF[same])
    assert not np.array_equal(grown.values_NF[3], first.values_NF[3])
    count.clear()
    some = replace(corpus, corpus=corpus.corpus.select(["test2"]))
    assert np.array_equal(acoustics_of(some, root).values_NF, first.values_NF[6:]) and not count


@pytest.mark.slow
def test_several_processes_give_the_numbers_of_one(corpus, root, tmp_path):
    """Bit by bit up to rounding in the last place, in the same order."""
    alone = acoustics_of(corpus, root, workers=1)
    together = acoustics_of(corpus, tmp_path / "other", workers=2)
    assert together.names == alone.names
    np.testing.assert_allclose(together.values_NF, alone.values_NF, rtol=1e-9, atol=1e-9)


def test_what_was_measured_before_an_error_is_kept(corpus, root, count, monkeypatch):
    """A recording that is changed meanwhile stops the work; the next command goes on where it stopped."""
    record(corpus.corpus.utterances[5].path, seed=55)
    error = refusal(CacheError, "audio-changed", acoustics_of, corpus, root)
    assert names_all(error, "u5.wav")
    count.clear()
    acoustics_of(opened(corpus.corpus.utterances[0].path.parent / "labels.csv", root), root)
    assert count == ["u5", "u6", "u7"]


def test_a_file_that_is_damaged_meanwhile_is_named(corpus, root):
    """By the error of the decoder."""
    corpus.corpus.utterances[2].path.write_bytes(b"RIFF")
    assert names_all(refusal(AudioError, "audio-damaged", acoustics_of, corpus, root), "u2.wav")


def flip(text: str) -> str:
    """Another digit somewhere in the numbers of the third row."""
    lines = text.splitlines(keepends=True)
    place = next(n for n, c in enumerate(lines[3]) if n > 60 and c.isdigit())
    lines[3] = lines[3][:place] + str((int(lines[3][place]) + 1) % 10) + lines[3][place + 1 :]
    return "".join(lines)


DAMAGE = {
    "cut in a row": (lambda text: text[: text.index("\nu4") + 99], 4),
    "another digit": (flip, ROWS - 1),
    "a row lost": (lambda text: "".join(text.splitlines(keepends=True)[:-1]), ROWS - 1),
    "rows of another id": (lambda text: text.replace("\nu1,", "\nu7,"), ROWS - 1),
    "another name": (lambda text: text.replace("loudness mean", "loudness sd", 1), 0),
    "a column more": (lambda text: text.replace(",check", ",more,check", 1), 0),
    "not a number": (lambda text: text.replace("\nu0,", "\nu0,nan,", 1), ROWS - 1),
    "an open quote": (lambda text: text.replace("\nu4,", '\n"u4,', 1), 4),
    "a NUL": (lambda text: text.replace("\nu4,", "\nu4\0,", 1), ROWS - 1),
    "empty": (lambda text: "", 0),
    "no table": (lambda text: "{}\n[]\n", 0),
}


@pytest.mark.parametrize(("harm", "kept"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_is_measured_again(corpus, root, count, harm, kept):
    """Every row is checked by itself: whatever happens to the file, numbers are right or are not there."""
    whole = acoustics_of(corpus, root)
    text = whole.path.read_text("utf-8")
    assert harm(text) != text
    whole.path.write_text(harm(text), "utf-8")
    count.clear()
    again = acoustics_of(corpus, root)
    assert np.array_equal(again.values_NF, whole.values_NF) and again.names == whole.names
    assert ROWS - len(count) == kept
    assert sorted(whole.path.read_text("utf-8").splitlines()) == sorted(text.splitlines())


def test_bytes_that_are_no_text_are_measured_again(corpus, root, count):
    """As a disk leaves them."""
    whole = acoustics_of(corpus, root)
    whole.path.write_bytes(b"\xff\xfe" + whole.path.read_bytes())
    assert np.array_equal(acoustics_of(corpus, root).values_NF, whole.values_NF)
    assert len(count) == 2 * ROWS


def test_rows_of_other_versions_and_infinite_ones_are_never_read(tmp_path):
    """Even where their check is right for the file that they were written in."""
    old = Table(tmp_path / "a.csv", "identity of yesterday")
    old.add(("u", 1), {"level": 1.0})
    old.add(("v", 2), {"level": float("inf")})
    old.write()
    assert list(Table.read(old.path, old.identity).rows) == [("u", 1)]
    assert Table.read(old.path, "identity of today").rows == {}


def test_ids_of_any_kind_come_back(tmp_path):
    """Commas, quotes, line breaks and other scripts are legal in ids."""
    table = Table(tmp_path / "a.csv", "i")
    keys = [('a,"b"', 0), ("two\nlines", 2**32 - 1), ("発話", 3), ("id", 4), ("", 5)]
    for key in keys:
        table.add(key, {"x": 0.1, "y, z": -1e-300})
    table.write()
    found = Table.read(table.path, "i")
    assert list(found.rows) == keys and found.names == ("x", "y, z")
    assert all(numbers.tolist() == [0.1, -1e-300] for numbers in found.rows.values())


def test_a_corpus_of_texts_has_no_acoustics(tmp_path, root):
    """The error says how many utterances lack a recording."""
    table = write(tmp_path / "t.csv", "id,partition,text,arousal", "u1,train,hello,0.5", "u2,train,bye,0.1")
    error = refusal(CorpusError, "acoustics-no-audio", acoustics_of, opened(table, root, audio=False), root)
    assert names_all(error, "2 of its 2", "u1")


def test_a_corpus_that_was_opened_without_its_audio_is_scanned(corpus, root):
    """So that a command which reads only hidden states need not decode everything for nothing."""
    unscanned = opened(corpus.corpus.utterances[0].path.parent / "labels.csv", root, audio=False)
    assert not unscanned.scan.checksums
    assert np.array_equal(acoustics_of(unscanned, root).values_NF, acoustics_of(corpus, root).values_NF)


def test_what_was_left_out_is_not_measured(corpus, root):
    """--allow-missing permits a damaged file, and a file that is damaged without it is named."""
    corpus.corpus.utterances[2].path.write_bytes(b"RIFF")
    spec = CorpusSpec.resolve(str(corpus.corpus.utterances[0].path.parent / "labels.csv"))
    fewer = check_corpus(spec, Needs(audio=True), allow_missing=1, cache=root)
    assert len(acoustics_of(fewer, root).values_NF) == ROWS - 1
    unscanned = check_corpus(spec, Needs(), cache=root)
    assert names_all(refusal(AudioError, "audio-damaged", acoustics_of, unscanned, root), "u2.wav")


def test_an_unknown_recipe_is_refused_with_those_that_there_are(corpus, root):
    """Before anything is read."""
    assert names_all(
        refusal(OptionError, "acoustics-recipe", acoustics_of, corpus, root, "praat"), "librosa", "egemaps"
    )


@pytest.mark.parametrize(("stated", "most"), [("1", 1), ("3", 3), ("", 16), ("many", 16), ("0", 16)])
def test_the_processes_are_bounded(monkeypatch, stated, most):
    """By OMP_NUM_THREADS where it is a number, by the cores, and by sixteen; few files need one."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 100)
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert acoustics._usual(1000) == most
    assert acoustics._usual(10) == 1


SCRIPT = """
from pathlib import Path
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.extraction import acoustics
acoustics.PART = 4
checked = check_corpus(CorpusSpec.resolve({table!r}), Needs(audio=True), cache=Path({root!r}))
print(acoustics.acoustics_of(checked, Path({root!r}), workers={workers}).path, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_loses_a_part_at_most_and_running_again_goes_on(tmp_path, root, workers):
    """The script has no guard, so processes that ran it again would end in an error."""
    rows = [f"u{n},u{n}.wav,train,s,0.5" for n in range(400)]
    table = write(tmp_path / "big.csv", "id,path,partition,speaker,arousal", *rows)
    for n in range(400):
        record(tmp_path / f"u{n}.wav", samples=4000, seed=n)
    script = write(tmp_path / "script.py", SCRIPT.format(table=str(table), root=str(root), workers=workers))
    process = subprocess.Popen([sys.executable, script], start_new_session=True, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list((root / "big").glob("acoustics-*.csv")) and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (path,) = (root / "big").glob("acoustics-*.csv")
    kept = path.read_text("utf-8").splitlines()
    assert 4 <= len(kept) - 1 < 400
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(path)]
    lines = path.read_text("utf-8").splitlines()
    assert lines[: len(kept)] == kept and len(lines) == 401
    assert not list((root / "big").glob("*.partial"))


def test_segments_have_the_acoustics_of_files(tmp_path, root, count):
    """In the corpus's order, though those of one recording are measured together; a change stops the work."""
    table = save_table(tmp_path / "files")
    long = joined(table, tmp_path / "long")
    corpus = opened(long, root)
    first = acoustics_of(corpus, root)
    assert count == ["u0", "u3", "u6", "u1", "u4", "u7", "u2", "u5"]
    assert np.array_equal(first.values_NF, acoustics_of(opened(table, root), root).values_NF)
    recording = long.with_name("long0.wav")
    recording.write_bytes(recording.read_bytes()[:-1] + b"\1")
    refusal(CacheError, "audio-changed", acoustics_of, corpus, tmp_path / "other")
