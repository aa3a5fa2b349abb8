"""SIGTERM ends a command as Control-C does: one message with what resumes it, and the exit status of the signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import click
import pytest
from commands import typed

from probing.cli.command import command
from probing.cli.signals import terminable
from probing.errors import Terminated

CLEANED: list[str] = []


@command(resumes=True)
@click.argument("what")
def work(what: str) -> None:
    """Be sent SIGTERM at work."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        CLEANED.append(what)


@pytest.fixture(autouse=True)
def default() -> Iterator[None]:
    """Signals do what they do by default, before and after."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    CLEANED.clear()
    yield
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, before)


def test_a_terminated_command_says_what_resumes_it() -> None:
    """It has been cleaned up after, and what was typed can be pasted."""
    result = typed(work, "a b")
    assert (result.status, result.code, CLEANED) == (143, None, ["a b"])
    assert "terminated" in result.stderr and "rerun the command to resume: work 'a b'" in result.stderr
    assert "Traceback" not in result.output


def test_a_second_signal_kills() -> None:
    """Whoever cannot be cleaned up after in time is killed as by default."""
    child = os.fork()
    if child == 0:
        try:
            with terminable():
                try:
                    os.kill(os.getpid(), signal.SIGTERM)
                finally:
                    os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM


def test_a_process_that_was_forked_dies_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """It is not the command, and must not print its message."""
    with terminable():
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_whose_exception_is_lost_is_sent_again(
    number: signal.Signals, error: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    """Python drops what is raised where an object is deleted, or after a fork, and would go on."""

    class Deleted:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)

    before = sys.unraisablehook
    control_c = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(error) as caught, terminable():
            one = Deleted()
            del one
            time.sleep(20)
    finally:
        signal.signal(signal.SIGINT, control_c)
    assert caught.type is error and sys.unraisablehook is before
    assert capfd.readouterr() == ("", "")


def test_what_else_is_lost_is_shown_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a deletion is none of ours."""
    shown: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: shown.append(lost.exc_type))

    class Deleted:
        def __del__(self) -> None:
            raise ValueError

    with terminable():
        one = Deleted()
        del one
    assert shown == [ValueError]


def test_a_program_around_the_command_keeps_its_own_handler() -> None:
    """A notebook's, or a server's."""
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_threads_other_than_the_first_handle_no_signals() -> None:
    """Python allows it nowhere else."""
    thread = threading.Thread(target=lambda: terminable().__enter__())
    thread.start()
    thread.join()
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_malformed_environment_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work, in every command."""
    monkeypatch.setenv("WORLD_SIZE", "abc")
    result = typed(work, "none")
    assert (result.status, result.code, CLEANED) == (1, "environment", [])
