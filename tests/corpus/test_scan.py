"""Every recording is decoded once: its length and checksum are found and remembered, or why it cannot be used."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from corpora import corpus_of, record

from probing.corpus import scan as module
from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan, audio_checksums, remembered, scan_audio, to_decode


@pytest.fixture
def recordings(tmp_path) -> Corpus:
    """Three whole files of different rates, one empty, one truncated, one missing, one utterance without audio."""
    for name, rate in {"a": 16_000, "b": 8000, "c": 48_000, "cut": 16_000}.items():
        record(tmp_path / f"{name}.wav", rate // 2, rate)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(cut.read_bytes()[:4000])
    (tmp_path / "zero.wav").touch()
    ids = ("a", "b", "zero", "c", "cut", "gone")
    utterances = [Utterance(id_, tmp_path / f"{id_}.wav", "train", "s", {"arousal": 2.0}) for id_ in ids]
    return corpus_of(*utterances, Utterance("mute", None, "train", "s", {"arousal": 2.0}))


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that are decoded, as it happens."""
    names: list[str] = []
    measure = module.measure_parts
    monkeypatch.setattr(module, "measure_parts", lambda path, parts: (names.append(path.name), measure(path, parts))[1])
    return names


@pytest.mark.parametrize("threads", [1, 3])
def test_a_scan_gives_length_and_checksum_of_every_file_or_what_is_wrong_with_it(recordings, threads):
    """Lengths are at 16 kHz; an utterance without audio is in no part of it."""
    scan = scan_audio(recordings.utterances, threads)
    assert scan.samples == {"a": 8000, "b": 8000, "c": 8000}
    codes = {id_: error.code for id_, error in scan.damaged.items()}
    assert codes == {"zero": "audio-empty", "cut": "audio-damaged", "gone": "audio-missing"}
    whole = [u for u in recordings.utterances if u.id in scan.samples]
    assert scan.checksums == {u.id: zlib.crc32(u.path.read_bytes()) for u in whole}


def test_a_scan_of_more_files_than_fit_one_chunk_is_complete(recordings, monkeypatch):
    """Chunks bound the memory and lose nothing."""
    monkeypatch.setattr(module, "_CHUNK", 2)
    scan = scan_audio(recordings.utterances)
    assert len(scan.samples) + len(scan.damaged) == 6


def test_a_scan_keeps_no_waveform_of_a_damaged_file(recordings):
    """An error with its traceback would keep the decoded audio."""
    scan = scan_audio(recordings.utterances)
    assert all(error.__traceback__ is None and error.__cause__ is None for error in scan.damaged.values())


def test_what_is_noted_of_a_file_is_summed_up_and_remembered(tmp_path):
    """One line for each kind of note, with the number of files and their names; a second scan says the same."""
    utterances = []
    for number in range(7):
        path = record(tmp_path / f"{number}.wav")
        raw = bytearray(path.read_bytes())
        raw[40:44] = bytes(4) if number else raw[40:44]  # all but the first state no size
        path.write_bytes(raw)
        utterances.append(Utterance(f"u{number}", path, "train"))
    memory = tmp_path / "audio.json"
    first = scan_audio(utterances, memory=memory)
    assert sorted(first.notes) == [f"u{number}" for number in range(1, 7)] and set(first.samples.values()) == {800}
    (line,) = first.remarks()
    assert line.startswith("6 audio files, each: ") and "u1, u2, u3, u4, u5, … (6 in all)" in line
    assert scan_audio(utterances, memory=memory) == first


def test_a_file_that_vanishes_while_it_is_read_is_damage_of_that_file(recordings, monkeypatch):
    """The others go on."""

    def vanishing(path: Path) -> int:
        if path.name == "a.wav":
            raise FileNotFoundError(2, "No such file or directory")
        return zlib.crc32(path.read_bytes())

    monkeypatch.setattr(module, "file_checksum", vanishing)
    scan = scan_audio(recordings.utterances)
    assert scan.damaged["a"].code == "audio-unreadable" and sorted(scan.samples) == ["b", "c"]


# The memory


def test_what_is_remembered_is_not_decoded_again(recordings, tmp_path, decoded):
    """Whole files are decoded once, damaged ones each time; the result is the same."""
    memory = tmp_path / "cache" / "audio.json"
    first = scan_audio(recordings.utterances, memory=memory)
    assert sorted(decoded) == ["a.wav", "b.wav", "c.wav", "cut.wav", "gone.wav", "zero.wav"]
    decoded.clear()
    second = scan_audio(recordings.utterances, memory=memory)
    assert sorted(decoded) == ["cut.wav", "gone.wav", "zero.wav"]
    assert (second.samples, second.checksums) == (first.samples, first.checksums)


