"""Claims between processes, and names that are safe in a path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from probing.errors import CacheError
from probing.files import claim, slug

HOLD = "import sys; from probing.files import claim\nwith claim(sys.argv[1]) as held: print(held, flush=True); input()"


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds a claim until it is told to end."""
    code = HOLD.replace("sys.argv[1]", f"__import__('pathlib').Path({str(path)!r})")
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return process


def test_one_process_holds_a_claim_at_a_time(tmp_path: Path) -> None:
    """While another process writes a part nobody else can, and afterwards anybody can."""
    process = holder(tmp_path / "part")
    with claim(tmp_path / "part") as held:
        assert not held
    with claim(tmp_path / "other part") as held:
        assert held
    process.communicate("\n")
    with claim(tmp_path / "part") as held:
        assert held


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    """The operating system gives a dead process's claim back."""
    process = holder(tmp_path / "part")
    process.kill()
    process.communicate()
    with claim(tmp_path / "part", wait=True) as held:
        assert held


def test_a_claim_is_given_back_after_an_error(tmp_path: Path) -> None:
    """A failed part can be tried again."""
    with pytest.raises(RuntimeError), claim(tmp_path / "part"):
        raise RuntimeError
    with claim(tmp_path / "part") as held:
        assert held


def test_a_file_system_without_locks_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system knows no locks, shards are the way, and the error says so."""

    def refuse(self: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(CacheError) as caught, claim(tmp_path / "part"):
        pass
    assert caught.value.code == "no-locks" and "--shard" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", "demo"),
        ("facebook/hubert-base-ls960", "facebook--hubert-base-ls960"),
        ("hubert-base@random-layers3", "hubert-base@random-layers3"),
        ("Körper 日本 %b", "Körper_日本__b"),
        ("/a/b/", "a--b"),
        ("a:b*c?", "a_b_c_"),
        ("", "unnamed"),
        ("..", "_"),
        (".hidden", "_hidden"),
    ],
)
def test_slug(name: str, expected: str) -> None:
    """A name becomes a file name without separators, blanks or what shells read as patterns; never hidden, never up."""
    assert slug(name) == expected
