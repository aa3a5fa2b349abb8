"""A mistake is one message and an exit status; nothing that a user can mend shows a traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from commands import Typed, typed

from probing.cli.command import command
from probing.errors import CacheError, OptionError

RAISED: dict[str, BaseException] = {
    "cache": CacheError("c.h5", "it is damaged", "extract again", code="cache-damaged"),
    "option": OptionError("--snr 3", "nothing is heard", code="no-effect"),
    "interrupt": KeyboardInterrupt(),
    "read-only": OSError(errno.EROFS, "Read-only file system", "cache/demo"),
    "full": OSError(errno.ENOSPC, "No space left on device", "cache/demo"),
}


@command(resumes=True)
@click.argument("what")
@click.option("--cache", default=Path("cache"))
def fail(what: str, cache: Path) -> None:
    """Fail in some way."""
    raise RAISED[what]


@command()
def stop() -> None:
    """Be interrupted in something that is not resumed."""
    raise KeyboardInterrupt


def fail_by(what: str) -> Typed:
    """Type the command."""
    return typed(fail, what)


@pytest.mark.parametrize(
    ("what", "status", "code"), [("cache", 1, "cache-damaged"), ("option", 2, "no-effect"), ("full", 1, "disk")]
)
def test_an_error_has_a_status_and_keeps_its_code(what: str, status: int, code: str | None) -> None:
    """2 for what was typed, 1 for what was found; the code is that of the error itself."""
    result = fail_by(what)
    assert (result.status, result.code) == (status, code)
    assert result.stdout == "" and "Error: " in result.stderr


def test_the_message_is_the_error_s_own() -> None:
    """What happened, why, what to type next: nothing is added that had to be taken apart again."""
    assert fail_by("cache").stderr == f"Error: {RAISED['cache']}\n"


def test_a_place_that_cannot_be_written_names_the_options_that_name_another() -> None:
    """Only those that the command has; and the command that goes on, since what was finished stays."""
    for what in ("read-only", "full"):
        said = fail_by(what).stderr
        assert "(--cache)" in said and f"fail {what}" in said.splitlines()[-1] and "cache/demo" in said
    RAISED["gone"] = OSError(errno.ENOENT, "No such file", "cache/demo")
    assert "--cache" not in fail_by("gone").stderr and fail_by("gone").code == "vanished"


def test_an_interruption_says_whether_it_can_be_resumed() -> None:
    """The status is that which a shell gives to Control-C."""
    resumed, lost = fail_by("interrupt"), typed(stop)
    assert resumed.status == lost.status == 130
    assert "rerun the command to resume" in resumed.stderr and "resume" not in lost.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`probe runs | head` ends quietly: click's own treatment is left alone."""
    RAISED["pipe"] = BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert CliRunner().invoke(fail, ["pipe"]).output == ""