def test_a_file_that_has_changed_is_decoded_again(recordings, tmp_path, decoded):
    """By its size or its time of change."""
    memory = tmp_path / "audio.json"
    scan_audio(recordings.utterances, memory=memory)
    decoded.clear()
    record(tmp_path / "a.wav", 4000, seed=1)
    os.utime(tmp_path / "b.wav", ns=(1, 1))
    scan = scan_audio(recordings.utterances, memory=memory)
    assert {"a.wav", "b.wav"} <= set(decoded) and "c.wav" not in decoded
    assert scan.samples["a"] == 4000


def test_the_memory_goes_by_absolute_paths(recordings, tmp_path, monkeypatch, decoded):
    """Two corpora of one name in two folders do not mix."""
    memory = tmp_path / "audio.json"
    scan_audio(recordings.utterances, memory=memory)
    decoded.clear()
    monkeypatch.chdir(tmp_path)
    relative = [Utterance("x", Path("a.wav"), "train")]
    assert scan_audio(relative, memory=memory).samples == {"x": 8000} and decoded == []
    record(tmp_path / "other" / "a.wav", 400)
    monkeypatch.chdir(tmp_path / "other")
    assert scan_audio(relative, memory=memory).samples == {"x": 400} and decoded == ["a.wav"]


def test_a_read_writes_nothing(recordings, tmp_path):
    """Neither the memory nor a folder for it."""
    before = sorted(tmp_path.rglob("*"))
    scan_audio(recordings.utterances, memory=tmp_path / "cache" / "audio.json", remember=False)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_memory_that_knows_everything_is_not_written_again(recordings, tmp_path):
    """Its file stays as it is."""
    memory = tmp_path / "audio.json"
    scan_audio(recordings.utterances, memory=memory)
    os.utime(memory, ns=(1, 1))
    scan_audio(recordings.utterances, memory=memory)
    assert memory.stat().st_mtime_ns == 1


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"path": ["A"], "size": ["S"], "changed": ["C"], "samples": ["many"], "checksum": [1]}',
        '{"path": [], "size": [1], "changed": [1], "samples": [1], "checksum": [1]}',
        '{"path": ["A"], "size": [1], "changed": [1], "samples": [NaN], "checksum": [1]}',
        '{"path": ["A"], "size": [1], "changed": [1], "samples": [1]}',
        '{"path": 1, "size": 2, "changed": 3, "samples": 4, "checksum": 5}',
        '{"path": ["A"], "size": ["S"], "changed": ["C"], "samples": [1], "checksum": [1]}',  # of an earlier version
        '{"path": ["A"], "size": ["S"], "changed": ["C"], "samples": [1], "checksum": [1], "notes": {"A": [1]}}',
    ],
)
def test_a_damaged_memory_is_made_anew(recordings, tmp_path, damage):
    """It only saves time."""
    memory = tmp_path / "audio.json"
    status = (tmp_path / "a.wav").stat()
    text = damage.replace('"A"', json.dumps(str(tmp_path / "a.wav")))
    memory.write_text(text.replace('"S"', str(status.st_size)).replace('"C"', str(status.st_mtime_ns)))
    assert scan_audio(recordings.utterances, memory=memory).samples == {"a": 8000, "b": 8000, "c": 8000}
    assert len(json.loads(memory.read_text())["path"]) == 3


def test_a_memory_of_version_0_1_0_keeps_what_it_knows(recordings, tmp_path, decoded):
    """It has no notes, and accepted what is refused now: its checksums hold, but each file is decoded once more."""
    memory, whole = tmp_path / "audio.json", [u for u in recordings.utterances if u.id in "abc"]
    first = scan_audio(whole, memory=memory)
    table = json.loads(memory.read_text())
    del table["notes"]
    memory.write_text(json.dumps(table))
    decoded.clear()
    assert remembered(whole, memory).checksums == first.checksums and decoded == []
    assert to_decode(whole, memory)
    scan_audio(whole[:1], memory=memory)  # the others stay as they are
    assert remembered(whole, memory).checksums == first.checksums
    assert not to_decode(whole[:1], memory) and to_decode(whole[1:2], memory)
    assert scan_audio(whole, memory=memory) == first and sorted(decoded) == ["a.wav", "b.wav", "c.wav"]


