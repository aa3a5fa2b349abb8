"""Utterances put together as a system's batches."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_systems import built
from torch.utils.data import DataLoader, Dataset

from probing.audio.decode import load
from probing.corpus.opening import open_corpus
from probing.errors import AudioError, FitError, Terminated
from probing.systems.batches import Collate, Utterances, Vectors, by_length, readers_watched


def test_a_batch_holds_each_utterance_s_own_parts(checkpoints: dict[str, Path], bert: Path, table: Path) -> None:
    """Waveforms and transcripts as the processor makes them, labels on [0, 1], and the places that they have."""
    corpus = open_corpus(str(table))
    _, processor = built(checkpoints["distilhubert"], bert)
    paths = {utterance.id: utterance.path for utterance in corpus.utterances}
    items = Utterances(corpus, ["valence", "arousal"], lambda id_: load(paths[id_] or ""))
    batch = Collate(processor)([items[7], items[2]])
    waveforms = [load(corpus.utterances[place].path or "") for place in (7, 2)]
    expected = processor(waveforms, [str(corpus.utterances[place].text) for place in (7, 2)])
    assert batch["places"].tolist() == [7, 2] and batch.keys() == {"places", "labels", *expected}
    assert all(torch.equal(batch[name], expected[name]) for name in expected)
    labels = corpus.utterances[7].labels
    assert batch["labels"][0].tolist() == pytest.approx([labels["valence"], labels["arousal"]])


def test_latents_are_padded_and_keep_their_lengths_in_samples(checkpoints: dict[str, Path], table: Path) -> None:
    """Frames [T, C] of different T become [B, T, C]; nothing is normalised again."""
    corpus = open_corpus(str(table))
    latents = {u.id: np.full((3 + place, 16), place + 1, np.float16) for place, u in enumerate(corpus.utterances)}
    _, processor = built(checkpoints["hubert"])
    items = Utterances(corpus, ["arousal"], latents.__getitem__)
    batch = Collate(processor, samples=[1000 + place for place in range(len(corpus))])([items[1], items[4]])
    assert batch["latents"].shape == (2, 7, 16) and batch["latents"].dtype == torch.float32
    assert batch["lengths"].tolist() == [1001, 1004] and "input_values" not in batch
    assert (
        (batch["latents"][0, :4] == 2).all() and not batch["latents"][0, 4:].any() and (batch["latents"][1] == 5).all()
    )


def test_vectors_are_batches_of_their_own(checkpoints: dict[str, Path]) -> None:
    """A head alone is given the vectors that the encoders gave, and labels."""
    vectors, labels = torch.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(4, 2)
    batch = Collate(built(checkpoints["hubert"])[1])([Vectors(vectors, labels)[place] for place in (3, 1)])
    assert torch.equal(batch["vectors"], vectors[[3, 1]]) and batch["labels"].tolist() == [[6, 7], [2, 3]]
    assert batch.keys() == {"vectors", "labels", "places"}


def test_other_labels_leave_the_first_as_they_are(table: Path) -> None:
    """A control's labels are those of a copy."""
    items = Utterances(open_corpus(str(table)), ["arousal"])
    before = items.labels_NK.copy()
    assert items.with_labels(before + 1)[0]["labels"].item() == pytest.approx(before[0, 0] + 1)
    np.testing.assert_array_equal(items.labels_NK, before)


@pytest.mark.parametrize("places", [[2, 0, 1], []])
def test_the_longest_come_first(places: list[int]) -> None:
    """So the first batch needs the most memory, and too little shows at once."""
    assert by_length([5, 9, 7], places) == sorted(places, key=lambda place: -[5, 9, 7][place])


class Failing(Dataset[Any]):
    """Items whose third raises an error or sends a signal to its process."""

    def __init__(self, failure: BaseException | signal.Signals) -> None:
        self._failure = failure

    def __len__(self) -> int:
        return 4

    def __getitem__(self, place: int) -> int:
        if place == 2 and isinstance(self._failure, BaseException):
            raise self._failure
        if place == 2:
            os.kill(os.getpid(), self._failure)
        return place


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "failure", [AudioError("a.wav", "it has\nvanished", "copy it again"), FileNotFoundError(2, "No such file", "a.wav")]
)
def test_an_error_is_the_same_wherever_it_is_read(failure: Exception, workers: int) -> None:
    """Without the traceback that PyTorch makes of one in a process that reads ahead."""
    with pytest.raises(type(failure)) as caught, readers_watched():
        list(DataLoader(Failing(failure), num_workers=workers))
    assert str(caught.value) == str(failure)


def test_a_reader_that_is_killed_is_named() -> None:
    """Most likely for memory."""
    with pytest.raises(FitError) as caught, readers_watched():
        list(DataLoader(Failing(signal.SIGKILL), num_workers=1, collate_fn=list))
    assert caught.value.code == "reader-killed" and "--workers" in caught.value.remedy


def test_a_reader_s_termination_is_the_command_s() -> None:
    """Schedulers send SIGTERM to all processes of a job; PyTorch may see that of a reader first."""
    with pytest.raises(Terminated), readers_watched():
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated. ")
    with pytest.raises(FitError), readers_watched():
        raise ConnectionResetError(104, "Connection reset by peer")
    with pytest.raises(RuntimeError, match="shapes"), readers_watched():
        raise RuntimeError("shapes differ")
