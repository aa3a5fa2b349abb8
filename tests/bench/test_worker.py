"""A round is a pass over every length, counted for a second of audio, in a process that answers line by line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from probing.bench.memory import forget_peak, peak
from probing.bench.opening import ready, utterance
from probing.bench.options import BenchOptions
from probing.bench.settings import say_what_is_left_out, settings_of
from probing.bench.subjects import Subject, subjects_of
from probing.bench.turns import Setting, timings
from probing.bench.worker import FULL_SECONDS, Rounds, Task
from probing.encoders.opening import open_encoder
from probing.errors import EncoderError, OptionError, ProbingError


def test_time_is_for_a_second_of_audio_of_all_utterances() -> None:
    """Work of a known time a pass, asleep: its time on the clock is divided by the audio, and it takes no processor."""
    given = []

    def compute(waveforms: Sequence[np.ndarray], texts: Sequence[str]) -> None:
        given.append((len(waveforms), len(waveforms[0]), len(texts)))
        time.sleep(0.03)

    rounds = Rounds(Task({}, "cpu", 1, full=False, lengths=(0.5, 2.0)), compute)
    rounds.next()
    found = rounds.next()
    assert set(given) == {(1, 8000, 1), (1, 32000, 1)}
    assert found.wall[0] == pytest.approx(0.06, rel=0.5) and found.wall[0] / found.wall[1] == pytest.approx(4, rel=0.5)
    assert max(found.processor) < 0.03 and len(given) >= 6  # a short pass is repeated within a round
    full = Rounds(Task({}, "cpu", 1, full=True, lengths=(2.0,)), compute)
    assert full.batches == [FULL_SECONDS / 2]
    full.next()
    assert given[-1] == (FULL_SECONDS / 2, 32000, FULL_SECONDS / 2)


def test_the_peak_of_memory_is_what_was_held_last() -> None:
    """A block that is held and let go counts until the peak is forgotten."""
    forget_peak("cpu")
    before = peak("cpu")
    block = np.ones(10_000_000)  # 80 MB
    del block
    after = peak("cpu")
    assert before is not None and after is not None and 0.8 * 80e6 < after - before < 2 * 80e6
    forget_peak("cpu")
    forgotten = peak("cpu")
    assert forgotten is not None and (forgotten < after - 40e6 or sys.platform != "linux")


def test_what_is_computed_is_all_states_or_estimates() -> None:
    """An encoder on the same random weights gives what `open_encoder` gives, and a system one estimate a dimension."""
    waveform, text = utterance(0.5)
    found = ready(Subject(subjects_of(["demo-distilhubert"])[0].encoder), "cpu")([waveform], [text])
    expected = open_encoder("demo-distilhubert@random").hidden_states([waveform])
    assert isinstance(found, tuple) and np.array_equal(found[0], expected[0]) and found[1] == expected[1]
    (system,) = subjects_of(["demo-distilhubert+demo-tinybert"])
    assert np.shape(ready(system, "cpu")([waveform] * 2, [text] * 2)) == (2, 3)


def test_threads_are_of_the_cpu_alone() -> None:
    """Each number once; where nothing computes on a CPU they would change nothing."""
    found = settings_of(BenchOptions(threads=(2, 1, 2), devices=("cpu",)))
    assert found == [Setting("cpu", 2), Setting("cpu", 1)]
    with pytest.raises(OptionError) as refused:
        settings_of(BenchOptions(threads=(2,), devices=("meta",)))
    assert refused.value.code == "no-effect"
    with pytest.raises(EncoderError) as unknown:
        settings_of(BenchOptions(devices=("abacus",)))
    assert unknown.value.code == "device"


def test_what_is_not_measured_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No GPU, and one thread where the environment allows no more; nothing to who has said what to measure."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    say_what_is_left_out(BenchOptions())
    gpu, threads = capsys.readouterr().err.splitlines()
    assert gpu == "no GPU found: CPU alone" and "OMP_NUM_THREADS=1" in threads and "--threads 4" in threads
    say_what_is_left_out(BenchOptions(devices=("cpu",), threads=(1,)))
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_processes_take_turns_with_threads_of_their_own() -> None:
    """Two subjects on one and on two threads: rounds and numbers of each, and the larger one takes longer."""
    subjects = subjects_of(["demo-hubert", "demo-distilhubert"])
    for threads in (1, 2):
        large, small = timings(subjects, Setting("cpu", threads), (0.5, 3.0), repeats=3)
        assert large.threads == small.threads == threads and large.batches == (1, 1)
        assert len(large.rounds) == len(small.rounds) == 3 and large.hardware
        assert min(one.processor[1] for one in large.rounds) > min(one.processor[1] for one in small.rounds)
        assert all(own is not None and own > 1e8 for own in (*large.peaks, *small.peaks))


@pytest.mark.slow
def test_the_error_of_a_process_is_that_of_the_command() -> None:
    """What cannot be opened there is refused by its code; a process that ends is said to have ended."""
    with pytest.raises(ProbingError) as unknown:
        timings(subjects_of(["no-such-encoder"]), Setting("cpu", 1), (0.5,), 1)
    assert unknown.value.code == "encoder-unknown"
    with pytest.raises(EncoderError) as ended:
        timings(subjects_of(["demo-tinybert"]), Setting("cpu", -1), (0.5,), 1)
    assert ended.value.code == "bench-stopped" and "threads" in ended.value.why
