"""The process that computes: one subject on one device with one number of threads, so that both are really its own.

    python -m probing.bench.worker TASK     TASK: JSON, as `probing.bench.turns` writes it

It answers every line that it is sent by one round over all lengths, as a line of JSON, and ends when its input ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from probing.bench.machine import hardware
from probing.bench.memory import forget_peak, peak
from probing.bench.opening import Compute, ready, utterance
from probing.bench.subjects import Subject
from probing.errors import ProbingError

FULL_SECONDS = 240.0  # of audio in a batch that fills a GPU: what `probe extract` takes there
_SHORTEST = 0.1  # seconds: a pass that takes less is repeated within a round


@dataclass(frozen=True)
class Task:
    """What a process is to measure.

    Args:
        subject: As `Subject.to_json` gives it.
        device: PyTorch's name of it.
        threads: Number of threads on a CPU; None: what PyTorch takes.
        full: Whether a batch has as many utterances as fill a GPU, or one.
        lengths: Seconds of utterances, shortest first.
    """

    subject: dict[str, Any]
    device: str
    threads: int | None
    full: bool
    lengths: tuple[float, ...]

    def words(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Round:
    """One pass over each length.

    Args:
        wall: Seconds on the clock for a second of audio, of each length.
        processor: Processor seconds of all threads for a second of audio.
        peaks: Bytes of memory, the most until then since the process was ready; None where it is not known.
    """

    wall: tuple[float, ...]
    processor: tuple[float, ...]
    peaks: tuple[int | None, ...]


class Rounds:
    """Rounds over batches of all lengths.

    Args:
        task: What is measured.
        compute: What computes a batch.
    """

    def __init__(self, task: Task, compute: Compute) -> None:
        self._device, self._lengths, self._compute = task.device, task.lengths, compute
        self.batches = [max(1, int(FULL_SECONDS // one)) if task.full else 1 for one in task.lengths]
        self._times = [1] * len(task.lengths)
        self._inputs = []
        for seconds, batch in zip(task.lengths, self.batches, strict=True):
            waveform, text = utterance(seconds)
            self._inputs.append(([waveform] * batch, [text] * batch))

    def next(self) -> Round:
        """Compute every length; the first round chooses kernels and takes memory, and is to be left out."""
        found = [self._pass(place) for place in range(len(self._lengths))]
        walls, processors, peaks = zip(*found, strict=True)
        return Round(walls, processors, peaks)

    def _pass(self, place: int) -> tuple[float, float, int | None]:
        times, inputs = self._times[place], self._inputs[place]
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(times):
            self._compute(*inputs)
        self._finish()
        wall, processor = time.perf_counter() - began, time.process_time() - spent
        self._times[place] = max(times, round(_SHORTEST / max(wall / times, 1e-6)))
        audio = times * self.batches[place] * self._lengths[place]
        return wall / audio, processor / audio, peak(self._device)

    def _finish(self) -> None:
        """Wait for a GPU, which computes while Python goes on."""
        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)


def main() -> None:
    """Open, say so, and answer."""
    task = Task(**json.loads(sys.argv[1]))
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    try:
        rounds = Rounds(task, ready(Subject.from_json(task.subject), task.device))
        forget_peak(task.device)
        machine = {"hardware": hardware(task.device), "threads": torch.get_num_threads(), "torch": torch.__version__}
        answer({"batches": rounds.batches, **machine})
        for _ in sys.stdin:
            answer(asdict(rounds.next()))
    except ProbingError as error:
        answer({"error": error.args})


if __name__ == "__main__":
    main()
