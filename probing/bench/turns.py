"""Let the processes that measure take turns, so that a machine that is busy for a while slows all of them alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from probing.bench.subjects import Subject
from probing.bench.worker import Round, Task
from probing.errors import EncoderError, ProbingError

LIMIT, LEAST = 60.0, 3  # seconds that one subject's rounds may take, unless there were fewer than so many of them
_MOST_SAID = 300


@dataclass(frozen=True)
class Setting:
    """Where and how something is computed.

    Args:
        device: PyTorch's name of it.
        threads: Number of threads on a CPU; None: what PyTorch takes.
        full: Whether a batch has as many utterances as fill a GPU, or one.
    """

    device: str
    threads: int | None = None
    full: bool = False

    @property
    def shown(self) -> str:
        """What a progress bar calls it."""
        if self.device == "cpu":
            return "measure on the CPU" + (f", threads: {self.threads}" if self.threads else "")
        return f"measure on {self.device}, {'full batches' if self.full else 'one utterance'}"


@dataclass(frozen=True)
class Timing:
    """What one subject took in one setting.

    Args:
        setting: The setting.
        hardware: Model of the processor or the GPU.
        threads: Number of PyTorch's threads.
        torch: Its version.
        batches: Utterances in a batch, of each length.
        peaks: Bytes, of each length.
        rounds: Those that count.
    """

    setting: Setting
    hardware: str
    threads: int
    torch: str
    batches: tuple[int, ...]
    peaks: tuple[int | None, ...]
    rounds: tuple[Round, ...]


def timings(
    subjects: Sequence[Subject], setting: Setting, lengths: tuple[float, ...], repeats: int = 9, limit: float = LIMIT
) -> list[Timing]:
    """Measure some subjects in one setting, in turn.

    Args:
        subjects: All are held in memory at once, each in a process of its own.
        setting: Where they compute.
        lengths: Seconds of utterances, shortest first.
        repeats: Rounds of each, after one that does not count.
        limit: Seconds after which a subject has no further round, once it had three.

    Raises:
        EncoderError: One cannot be opened, or there is too little memory (code `bench-stopped`).
    """
    with ExitStack() as running:
        total = len(subjects) * (1 + repeats)
        bar = running.enter_context(tqdm(total=total, desc=setting.shown, unit="round", disable=None))
        workers = [running.enter_context(_started(subject, setting, lengths)) for subject in subjects]
        first = []
        for worker in workers:
            first.append(worker.round())
            bar.update()
        found: list[list[Round]] = [[] for _ in workers]
        for _ in range(repeats):
            for worker, own in zip(workers, found, strict=True):
                if len(own) < LEAST or worker.seconds(own, lengths) < limit:
                    own.append(worker.round())
                bar.update()
        return [
            Timing(
                setting,
                worker.said["hardware"],
                worker.said["threads"],
                worker.said["torch"],
                tuple(worker.said["batches"]),
                warm.peaks,
                tuple(own),
            )
            for worker, warm, own in zip(workers, first, found, strict=True)
        ]


class _Worker:
    """A process that measures.

    Args:
        process: It, started.
        errors: What it writes to stderr.
    """

    def __init__(self, process: subprocess.Popen[str], errors: TextIO) -> None:
        self._process, self._errors = process, errors
        self.said = self._answer()

    def round(self) -> Round:
        """One round."""
        assert self._process.stdin is not None  # it was opened
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it has ended; its last words are read below
            pass
        found = self._answer()
        return Round(*(tuple(found[name]) for name in ("wall", "processor", "peaks")))

    def seconds(self, rounds: Sequence[Round], lengths: Sequence[float]) -> float:
        """How long some rounds took."""
        batches = self.said["batches"]
        return sum(sum(w * b * s for w, b, s in zip(one.wall, batches, lengths, strict=True)) for one in rounds)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # it was opened
        line = self._process.stdout.readline()
        if not line:
            raise self._stopped()
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise ProbingError(*found["error"])
        return found

    def _stopped(self) -> EncoderError:
        status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().rpartition("\n")[2][-_MOST_SAID:]
        return EncoderError(
            "the process that measures has ended",
            said or f"with status {status}, as the system ends one that takes too much memory",
            "free memory, or name fewer encoders or shorter --seconds at a time",
            code="bench-stopped",
        )


@contextmanager
def _started(subject: Subject, setting: Setting, lengths: tuple[float, ...]) -> Iterator[_Worker]:
    """A process that is ready; it is ended with the block."""
    task = Task(subject.to_json(), setting.device, setting.threads, setting.full, lengths)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    if setting.threads is not None:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(setting.threads))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "probing.bench.worker", task.words()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            start_new_session=True,  # Control-C ends this process, which ends that one
        )
        try:
            yield _Worker(process, errors)
        finally:
            process.kill()
            process.communicate()
