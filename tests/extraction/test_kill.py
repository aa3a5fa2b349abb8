"""Extractions that are killed and shared, with real processes: the content is always that of an undisturbed run."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
from builders import RATE, waveform
from processes import Started, extraction

from probing.cache.reader import Cache


@dataclass(frozen=True)
class Command:
    """What is extracted, but for the folder that it goes to."""

    table: Path
    encoder: Path
    options: dict[str, Any]

    def start(self, out: Path, *instant: object, **options: Any) -> Started:
        """Start the extraction in a process of its own, killed at an instant where one is named."""
        return Started(extraction, self.table, self.encoder, self.options | options, out, *instant)


def long_corpus(folder: Path) -> Path:
    """A table of 28 utterances of 1.2 to 2.5 s: some 14 parts of 3 s."""
    folder.mkdir()
    lines = ["id,path,partition,speaker,arousal"]
    for number in range(28):
        seconds = np.random.default_rng(number).uniform(1.2, 2.5)
        soundfile.write(folder / f"{number}.wav", waveform(seconds, number), RATE)
        lines.append(f"u{number},{number}.wav,train,s,0.5")
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    return folder / "long.csv"


def finished_parts(out: Path) -> int:
    """Parts that carry their final name."""
    return len(list(out.glob("*/*/part-*.h5")))


def test_a_kill_loses_only_the_part_in_flight(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """SIGKILL in two of its parts, then the same command: every dataset is bit-equal to an uninterrupted run's."""
    command = Command(long_corpus(tmp_path / "long"), checkpoints["wav2vec2-group"], {"part_seconds": 3})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    uninterrupted = command.start(whole)
    finished = 0
    for _ in range(2):
        process = command.start(cut)
        try:
            while process.poll() is None and finished_parts(cut) <= finished:
                time.sleep(0.0005)
        finally:
            process.send_signal(signal.SIGKILL)
            errors = process.communicate()[1]
        assert process.returncode == -signal.SIGKILL, errors
        assert finished_parts(cut) > finished
        finished = finished_parts(cut)
        assert not list(cut.glob("*/*.h5")), "the process was done before it could be killed"
    kept = {path: path.stat().st_mtime_ns for path in cut.glob("*/*/part-*.h5")}
    paths = [finish(command.start(cut), cut), finish(uninterrupted, whole)]
    assert paths[0].relative_to(cut) == paths[1].relative_to(whole)
    assert not list(cut.rglob("*.partial"))
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in cut.glob("*/*/part-*.h5")}.items()
    with h5py.File(paths[0], "r") as ours, h5py.File(paths[1], "r") as theirs:
        assert len(ours["part/name"]) > 10
        names: list[str] = []
        texts = ("id", "part/name", "part/seal")
        ours.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert {"states", "id", "rms", "checksum", "offset", "part/n_bytes"} <= set(names)
        for name in names:
            assert ours[name].dtype == theirs[name].dtype
            assert ours[name][()].tobytes() == theirs[name][()].tobytes() or name in texts
        for name in texts:
            assert ours[name].asstr()[:].tolist() == theirs[name].asstr()[:].tolist()
        assert not np.isnan(ours["states"][:]).any()
    assert states_of(paths[0]) == states_of(paths[1])


@pytest.fixture(scope="module")
def long_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The long corpus."""
    return long_corpus(tmp_path_factory.mktemp("long") / "long")


@pytest.fixture(scope="module")
def command(long_table: Path, checkpoints: dict[str, Path]) -> Command:
    """The extraction of the long corpus in some 14 parts."""
    return Command(long_table, checkpoints["wav2vec2-group"], {"part_seconds": 3})


@pytest.fixture(scope="module")
def undisturbed(command: Command, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Utterance → bytes of its states, by one process that nothing stops."""
    out = tmp_path_factory.mktemp("whole")
    return states_of(finish(command.start(out), out))


def finish(process: Started, out: Path) -> Path:
    """Wait for a good end and give the cache's file."""
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert not list(out.rglob("*.partial"))
    (path,) = out.glob("*/*.h5")
    return path


