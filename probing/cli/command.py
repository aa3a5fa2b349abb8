"""What every command does beside its own work: old spellings still work, and a mistake is one message, no traceback."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable
from typing import Any

import click

from probing.cli.derive import respelled
from probing.cli.signals import terminable
from probing.environment import refuse_malformed, unset_empty
from probing.errors import FileSystemError, OptionError, ProbingError, Terminated
from probing.files.failures import WRITING, failure
from probing.runs.escapes import plain

_PLACES = ("--out", "--cache", "--runs")  # options that name where something is written
_READ_ALONE = ("corpus", "transcripts", "files")
_NO_TEXT = re.compile("[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8


class Refusal(click.ClickException):
    """A mistake or damage that the user can mend: exit status 1. `__cause__` is the error, with its code."""


class Interruption(click.ClickException):
    """Control-C; the exit status is that which a shell gives it."""

    exit_code = 128 + signal.SIGINT


class Termination(Interruption):
    """SIGTERM; the exit status is that which a shell gives it."""

    exit_code = 128 + signal.SIGTERM


class UsageRefusal(click.UsageError):
    """An option that cannot be meant: exit status 2. `__cause__` is the error, with its code."""


class Command(click.Command):
    """A command of `probe`.

    Args:
        resumes: Whether rerunning it after a kill resumes it.
    """

    def __init__(self, *args: Any, resumes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._resumes, self._typed = resumes, ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart; spellings of earlier versions are replaced first."""
        self._typed = shlex.join([*ctx.command_path.split(), *args])
        rest = super().parse_args(ctx, respelled(self.params, args))
        self._refuse_no_text(ctx)
        return rest

    def _refuse_no_text(self, ctx: click.Context) -> None:
        """Refuse names that are no UTF-8, which safetensors cannot write to: better now than at the end of a training.

        A corpus, its transcripts and recordings may have such names; they are only read, by Python itself.
        """
        for param in self.params:
            given = ctx.params.get(param.name or "")
            for value in given if isinstance(given, tuple) else (given,):
                if param.name not in _READ_ALONE and _NO_TEXT.search(str(value)):
                    flag = param.opts[0] if isinstance(param, click.Option) else param.human_readable_name
                    why, remedy = "its bytes are not UTF-8", "rename the file or folder, or choose another name"
                    error = OptionError(f"{flag} {plain(value)}", why, remedy, code="name-encoding")
                    raise UsageRefusal(str(error), ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user can mend becomes a message.

        Raises:
            click.ClickException: With the message; an OptionError leads to exit status 2, any other to 1.
        """
        try:
            with terminable():
                unset_empty()
                refuse_malformed()
                return super().invoke(ctx)
        except OptionError as error:
            raise UsageRefusal(str(error), ctx) from error
        except ProbingError as error:
            raise Refusal(str(error)) from error
        except KeyboardInterrupt as error:
            raise self._interrupted(error) from error
        except Exception as error:
            found = failure(error)
            if found is None:  # a mistake of ours; or `probe runs | head`, where click ends quietly
                raise
            named = self._with_places(found)
            named.__cause__ = error
            raise Refusal(str(named)) from named

    def _interrupted(self, error: KeyboardInterrupt) -> Interruption:
        """What to say of Control-C or SIGTERM."""
        again = f"rerun the command{' to resume' * self._resumes}: {self._typed}"
        if isinstance(error, Terminated):
            return Termination(f"terminated; {again}")
        return Interruption(f"interrupted; {again}")

    def _with_places(self, found: FileSystemError) -> FileSystemError:
        """The same, with the command's options that name another place, and the command that goes on where it stopped.

        What was finished stays, so nothing is lost.
        """
        if found.code not in WRITING:
            return found
        places = [flag for one in self.params for flag in one.opts if flag in _PLACES]
        remedy = found.remedy + f" ({', '.join(places)})" * bool(places)
        remedy += f"; then rerun the command to resume: {self._typed}" * self._resumes
        return FileSystemError(found.what, found.why, remedy, found.code)


def command(*, resumes: bool = False, epilog: str | None = None) -> Callable[[Callable[..., Any]], Command]:
    """A decorator that makes a function a command of its name.

    Args:
        resumes: Whether rerunning it after a kill resumes it.
        epilog: Text below the options.
    """

    def decorate(function: Callable[..., Any]) -> Command:
        made: Command = click.command(cls=Command, resumes=resumes, epilog=epilog)(function)
        return made

    return decorate
