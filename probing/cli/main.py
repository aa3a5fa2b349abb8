"""The command `probe`: its commands in the order of the workflow.

Results and paths go to stdout, progress to stderr. Heavy modules are imported inside the commands, once all options are
known to be right, so that `probe --help` and a mistyped option are answered at once.
"""

from __future__ import annotations

import atexit
import codecs
import gc
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from probing import __version__
from probing.cli.bench import bench
from probing.cli.check import check
from probing.cli.command import Refusal
from probing.cli.compare import compare
from probing.cli.evaluate import evaluate
from probing.cli.extract import extract
from probing.cli.figure import figure
from probing.cli.finetune import finetune
from probing.cli.fit import fit
from probing.cli.layers import layers
from probing.cli.predict import predict
from probing.cli.report import report
from probing.cli.runs import runs
from probing.cli.transcribe import transcribe
from probing.cli.verify import verify
from probing.files.failures import failure

_AS_IT_CAN = "probing.as-it-can"  # name of a treatment of characters that cannot be encoded
_TERMINAL = {"TQDM_NCOLS": "80", "TQDM_NROWS": "24"}  # for progress bars, where a terminal does not tell its size


class Workflow(click.Group):
    """A group whose help lists the commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order in which they were added."""
        return list(self.commands)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command; what the terminal's encoding does not have is no error."""
        if isinstance(sys.stdout, TextIOWrapper):
            codecs.register_error(_AS_IT_CAN, _as_it_can)
            sys.stdout.reconfigure(errors=_AS_IT_CAN)
        try:
            return super().main(*args, **extra)
        except OSError as error:  # help that cannot be written: a command refuses by itself
            found = failure(error)
            if found is None:
                raise
            Refusal(str(found)).show()
            sys.exit(Refusal.exit_code)


def _as_it_can(error: UnicodeError) -> tuple[str | bytes, int]:
    """A file name that is not UTF-8 as its bytes, so that it can be passed on; other characters as escapes."""
    if isinstance(error, UnicodeEncodeError):
        character = error.object[error.start]
        if "\udc80" <= character <= "\udcff":
            return bytes([ord(character) - 0xDC00]), error.start + 1
    return codecs.backslashreplace_errors(error)


@click.group(cls=Workflow, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="probe")
def main() -> None:
    """Which layers of a speech model carry arousal, valence and dominance?

    \b
    probe check                        what is in the built-in corpus, and whether it can be used
    probe extract --store pooled       the hidden states of its utterances into cache/
    probe fit --dim all --layers both  fit probes to them
    probe figure 2                     draw the importance of each layer
    probe layers                       how much of each layer is words, and how much is sound
    """
    # Threads that wait for work must sleep: by default OpenMP's spin, and take the processor from other processes.
    # PyTorch reads it when it is imported, which only the commands do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # At the end nothing is left to be collected: going through all that PyTorch has made would take half a second more.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    _settle_size_of_bars()


def _settle_size_of_bars() -> None:
    """On a terminal of no rows and columns (serial lines, some containers) tqdm would print blank lines."""
    try:
        size = os.get_terminal_size(sys.__stderr__.fileno()) if sys.__stderr__ else None
    except (OSError, ValueError):  # it is no terminal: then there is no bar
        return
    if size is not None and 0 in size:
        for name, value in _TERMINAL.items():
            os.environ.setdefault(name, value)  # read by tqdm when it is imported


_IN_ORDER = (
    *(check, extract, verify, fit, layers),
    *(finetune, evaluate, transcribe, predict),
    *(compare, figure, report, bench, runs),
)
for _command in _IN_ORDER:
    main.add_command(_command)