def test_a_memory_that_cannot_be_written_ends_nothing(recordings, tmp_path, monkeypatch, capsys):
    """Its disk may be full; that is said once."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_text", full)
    memory = tmp_path / "audio.json"
    assert scan_audio(recordings.utterances, memory=memory).samples == {"a": 8000, "b": 8000, "c": 8000}
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and f"{memory}" in said[0] and "No space left" in said[0]


def test_a_path_that_is_not_utf_8_is_remembered(tmp_path, decoded):
    """Old file systems have such names."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    record(tmp_path / "a.wav").rename(path)
    for _ in range(2):
        assert scan_audio([Utterance("x", path, "train")], memory=tmp_path / "audio.json").samples == {"x": 800}
    assert len(decoded) == 1


def test_remembered_checksums_are_those_of_unchanged_files(recordings, tmp_path, decoded):
    """Nothing is decoded for them."""
    memory = tmp_path / "audio.json"
    assert remembered(recordings.utterances, memory).checksums == {}
    scan = scan_audio(recordings.utterances, memory=memory)
    decoded.clear()
    (tmp_path / "a.wav").unlink()
    os.utime(tmp_path / "b.wav", ns=(1, 1))
    assert remembered(recordings.utterances, memory).checksums == {"c": scan.checksums["c"]}
    assert decoded == []


def test_only_a_file_that_is_there_and_unknown_is_to_be_decoded(recordings, tmp_path, decoded):
    """Missing files and utterances without audio are not; one that has changed is."""
    memory = tmp_path / "audio.json"
    sound = [u for u in recordings.utterances if u.id in ("a", "b", "c", "gone", "mute")]
    assert to_decode(sound, memory)
    scan_audio(sound, memory=memory)
    decoded.clear()
    assert not to_decode(sound, memory)
    os.utime(tmp_path / "b.wav", ns=(1, 1))
    assert to_decode(sound, memory) and decoded == []


# Segments


def segments(path: Path, count: int = 6) -> list[Utterance]:
    """Segments of .1 s of one recording, those in front without a pause."""
    return [Utterance(f"s{n}", path, "train", segment=(n / 10, (n + 1) / 10)) for n in range(count)]


def test_a_recording_is_decoded_once_for_all_of_its_segments(tmp_path, decoded):
    """Lengths are their own; checksums stand for the file and the place; contents are those of files cut beforehand."""
    path = record(tmp_path / "long.wav", 9600)
    parts = [*segments(path), Utterance("whole", path, "train"), Utterance("late", path, "train", segment=(0.5, 9.0))]
    scan = scan_audio(parts)
    assert decoded == ["long.wav"]
    assert scan.samples == {**{f"s{n}": 1600 for n in range(6)}, "whole": 9600}
    assert {id_: error.code for id_, error in scan.damaged.items()} == {"late": "audio-segment"}
    of_file = zlib.crc32(path.read_bytes())
    assert scan.checksums == {"whole": of_file} | {
        f"s{n}": zlib.crc32(f"{1600 * n} {1600 * (n + 1)}".encode(), of_file) for n in range(6)
    }
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(tmp_path / "cut.flac", samples[3200:4800], rate)
    assert scan.content["s2"] == scan_audio([Utterance("cut", tmp_path / "cut.flac", "train")]).content["cut"]
    assert len(set(scan.content.values())) == 7


def test_segments_are_remembered_by_their_place(tmp_path, decoded):
    """A new one alone is found in one more pass; other bytes, or another place, are another checksum."""
    memory, path = tmp_path / "audio.json", record(tmp_path / "long.wav", 9600)
    first = scan_audio(segments(path, 5), memory=memory)
    assert remembered(segments(path), memory) == first and to_decode(segments(path), memory)
    decoded.clear()
    assert scan_audio(segments(path, 5), memory=memory) == first and decoded == []
    whole = scan_audio(segments(path), memory=memory)
    assert decoded == ["long.wav"] and whole.checksums["s5"] not in first.checksums.values()
    assert audio_checksums(segments(path)) == whole.checksums
    assert remembered([Utterance("all", path, "train")], memory) == AudioScan()
    record(path, 9600, seed=1)
    other = scan_audio(segments(path), memory=memory)
    assert not set(other.checksums.values()) & set(whole.checksums.values())


def test_a_memory_without_contents_keeps_what_it_knows(recordings, tmp_path, decoded):
    """Version 0.1.0 and what came after it took no digest of the samples; nothing is decoded for them."""
    memory, whole = tmp_path / "audio.json", [u for u in recordings.utterances if u.id in "abc"]
    first = scan_audio(whole, memory=memory)
    table = json.loads(memory.read_text())
    del table["content"]
    memory.write_text(json.dumps(table))
    decoded.clear()
    assert scan_audio(whole, memory=memory) == replace(first, content={}) and decoded == []
    assert sorted(first.content) == ["a", "b", "c"]
