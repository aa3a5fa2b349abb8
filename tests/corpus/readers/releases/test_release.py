"""A release is found below the folder that is named, and its files are paired with its utterances."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from corpora import names_all, refusal, write

from probing.corpus.readers.releases import release
from probing.errors import CorpusError


def locate(folder: Path, leaves: tuple[str, ...] = ()) -> Path:
    """The file labels.txt in or below a folder."""
    return release.locate(
        folder,
        "Made-Up",
        lambda place: release.files_in(place, lambda name: name == "labels.txt"),
        what="labels files",
        looked_for="labels.txt",
        contents="labels.txt",
        leaves=leaves,
    )


@pytest.mark.parametrize("below", [".", "a", "a/b"])
def test_it_is_found_up_to_two_folders_down(tmp_path, below):
    """Where an archive unpacks into folders of its own."""
    file = write(tmp_path / below / "Labels.txt")
    assert locate(tmp_path) == file


def test_three_folders_down_is_too_far(tmp_path):
    """The message says what was looked for and how deep."""
    write(tmp_path / "a/b/c/labels.txt")
    assert names_all(
        refusal(CorpusError, "release-missing", locate, tmp_path), str(tmp_path), "labels.txt", "2 folders"
    )


def test_the_nearest_level_decides(tmp_path):
    """A release within a release is not looked for; two at one level are refused by name."""
    outer = write(tmp_path / "labels.txt")
    write(tmp_path / "a/labels.txt")
    write(tmp_path / "b/labels.txt")
    assert locate(tmp_path) == outer
    outer.unlink()
    assert names_all(refusal(CorpusError, "release-several", locate, tmp_path), "a/labels.txt, b/labels.txt")


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    """With the spelling of the corpus's prefix."""
    write(tmp_path / "file")
    assert names_all(refusal(CorpusError, "folder-missing", locate, tmp_path / name), name, "made-up:")


def test_hidden_folders_and_folders_of_utterances_are_not_searched(tmp_path):
    """Copies that macOS leaves behind are hidden; a folder of 100,000 files is not listed."""
    write(tmp_path / ".hidden/labels.txt")
    write(tmp_path / "Audio/labels.txt")
    refusal(CorpusError, "release-missing", locate, tmp_path, ("audio",))
    assert locate(tmp_path) == tmp_path / "Audio/labels.txt"


def test_files_and_folders_are_sorted_and_hidden_ones_left_out(tmp_path):
    """In every listing."""
    for name in ("b.txt", "A.TXT", "._b.txt", "sub/c.txt", "sub/._c.txt", ".sub/d.txt"):
        write(tmp_path / name)
    assert [path.name for path in release.files_in(tmp_path, lambda name: name.endswith(".txt"))] == ["A.TXT", "b.txt"]
    assert [path.name for path in release.folders(tmp_path)] == ["sub"]
    assert sorted(name for name, _ in release.walk(tmp_path / "sub")) == ["c.txt"]
    assert release.by_stem(release.walk(tmp_path / "sub"), ".txt") == {"c": f"{tmp_path}/sub/c.txt"}


def test_links_that_make_a_circle_are_walked_once(tmp_path):
    """Two of them would otherwise be followed forty levels down, 2^40 times; a link to itself is nothing."""
    file = write(tmp_path / "a" / "x.wav")
    for name in ("b", "c"):
        (tmp_path / "a" / name).symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    assert [path for name, path in release.walk(tmp_path / "a") if name == "x.wav"] == [str(file)]
    assert [path.name for path in release.folders(tmp_path / "a")] == ["b", "c"]
    assert release.files_in(tmp_path / "a", lambda name: name == "self") == []


def test_a_folder_within_a_folder_of_its_name_is_where_an_archive_was_unpacked(tmp_path):
    """In any case of letters; any other folder is itself."""
    (tmp_path / "Labels" / "labels").mkdir(parents=True)
    assert release.within_itself(tmp_path / "Labels") == tmp_path / "Labels" / "labels"
    assert release.within_itself(tmp_path / "Labels" / "labels") == tmp_path / "Labels" / "labels"
    assert release.descend(tmp_path, "LABELS") == tmp_path / "Labels" / "labels"


def test_folders_are_found_whatever_their_case(tmp_path):
    """Step by step; None where a step is missing."""
    (tmp_path / "Dialog" / "emoevaluation").mkdir(parents=True)
    assert release.descend(tmp_path, "dialog", "EmoEvaluation") == tmp_path / "Dialog" / "emoevaluation"
    assert release.descend(tmp_path, "dialog", "wav") is None


@pytest.mark.parametrize("name", ["a.b.wav", "a.wav", "a", ".wav"])
def test_a_stem_is_that_of_pathlib(name):
    """Made without it, for the sake of speed; a hidden file's name is its stem."""
    assert release.stem(name) == Path(name).stem


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "It’s"), ("utf-8-sig", "It’s"), ("cp1252", "It’s")])
def test_lines_are_read_in_the_encodings_that_occur(tmp_path, encoding, text):
    """UTF-8 with and without a byte order mark, and that of Windows."""
    assert release.read_lines(write(tmp_path / "t.txt", text, "me", encoding=encoding)) == [text, "me"]


def test_a_file_of_labels_is_bounded(tmp_path, monkeypatch):
    """It is refused before it is read."""
    file = write(tmp_path / "t.txt", "one")
    monkeypatch.setattr(release, "_MOST_BYTES", 2)
    assert names_all(refusal(CorpusError, "file-unreadable", release.read_lines, file), "t.txt")


def test_an_utterance_without_its_file_keeps_the_place_where_it_should_be(tmp_path):
    """It and the files that belong to no utterance are counted."""
    found = {"a": "/x/a.wav", "z": "/x/z.wav"}
    paths, notes = release.pair_audio(["a", "b"], found, lambda id_: tmp_path / id_, "there")
    assert paths == [Path("/x/a.wav"), tmp_path / "b"]
    assert notes[0] == "1 utterance without a file in there: b" and notes[1].startswith("1 file in there not used")


def test_transcripts_are_read_and_counted(tmp_path):
    """Spaces are joined, an empty file is a transcript, another encoding is none."""
    contents = {"a": b"\xef\xbb\xbf one\n two ", "b": b"\n", "c": b"it\x92s"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "e")  # which has no end
    files = {name: str(tmp_path / name) for name in "abce"}
    texts, notes = release.read_transcripts(["a", "b", "c", "d", "e"], files)
    assert texts == {"a": "one two", "b": ""}
    assert [note.rpartition(": ")[2] for note in notes] == ["d", "b", "c, e"]
