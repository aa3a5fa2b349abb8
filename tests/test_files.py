"""Names that are safe, writes that are whole or nothing, claims between processes, and JSON that may be damaged."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from corpora import names_all, refusal
from hypothesis import given
from hypothesis import strategies as st

from probing import files
from probing.errors import CacheError, ProbingError

PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


# Names


@given(st.text() | st.sampled_from(["..", ".", "", "/", "//", "../..", "a/../b", "...csv", "\\", "~", "-", "a\0b"]))
def test_a_slug_is_a_file_name_and_never_a_path(name):
    """No separators, not `.` or `..`, not hidden, not empty; a slug of a slug is itself."""
    found = files.slug(name)
    assert found and not set(found) & set("/\\\0")
    assert not found.startswith(".")
    assert files.slug(found) == found
    assert Path("/folder", found).parent == Path("/folder")


@given(st.from_regex(r"[A-Za-z0-9_@+][A-Za-z0-9_@.+-]{0,20}", fullmatch=True))
def test_plain_names_stay_as_they_are(name):
    """Names of presets and corpora are their own slugs."""
    assert files.slug(name) == name


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=4))
def test_a_digest_does_not_depend_on_the_order_of_keys(content):
    """Other content has another one."""
    assert files.digest(content) == files.digest(dict(reversed(content.items())))
    assert files.digest(content) != files.digest({**content, "more": 1})


def test_a_file_digest_is_that_of_its_bytes(tmp_path, monkeypatch):
    """Also of files longer than a block."""
    monkeypatch.setattr("probing.files.digests._BLOCK", 7)
    for size in (0, 6, 7, 8, 100):
        (tmp_path / "x").write_bytes(bytes(range(size)))
        assert files.file_digest(tmp_path / "x") == hashlib.sha256(bytes(range(size))).hexdigest()


def test_an_absolute_path_keeps_links(tmp_path, monkeypatch):
    """A link's own name may be the corpus's."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert files.absolute("link/x") == f"{tmp_path}/link/x"
    assert files.absolute("./a/../x") == f"{tmp_path}/x"


@given(PATHS)
def test_what_is_shown_of_a_path_leads_back_to_it(below):
    """From the present folder, and it looks neither like an option nor like a home folder."""
    path = os.path.normpath(f"{Path.cwd()}/{below}")
    shown = files.shown(path)
    assert files.absolute(shown) == path
    assert not shown.startswith(("-", "~"))


# Writing


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    """Until then what was there stays; its folder is made."""
    path = tmp_path / "new" / "x.txt"
    files.write_text(path, "old")
    with files.written_aside(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    """And nothing beside it."""
    path = tmp_path / "x.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.written_aside(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_says_of_which_file(tmp_path, monkeypatch):
    """The system's error has no name where a write fails, and that of the file aside where the renaming does."""
    path = tmp_path / "kept.txt"
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="space") as caught, files.written_aside(path):
        raise full
    assert caught.value.filename == str(path)
    monkeypatch.setattr(Path, "replace", _raising(full))
    with pytest.raises(OSError, match="space"):
        files.write_text(path, "x")
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_no_file_under_the_final_name(tmp_path):
    """Only one that is marked as partial."""
    code = (
        "import os, signal, sys; from pathlib import Path; from probing.files import written_aside\n"
        "with written_aside(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.txt")])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(files.PARTIAL)


@pytest.mark.parametrize("content", [{"a": [1, 2.5, None, "ü"]}, {}, {"name": "caf\udce9"}])
def test_json_is_read_as_it_was_written(tmp_path, content):
    """Also file names that are not UTF-8."""
    files.write_json(tmp_path / "x.json", content)
    assert files.read_json(tmp_path / "x.json", "-") == content


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(tmp_path, value):
    """A record with NaN could not be read by other programs."""
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"a": 1} {',
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": [-Infinity]}',
        b'{"a": 1e999}',
        b'{"a": "\xe9"}',
        b"\xff\xfe{}",
        b"\x00" * 10,
        b"[" * 200_000,
        b'{"a": ' * 100_000,
    ],
)
def test_damaged_json_is_refused_by_its_name(tmp_path, damage):
    """With what to do about it."""
    path = tmp_path / "x.json"
    path.write_bytes(damage)
    error = refusal(ProbingError, "damaged", files.read_json, path, "make it again")
    assert names_all(error, str(path)) and error.remedy == "make it again"


def test_a_missing_file_is_no_damage(tmp_path):
    """Whoever reads it says what its absence means."""
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "x.json", "-")


# Claims

HOLDER = (
    "import sys, time; from pathlib import Path; from probing.files import claim\n"
    "with claim(Path(sys.argv[1])) as held:\n"
    "    print(held, flush=True); time.sleep(float(sys.argv[2]))"
)


@contextmanager
def holder(path: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a claim."""
    words = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().strip() == "True"
        yield process


def test_one_process_at_a_time_holds_a_claim(tmp_path):
    """A second one is told, or waits; a killed holder blocks nobody."""
    with holder(tmp_path / "x", 60) as process:
        with files.claim(tmp_path / "x") as held:
            assert not held
        with files.claim(tmp_path / "y") as held:
            assert held
        process.kill()
    with files.claim(tmp_path / "x") as held:
        assert held


def test_who_waits_gets_it_and_says_so(tmp_path, capsys):
    """On stderr, with the name."""
    with holder(tmp_path / "x", 0.5) as process, files.claim(tmp_path / "x", wait=True) as held:
        assert held and process.wait() == 0
    assert str(tmp_path / "x") in capsys.readouterr().err


def test_a_claim_is_given_back_when_its_block_ends_or_fails(tmp_path):
    """So that it can be held again."""
    with pytest.raises(RuntimeError), files.claim(tmp_path / "x"):
        raise RuntimeError
    for _ in range(2):
        with files.claim(tmp_path / "x") as held:
            assert held


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, number):
    """With the option that needs none."""
    monkeypatch.setattr("filelock.FileLock.acquire", _raising(OSError(number, "no locks here")))
    with pytest.raises(CacheError) as caught, files.claim(tmp_path / "x"):
        pass
    assert caught.value.code == "no-locks" and "--shard" in caught.value.remedy


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.ENOENT, errno.EIO])
def test_what_else_goes_wrong_is_no_missing_lock(tmp_path, monkeypatch, number):
    """It stays the operating system's error, which names the file."""
    monkeypatch.setattr("filelock.FileLock.acquire", _raising(OSError(number, "no", "x")))
    with pytest.raises(OSError, match="no") as caught, files.claim(tmp_path / "x"):
        pass
    assert caught.value.errno == number


def _raising(error: Exception):
    def acquire(*_: object, **__: object) -> None:
        raise error

    return acquire


# What a person reads


@pytest.mark.parametrize(
    ("number", "shown"), [(512, "512 B"), (999, "999 B"), (1000, "1.00 kB"), (4.2e9, "4.20 GB"), (7.5e13, "75.0 TB")]
)
def test_sizes_have_three_digits_and_a_unit(number, shown):
    """In steps of 1000, as disks are sold."""
    assert files.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59.9, "00:59"), (3600, "1:00:00"), (360_000, "100:00:00")]
)
def test_durations_are_hours_minutes_and_seconds(seconds, shown):
    """Hours where there are any."""
    assert files.duration(seconds) == shown
