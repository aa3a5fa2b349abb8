"""Segments of a recording are cut together, kept for the next ones as far as memory allows, and right in any order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import record, refusal

from probing.audio.decode import load
from probing.corpus import waveforms as module
from probing.corpus.model import Utterance
from probing.corpus.waveforms import Waveforms
from probing.errors import AudioError

RATE = 16_000


@pytest.fixture
def utterances(tmp_path: Path) -> list[Utterance]:
    """Two recordings with six segments of .1 s each, in no order, one whole file, and one segment too many."""
    paths = [record(tmp_path / f"{name}.wav", RATE, seed=seed) for seed, name in enumerate("ab")]
    found = [Utterance("whole", record(tmp_path / "c.wav", 4000, seed=2), "train")]
    for number in (3, 0, 5, 1, 4, 2):
        for name, path in zip("ab", paths, strict=True):
            found.append(Utterance(f"{name}{number}", path, "train", segment=(number / 8, number / 8 + 0.1)))
    return [*found, Utterance("late", paths[0], "train", segment=(2.0, 3.0)), Utterance("mute", None, "train")]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Recordings that are decoded for segments, with their numbers, as it happens."""
    done: list[tuple[str, int]] = []
    own = module.listen_to_parts

    def counting(path: Path, segments: Sequence[Any]) -> Any:
        done.append((path.stem, len(segments)))
        return own(path, segments)

    monkeypatch.setattr(module, "listen_to_parts", counting)
    return done


def right(utterances: Sequence[Utterance], waveforms: Waveforms, ids: Sequence[str]) -> bool:
    """Whether each waveform is what its utterance alone is heard as."""
    of = {utterance.id: utterance for utterance in utterances}
    return all(np.array_equal(waveforms(id_), load(of[id_].path or "", of[id_].segment)) for id_ in ids)


def shuffled(utterances: Sequence[Utterance], seed: int = 0) -> list[str]:
    """Ids of what can be heard, each three times, in a random order."""
    ids = [u.id for u in utterances if u.id not in ("late", "mute")] * 3
    return list(np.random.default_rng(seed).permutation(ids))


def test_each_recording_is_decoded_once(utterances: list[Utterance], decoded: list[tuple[str, int]]) -> None:
    """Whatever the order; of a whole file nothing is kept."""
    assert right(utterances, Waveforms(utterances), shuffled(utterances))
    assert sorted(decoded) == [("a", 7), ("b", 6)]


def test_what_does_not_fit_is_decoded_again(utterances: list[Utterance], decoded: list[tuple[str, int]]) -> None:
    """Three segments fit: those from the one asked for on; in order, each is still cut once."""
    waveforms = Waveforms(utterances, most=3 * RATE // 10)
    assert right(utterances, waveforms, [f"a{number}" for number in range(6)]) and decoded == [("a", 3), ("a", 3)]
    decoded.clear()
    assert right(utterances, waveforms, shuffled(utterances))
    assert all(count <= 3 for _, count in decoded)
    assert sum(len(waveforms._kept[id_].waveform) for id_ in waveforms._kept) <= 3 * RATE // 10
    small = Waveforms(utterances, most=1)
    assert right(utterances, small, shuffled(utterances)) and not small._kept


def test_only_what_may_be_asked_for_is_cut(utterances: list[Utterance], decoded: list[tuple[str, int]]) -> None:
    """A part of an extraction holds a part of the corpus."""
    some = [utterance for utterance in utterances if utterance.id in ("a2", "a4")]
    assert right(utterances, Waveforms(some), ["a4", "a2"]) and decoded == [("a", 2)]


def test_several_threads_decode_a_recording_once(utterances: list[Utterance], decoded: list[tuple[str, int]]) -> None:
    """Those that come second wait for the first."""
    waveforms, ids = Waveforms(utterances), shuffled(utterances)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(waveforms, ids))
    assert sorted(decoded) == [("a", 7), ("b", 6)]
    assert all(np.array_equal(one, waveforms(id_)) for one, id_ in zip(found, ids, strict=True))


def test_what_is_wrong_with_one_is_said_each_time(utterances: list[Utterance], decoded: list[tuple[str, int]]) -> None:
    """The others of its recording are heard; it is not decoded again for it."""
    waveforms = Waveforms(utterances)
    for _ in range(2):
        refusal(AudioError, "audio-segment", waveforms, "late")
    assert right(utterances, waveforms, ["a0"]) and len(decoded) == 1
    refusal(AudioError, "audio-missing", waveforms, "mute")
