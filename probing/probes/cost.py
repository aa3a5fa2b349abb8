"""What a fit will take: a part of each of its steps is made on its own cache, and the time of the whole follows.

Shape legend: N utterances · S of them that are tried · L layers · D hidden size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from probing.cache.format import Layout
from probing.corpus.checked import folds_to_learn
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus, Utterance
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.extraction.cost import Forecast as Extracting
from probing.extraction.options import CacheOptions
from probing.extraction.timing import Timing, timed
from probing.files import duration, size
from probing.probes.bank import count_probes
from probing.probes.features import MAX, MEAN, Features
from probing.probes.memory import banked, refuse_large_bank
from probing.probes.options import RIDGE, FitOptions, FitPlace
from probing.probes.prepared import Ready, begin, extraction_of, of_folder, prepare
from probing.probes.ridge import PERMUTATIONS, pooled_states, refuse_large_states, ridge_look
from probing.probes.sources import features_from
from probing.probes.train import FeatureSource, Rows, train_bank
from probing.runs.scores import places

_TRIED = 2  # batches of train on which a bank is trained
_SEED = 0  # of the choice of utterances
_BRIEF = 2.0  # s; what takes less is done once before, so that nothing is measured that happens only once


@dataclass(frozen=True)
class Forecast:
    """What a fit will take, measured on this device before it starts.

    Args:
        utterances: N.
        n_layers: L.
        width: D.
        probes: Number of probes that are trained.
        options: What is fitted.
        device: PyTorch's name of a device.
        reading: Seconds until the pooled states of all utterances are in memory.
        look: Seconds of the ridge probes of all layers.
        training: Seconds of training that are spent once, whatever the number of epochs.
        epoch: Seconds of an epoch of all probes.
        n_bytes: Bytes of the pooled states in memory.
        folds: Number of folds that are fitted, one after another.
        opening: Seconds of opening and checking the corpus and its cache.
        extraction: What the cache will take that is made first, and how long; None where it is there.
    """

    utterances: int
    n_layers: int
    width: int
    probes: int
    options: FitOptions
    device: str
    reading: float
    look: float
    training: float
    epoch: float
    n_bytes: int
    folds: int = 1
    opening: float = 0.0
    extraction: tuple[Extracting, Timing] | None = None

    @property
    def seconds(self) -> float:
        """Maximum number of seconds of all folds; early stopping usually ends training before."""
        each = self.reading + self.look + self.training + self.epoch * self.options.epochs
        if self.extraction:  # which decodes the audio once for all
            return self.folds * each + self.opening + self.extraction[1].seconds
        return self.folds * (each + self.opening)

    def __str__(self) -> str:
        lines = [f"extracted first: {self.extraction[0]}", f"{self.extraction[1]}"] if self.extraction else []
        lines += [
            f"{self.utterances:,} utterances × {self.n_layers} layers × {self.width:,} units: "
            f"{duration(self.opening)} to open and check them, {duration(self.reading)} to read them "
            f"({size(self.n_bytes)} of memory), {duration(self.look)} for the ridge probes of every layer",
        ]
        if self.probes:
            lines.append(
                f"{self.probes:,} trained probes: {self.epoch:.2f} s per epoch, at most "
                f"{duration(self.training + self.epoch * self.options.epochs)} ({self.options.epochs} epochs; early "
                "stopping usually ends it before)"
            )
        most = "at most " if self.probes else "about "
        of = f" for {self.folds} folds" if self.folds > 1 else ""
        total = f"{most}{duration(self.seconds)}{of} on one {self.device}"
        without = ["start-up", "intervals of the scores", "writing", *["reading the cache"] * bool(self.extraction)]
        return "\n".join([*lines, f"not counted: {', '.join(without)}", total])


def forecast(
    corpus: CorpusSpec,
    encoder: EncoderSpec | None,
    options: FitOptions = FitOptions(),  # noqa: B008 - frozen
    source: CacheOptions = CacheOptions(),  # noqa: B008
    place: FitPlace = FitPlace(),  # noqa: B008
    all_folds: bool = False,
) -> Forecast:
    """What a fit of a corpus, or of all of its folds, will take; arguments and errors are those of `probes.fit.fit`.

    Nothing is extracted: where it would be, that is forecast too, and the fit is timed on states that are noise.
    Without `extract`, what the cache lacks is an error, with the command that makes it.
    """
    began = time.perf_counter()
    specs = folds_to_learn(corpus, options.dims) if all_folds else [corpus]
    if place.extract and of_folder(source):
        begun = begin(specs[0], encoder, options, source, place, remember=False)
        opened = time.perf_counter() - began
        if begun.extractor is not None:
            extraction = extraction_of(begun, begun.extractor, source)
            timing = timed(extraction)
            if timing.left:
                plan = _Plan(begun.checked.corpus, extraction.layout, begun.options, begun.device)
                found = _measured(plan, lambda _: _Noise(plan), len(specs))
                return replace(found, opening=opened, extraction=(extraction.forecast, timing))
        began = time.perf_counter()
    ready = prepare(specs[0], encoder, options, source, replace(place, extract=False))
    opened = time.perf_counter() - began
    return replace(measured(ready, len(specs)), opening=opened)


@dataclass(frozen=True)
class _Plan:
    """What is fitted.

    Args:
        corpus: Labelled utterances.
        layout: That of their hidden states.
        options: What to fit; its dimensions are settled.
        device: PyTorch's name of a device.
    """

    corpus: Corpus
    layout: Layout
    options: FitOptions
    device: str


class _Noise:
    """Features of a cache that is still to be made: what they are changes no time."""

    held = True

    def __init__(self, plan: _Plan) -> None:
        self._plan, self._seeded = plan, torch.Generator().manual_seed(_SEED)

    def batches(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Features]:
        """Features of each batch."""
        layout, pooling = self._plan.layout, self._plan.options.pooling
        for batch in batches:
            x_BLD = torch.randn(len(batch), layout.n_states, layout.width, generator=self._seeded)
            yield Features(x_BLD if MEAN in pooling else None, x_BLD + 1 if MAX in pooling else None)


def measured(ready: Ready, folds: int = 1) -> Forecast:
    """Make a part of each step of a fit, and forecast the whole; nothing is written.

    Args:
        ready: All that the fit reads.
        folds: Number of folds that are fitted, of which `ready` is one.

    Raises:
        FitError: As the fit itself: states or probes do not fit into memory.
    """
    plan = _Plan(ready.checked.corpus, ready.cache.layout, ready.options, ready.device)
    return _measured(
        plan, lambda tried: features_from(ready.cache, ready.rows[tried], ready.options, ready.device), folds
    )


def _measured(plan: _Plan, read: Callable[[Rows], FeatureSource], folds: int) -> Forecast:
    """The same, of features that are read of some utterances by their places."""
    corpus, layout, options = plan.corpus, plan.layout, plan.options
    refuse_large_states(len(corpus), layout.n_states, layout.width)
    if options.head != RIDGE:
        refuse_large_bank(corpus, options, layout.n_states, layout.width, plan.device, layout.store == "pooled")
    tried = _tried(corpus, options)
    began = time.perf_counter()
    source = read(tried)
    pooled_states(source, len(tried))
    reading = (time.perf_counter() - began) / len(tried) * len(corpus)
    once, epoch = 0.0, 0.0
    some = replace(corpus, utterances=tuple(corpus.utterances[place] for place in tried))
    for targets in banked(corpus, options.dims) if options.head != RIDGE else ():
        again = _bank(plan, replace(options, dims=targets), some, source)
        once, epoch = once + again[0], epoch + again[1]
    return Forecast(
        utterances=len(corpus),
        n_layers=layout.n_states,
        width=layout.width,
        probes=0 if options.head == RIDGE else count_probes(options, layout.n_states),
        options=options,
        device=plan.device,
        reading=reading,
        look=_look(plan) * layout.n_states,
        training=once,
        epoch=epoch,
        n_bytes=np.dtype(np.float32).itemsize * len(corpus) * layout.n_states * layout.width,
        folds=folds,
    )


def _tried(corpus: Corpus, options: FitOptions) -> Rows:
    """Places of S utterances: some batches of train, and development in proportion, with two labels of each target."""
    members = {partition: places(corpus, partition) for partition in (TRAIN, DEVELOPMENT)}
    share = min(1.0, _TRIED * options.batch / len(members[TRAIN]))
    rng = np.random.default_rng(_SEED)
    chosen: list[int] = []
    for own in members.values():
        mixed = rng.permutation(own).tolist()
        first = [
            place for name in options.dims for place in _unlike([corpus.utterances[p] for p in mixed], mixed, name)
        ]
        count = max(len(dict.fromkeys(first)), round(share * len(own)))
        chosen += list(dict.fromkeys([*first, *mixed]))[:count]
    return np.array(sorted(chosen))


def _unlike(utterances: Sequence[Utterance], numbers: Sequence[int], target: str) -> list[int]:
    """The first two of some numbers whose utterances have different labels of a target."""
    first: dict[float | str | None, int] = {}
    for utterance, number in zip(utterances, numbers, strict=True):
        first.setdefault(utterance.labels.get(target, utterance.categories.get(target)), number)
    return list(first.values())[:2]


class _Watched:
    """A source of features that knows when it was asked for them."""

    def __init__(self, source: FeatureSource) -> None:
        self._source, self.held, self.asked = source, source.held, list[float]()

    def batches(self, batches: Sequence[NDArray[np.int64]]) -> Iterator[Features]:
        """As the source itself."""
        self.asked.append(time.perf_counter())
        return self._source.batches(batches)


def _bank(plan: _Plan, options: FitOptions, some: Corpus, source: FeatureSource) -> tuple[float, float]:
    """Seconds of training of a bank that are spent once, and those of an epoch; two are made with some utterances."""
    corpus, layout, watched = plan.corpus, plan.layout, _Watched(source)
    two = replace(options, epochs=2, patience=2)
    began = time.perf_counter()
    train_bank(some, watched, layout.n_states, layout.width, two, plan.device)
    ended = time.perf_counter()
    # Of each block, two epochs ask twice each; what happens only once is in the first.
    first, last = watched.asked[0], watched.asked[-1]
    training, scoring, after = (np.array(watched.asked[start::4]) for start in (2, 3, 4))

    def grown(partition: str) -> float:
        return len(places(corpus, partition)) / len(places(some, partition))

    epoch = (scoring - training).sum() * grown(TRAIN) + (after - scoring).sum() * grown(DEVELOPMENT)
    return first - began + (ended - last) * len(corpus) / len(some), float(epoch)


def _look(plan: _Plan) -> float:
    """Seconds of the ridge probes of one layer: what they are given changes no time, so that it is noise."""
    corpus, layout, options = plan.corpus, plan.layout, plan.options
    permutations = max(options.permutations, PERMUTATIONS) if options.permutations else 0
    states = np.random.default_rng(_SEED).standard_normal((len(corpus), 1, layout.width), np.float32)
    for _ in range(2):
        began = time.perf_counter()
        ridge_look(corpus, states, options.dims, 0, permutations, plan.device, options.balanced)
        seconds = time.perf_counter() - began
        if seconds > _BRIEF:
            break
    return seconds
