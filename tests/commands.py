"""Commands typed in a test: what they print, their exit status, and the code of the error that they ended with."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass

import click
from click.testing import CliRunner

from probing.errors import ProbingError

USAGE = "usage"  # the code of what click itself refuses: an unknown option, a value of another kind, no such choice


@dataclass(frozen=True)
class Typed:
    """What a command has done.

    Args:
        status: Its exit status.
        stdout: What it printed.
        stderr: Remarks and, at the end, its error.
        code: The code of the error that it ended with; None where it ended well, or only with a status.
    """

    status: int
    stdout: str
    stderr: str
    code: str | None

    @property
    def output(self) -> str:
        """All that it printed."""
        return self.stdout + self.stderr

    @property
    def paths(self) -> list[str]:
        """The lines that name what was written: those without blanks."""
        return [line for line in self.stdout.splitlines() if line and " " not in line]


def typed(command: click.Command, *words: object, environment: Mapping[str, str] | None = None) -> Typed:
    """Type a command; only a mistake that a user can mend may end it."""
    told = [str(word) for word in words]
    result = CliRunner().invoke(command, told, standalone_mode=False, env=environment)
    error = result.exception
    if not isinstance(error, click.ClickException):
        assert error is None or isinstance(error, SystemExit), result.exc_info
        return Typed(result.exit_code, result.stdout, result.stderr, None)
    with redirect_stderr(io.StringIO()) as shown:
        error.show()
    return Typed(error.exit_code, result.stdout, result.stderr + shown.getvalue(), _code(error))


def probe(*words: object, environment: Mapping[str, str] | None = None) -> Typed:
    """Type `probe` with some words."""
    from probing.cli.main import main

    return typed(main, *words, environment=environment)


def done(*words: object) -> Typed:
    """Type a `probe` command that must succeed."""
    result = probe(*words)
    assert (result.status, result.code) == (0, None), result.output
    return result


def refused(result: Typed, code: str, status: int = 1) -> None:
    """A command was refused: with this code and exit status, and one message."""
    assert (result.code, result.status) == (code, status), result.output
    assert "Error: " in result.stderr and "Traceback" not in result.output


def _code(error: click.ClickException) -> str | None:
    for one in _chain(error):
        if isinstance(one, ProbingError):
            return one.code
    return USAGE if isinstance(error, click.UsageError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__