def states_of(path: Path) -> dict[str, bytes]:
    """Utterance → bytes of its states, each checked."""
    cache = Cache(path)
    return {id_: cache[id_].tobytes() for id_ in sorted(cache.ids)}


def test_a_kill_at_any_named_instant_loses_nothing(
    command: Command, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Killed while a part is open, before a rename, while the virtual file is written: the end is bit-equal."""
    instants = (("plan written", 1), ("partial opened", 1), ("before rename", 3), ("virtual file", 1))
    for instant in instants:
        process = command.start(tmp_path, *instant)
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, instant
        assert not list(tmp_path.glob("*/*.h5")), "the virtual file must come last"
    assert finished_parts(tmp_path) > 10  # after the last kill only the virtual file was missing
    assert states_of(finish(command.start(tmp_path), tmp_path)) == undisturbed


def test_two_processes_share_the_work(command: Command, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """Two starts at once each write parts, none twice, and the last to end completes the cache."""
    processes = [command.start(tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    (path,) = tmp_path.glob("*/*.h5")
    assert any(str(path) in output for output, _ in outputs)
    assert states_of(path) == undisturbed
    assert not list(tmp_path.rglob("*.partial"))


def test_a_lost_process_loses_only_its_part(command: Command, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """One of two is killed over a part: the other does the rest and says so, and the next start completes it."""
    lost = command.start(tmp_path, "before rename", 1)
    while not list(tmp_path.glob("*/*/part-*.partial")):  # it has a part, so it will come to the rename
        assert lost.poll() is None
        time.sleep(0.001)
    other = command.start(tmp_path)
    lost.communicate(timeout=120)
    output, errors = other.communicate(timeout=120)
    assert lost.returncode == -signal.SIGKILL
    assert other.returncode == 0, errors
    assert states_of(finish(command.start(tmp_path), tmp_path)) == undisturbed
    assert output.strip()


def test_shards_divide_the_work_without_locks(command: Command, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """As a SLURM array starts them, one after another: the last one completes the cache; no lock file is made."""
    output, errors = command.start(tmp_path, shard="2/2").communicate(timeout=120)
    assert output == "others\n", errors
    half = finished_parts(tmp_path)
    assert states_of(finish(command.start(tmp_path, shard="1/2"), tmp_path)) == undisturbed
    assert 0 < half < finished_parts(tmp_path)
    assert not list(tmp_path.rglob("*.lock"))


def test_another_plan_is_refused_while_a_process_writes(command: Command, tmp_path: Path) -> None:
    """A second start with other options does not spoil the first one's work, and says who has it."""
    first = command.start(tmp_path)
    writing: list[Path] = []
    while not list(tmp_path.glob("*/*/plan.json")):  # it starts at full speed
        time.sleep(0.005)
        assert first.poll() is None
    while not writing:  # stopped between two parts it would hold none
        first.send_signal(signal.SIGCONT)
        time.sleep(0.005)
        assert first.poll() is None
        first.send_signal(signal.SIGSTOP)
        time.sleep(0.02)
        writing = list(tmp_path.glob("*/*/part-*.h5.partial"))
    second = command.start(tmp_path, batch_seconds=9)
    _, errors = second.communicate(timeout=120)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1 and errors == "cache-busy\n"
    finish(first, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_kills_at_random_instants_lose_nothing(
    command: Command, undisturbed: dict[str, bytes], tmp_path: Path, processes: int
) -> None:
    """Twenty kills after the first part was written, wherever they strike: the end is bit-equal."""
    chance = random.Random(processes)
    for _ in range(20):
        running = [command.start(tmp_path) for _ in range(processes)]
        before = finished_parts(tmp_path)
        while finished_parts(tmp_path) <= before and all(process.poll() is None for process in running):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.3))
        for process in running:
            process.kill()
            process.communicate()
        for path in tmp_path.glob("*/*.h5"):  # done too soon: take some away, as if it had been killed before
            path.unlink()
        parts = sorted(tmp_path.glob("*/*/part-*.h5"))
        for part in chance.sample(parts, max(0, len(parts) - 8)):
            part.unlink()
    assert states_of(finish(command.start(tmp_path), tmp_path)) == undisturbed
