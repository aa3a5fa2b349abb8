"""What a fit will take is forecast from a part of each of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probing.cache.reader import Cache
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import CorpusError, FitError
from probing.extraction.options import CacheOptions
from probing.probes import cost
from probing.probes.cost import forecast, measured
from probing.probes.features import Features
from probing.probes.options import FitOptions, FitPlace
from probing.probes.prepared import Ready, prepare

READ, LOOK, TRAIN, SCORE, BUILD, LAST = 0.5, 7.0, 0.25, 0.125, 3.0, 0.0625  # s an utterance, a layer, or once
COLD = 60.0  # s that the first epoch takes besides


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small banks gain nothing from threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ready_of(read_aloud: dict[str, Path], **options: Any) -> Ready:
    """The small corpus and its pooled states, as a fit reads them."""
    return prepare(
        CorpusSpec.resolve(str(read_aloud["table"])),
        str(read_aloud["encoder"]),
        FitOptions(**options),
        CacheOptions(cache=read_aloud["cache"]),
        FitPlace(),
    )


class Clock:
    """Time that passes in the steps of a fit alone, by a law that is known."""

    held = True

    def __init__(self) -> None:
        self.now, self.asked = 0.0, 0

    def perf_counter(self) -> float:
        """The time in s."""
        return self.now

    def read(self, cache: Cache, rows: Sequence[int], options: FitOptions, device: str) -> Clock:
        """Read some rows."""
        self.now += READ * len(rows)
        return self

    def batches(self, batches: Sequence[Any]) -> Iterator[Features]:
        """A source of no features."""
        return iter(())

    def look(self, corpus: Any, states: np.ndarray, *_: Any) -> None:
        """Fit ridge probes to every layer."""
        self.now += LOOK * states.shape[1]

    def train(self, corpus: Any, source: Any, n_layers: int, width: int, options: FitOptions, device: str) -> None:
        """Train a bank, which first builds it and ends with estimates of all."""
        members = {name: len(group) for name, group in corpus.partitions.items()}
        self.now += BUILD
        for epoch in range(options.epochs):
            for partition, seconds in (("train", TRAIN), ("development", SCORE)):
                source.batches([])
                self.now += seconds * members[partition] + COLD * (epoch == 0)
        source.batches([])
        self.now += LAST * len(corpus)


@pytest.mark.parametrize("batch", [2, 4, 32])
def test_the_time_is_that_of_the_law(read_aloud: dict[str, Path], monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """Of 14 utterances for training, 6 for development, 32 in all, some are tried; what happens once counts once."""
    ready, clock = ready_of(read_aloud, batch=batch, epochs=10), Clock()
    for name, own in {"time": clock, "features_from": clock.read, "pooled_states": lambda *_: None}.items():
        monkeypatch.setattr(cost, name, own)
    monkeypatch.setattr(cost, "ridge_look", clock.look)
    monkeypatch.setattr(cost, "train_bank", clock.train)
    found = measured(ready, folds=5)
    assert found.reading == pytest.approx(32 * READ)
    assert found.look == pytest.approx(LOOK * ready.cache.layout.n_states)
    assert found.epoch == pytest.approx(14 * TRAIN + 6 * SCORE)
    assert found.training == pytest.approx(BUILD + 32 * LAST)
    once = found.reading + found.look + found.training
    assert found.seconds == pytest.approx(5 * (once + 10 * found.epoch))
    assert (found.utterances, found.probes, found.folds) == (32, 3 * 51, 5)


def test_a_forecast_only_measures(read_aloud: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With real probes; ridge probes alone are not trained. Nothing is written."""
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in read_aloud["cache"].rglob("*")}
    spec = CorpusSpec.resolve(str(read_aloud["table"]))
    source = CacheOptions(cache=read_aloud["cache"])
    few = FitOptions(hidden=4, permutations=1, refits=1, epochs=3, batch=4)
    trained = forecast(spec, EncoderSpec.resolve(str(read_aloud["encoder"])), few, source)
    ridge = forecast(
        spec, EncoderSpec.resolve(str(read_aloud["encoder"])), FitOptions(head="ridge", permutations=0), source
    )
    assert trained.epoch > 0 and trained.reading > 0 and trained.look > 0
    once = trained.opening + trained.reading + trained.look + trained.training
    assert trained.opening > 0 and trained.seconds == pytest.approx(once + 3 * trained.epoch)
    assert ridge.probes == 0 == ridge.epoch and ridge.seconds == pytest.approx(
        ridge.opening + ridge.reading + ridge.look
    )
    assert "12 trained probes" in str(trained) and "at most" in str(trained) and "trained" not in str(ridge)
    assert not list(tmp_path.iterdir())
    assert {path: path.stat().st_mtime_ns for path in read_aloud["cache"].rglob("*")} == before


def test_what_would_be_extracted_is_forecast_too(
    read_aloud: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all folds, and nothing is written; what is in the cache already is not forecast again."""
    monkeypatch.chdir(tmp_path)
    spec, encoder = CorpusSpec.resolve(str(read_aloud["table"])), EncoderSpec.resolve(str(read_aloud["encoder"]))
    few, place = FitOptions(hidden=4, permutations=0, refits=0, epochs=3, batch=4), FitPlace(extract=True)
    found = forecast(spec, encoder, few, CacheOptions(cache=tmp_path / "none"), place)
    assert found.extraction is not None and found.extraction[1].left == 32 == found.extraction[0].utterances
    assert found.epoch > 0 and found.look > 0 and found.n_layers == 4
    each = found.reading + found.look + found.training + 3 * found.epoch
    assert replace(found, folds=5).seconds == pytest.approx(5 * each + found.opening + found.extraction[1].seconds)
    assert not list(tmp_path.iterdir())
    assert forecast(spec, encoder, few, CacheOptions(cache=read_aloud["cache"]), place).extraction is None


def test_what_is_tried_can_be_learned_from(read_aloud: dict[str, Path]) -> None:
    """However rare another label is, and of a category as of a dimension."""
    ready = ready_of(read_aloud, batch=2, dims=("arousal",))
    corpus, rare = ready.checked.corpus, ("u03", "u17")  # of train and of development
    utterances = tuple(
        replace(u, labels={"arousal": 0.9 if u.id in rare else 0.1}, categories={"emotion": "ab"[u.id in rare]})
        for u in corpus.utterances
    )
    for name in ("arousal", "emotion"):
        other = replace(corpus, utterances=utterances)
        tried = cost._tried(other, replace(ready.options, dims=(name,)))
        assert {utterances[place].id for place in tried} >= {*rare} and len(tried) < 20


def test_what_the_fit_refuses_is_refused(read_aloud: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is measured: states that do not fit into memory, a corpus without folds."""
    spec = CorpusSpec.resolve(str(read_aloud["table"]))
    with pytest.raises(CorpusError) as caught:
        forecast(
            spec,
            EncoderSpec.resolve(str(read_aloud["encoder"])),
            source=CacheOptions(cache=read_aloud["cache"]),
            all_folds=True,
        )
    assert caught.value.code == "no-folds"
    monkeypatch.setattr("probing.probes.ridge.memory_of", lambda _: 1000)
    with pytest.raises(FitError) as refused:
        measured(ready_of(read_aloud))
    assert refused.value.code == "states-too-large"
