"""Work in real processes that start at once: forked from one that has imported all that they need."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from probing.cache import writer
from probing.errors import CacheError
from probing.extraction import parts
from probing.extraction.extract import prepare
from probing.extraction.options import ExtractOptions, ExtractPlace

_PRELOADED = ["processes", "probing.encoders.speech", "transformers.models.wav2vec2.modeling_wav2vec2"]


class Started:
    """A running process, with the methods of `subprocess.Popen` that tests need.

    Args:
        target: What it runs.
        *words: Its arguments.
    """

    def __init__(self, target: Callable[..., None], *words: Any) -> None:
        context: Any = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])  # of the forkserver
        self._said = Path(tempfile.mkdtemp())
        self._process = context.Process(target=_captured, args=(self._said, target, words))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """Exit status, the signal's number with a minus where one ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Exit status, or None while it runs."""
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._process.is_alive():
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Wait for its end; what it wrote to stdout and to stderr."""
        self._process.join(timeout)
        assert self.returncode is not None, "it does not end"
        files = [self._said / name for name in ("stdout", "stderr")]
        out, err = (file.read_text("utf-8") if file.exists() else "" for file in files)
        return out, err


def _captured(said: Path, target: Callable[..., None], words: tuple[Any, ...]) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(said / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
    target(*words)


def extraction(table: Path, encoder: Path, options: dict[str, Any], out: Path, *instant: Any) -> None:
    """Extract, and print the cache's file, or say by which error it was refused.

    Args:
        table: The corpus.
        encoder: The encoder's folder.
        options: Of the extraction.
        out: Folder of all caches.
        *instant: Name of an instant, and how many times it comes before the process kills itself there.
    """
    if instant:
        _kill_at(*instant)
    try:
        cache = prepare(str(table), str(encoder), ExtractOptions(**options), ExtractPlace(out)).run()
    except CacheError as error:
        print(error.code, file=sys.stderr)
        sys.exit(1)
    print(cache.path if cache else "others")


def extraction_on_a_small_disk(table: Path, encoder: Path, options: dict[str, Any], out: Path, limit: int) -> None:
    """Extract where no file may grow beyond a limit, bytes, and print the error's code and message."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        prepare(str(table), str(encoder), ExtractOptions(**options), ExtractPlace(out)).run()
    except CacheError as error:
        print(error.code, error, sep="\n")
        sys.exit(1)


def command(place: Path, *words: str) -> None:
    """Type a `probe` command in a folder."""
    from probing.cli.main import main

    os.chdir(place)
    main(words, standalone_mode=False)


def transcription(table: Path, recogniser: Path, out: Path, batch: int) -> None:
    """Transcribe two utterances at a time; the process kills itself when it comes to a batch, counted from 1."""
    from probing.asr.options import TranscribeOptions, TranscribePlace
    from probing.asr.recogniser import Recogniser
    from probing.asr.transcribe import transcribe

    left = [batch]

    def reached(self: Any, *words: Any, real: Any = Recogniser.transcribe) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *words)

    Recogniser.transcribe = reached  # type: ignore[method-assign]
    transcribe(str(table), str(recogniser), TranscribeOptions(batch=2), TranscribePlace(out))


def _kill_at(instant: str, times: int) -> None:
    """Let this process kill itself when it comes to a named instant."""
    left = [times]

    def reached(name: str) -> None:
        left[0] -= name == instant
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    class Opened(writer.PartWriter):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            reached("partial opened")

    def replace(self: Path, target: Any, real: Any = Path.replace) -> Any:
        reached("before rename" if self.name.startswith("part-") else "plan written" if "plan" in self.name else "")
        return real(self, target)

    def create(self: Any, *words: Any, real: Any = h5py.File.create_virtual_dataset, **options: Any) -> Any:
        reached("virtual file")
        return real(self, *words, **options)

    parts.PartWriter = Opened  # type: ignore[misc]
    Path.replace = replace  # type: ignore[method-assign]
    h5py.File.create_virtual_dataset = create
