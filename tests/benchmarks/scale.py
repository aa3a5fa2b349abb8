"""Whether every step takes time in proportion to the corpus, and what a large one takes of memory.

An exponent of 1 is proportion: twice the utterances, twice the time. Steps that read or hear are measured on parts of
a made-up release of MSP-Podcast, others on up to 100,000 utterances without audio.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from benchmarks import release
from benchmarks.measure import exponent, in_turn, interleaved
from benchmarks.results import Result, compared, single
from benchmarks.steps import STEPS
from builders import write_run
from click.testing import CliRunner

from probing.cli.main import main
from probing.corpus.model import Corpus, Utterance
from probing.files.cells import to_csv
from probing.probes.bank import SINGLE, WEIGHTED, Probe
from probing.probes.results import estimator_of
from probing.report.compare import compare
from probing.runs.scores import Estimator, predictions_table, scores_table

_HEARD = (1_500, 3_000, 6_000, 12_000)  # utterances
_UNHEARD = (12_500, 25_000, 50_000, 100_000)
_RUNS = (125, 250, 500, 1_000)
_WARMING = 200
_ROUNDS = 3
_BAR = "≤ 1.05"
_DIMENSIONS = ("arousal", "valence", "dominance")
_LAYERS, _SEEDS = 13, 5


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    few = min(rounds, _ROUNDS)
    yield from _of_release(folder, few)
    yield from _of_tables(folder, few)
    yield from _of_runs(folder, few)
    yield _against_pandas(folder, rounds)


def _of_release(folder: Path, rounds: int) -> Iterator[Result]:
    """Steps that read a release; each size in a process of its own."""
    places = {size: release.write(folder / f"release{size}", size) for size in (_WARMING, *_HEARD)}
    found = []
    for number in range(rounds):
        own = [_process(places[size], places[_WARMING], folder / f"steps{size}-{number}") for size in _HEARD]
        found.append(own)
    for step in STEPS:
        yield _row(step, _HEARD, [[one["seconds"][step] for one in own] for own in found])
    slopes = [np.polyfit(_HEARD, [one["peak"] * 1024 for one in own], 1)[0] for own in found]
    largest = statistics.median(own[-1]["peak"] for own in found)
    why = f"labels, paths, texts and pooled states are held; {largest:.0f} MB in all at {_HEARD[-1]:,}"
    yield single("peak memory of all these steps, each further utterance", slopes, "KB", note=why)


def _process(place: Path, warming: Path, folder: Path) -> dict[str, object]:
    words = [sys.executable, "-m", "benchmarks.steps", str(place), str(warming), str(folder)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def _of_tables(folder: Path, rounds: int) -> Iterator[Result]:
    """What a fit makes of its estimates, and what is made of the estimates of finished runs."""
    corpora = [_corpus(size) for size in _UNHEARD]
    estimates = [_estimates(corpus, seeds=1) for corpus in corpora]
    tables = [predictions_table(*both) for both in zip(corpora, estimates, strict=True)]
    path = folder / "predictions.csv"
    works: dict[str, list[Callable[[], object]]] = {
        "scores of 28 probes": [_bound(scores_table, *both) for both in zip(corpora, estimates, strict=True)],
        "predictions.csv of 28 probes": [_bound(to_csv, table, path, "%.7g") for table in tables],
    }
    del tables, estimates
    runs = [_two_runs(folder / f"runs{size}", size) for size in _UNHEARD]
    compare(runs[0], folder / "warming")
    works["compare two runs of three seeds"] = [_bound(compare, own, folder / "compared") for own in runs]
    for name, own in works.items():
        yield _row(name, _UNHEARD, [[one.processor for one in turn] for turn in in_turn(own, rounds)])


def _of_runs(folder: Path, rounds: int) -> Iterator[Result]:
    """`probe runs`, in a folder of many."""
    works = []
    for size in _RUNS:
        root = folder / f"many{size}"
        for number in range(size):
            write_run(root, "large", "words", n=9, seeds=1, folder=f"run{number}")
        works.append(_bound(_listed, root, size))
    works[0]()
    yield _row("runs", _RUNS, [[one.processor for one in turn] for turn in in_turn(works, rounds)], of="runs")


def _listed(root: Path, number: int) -> None:
    lines = CliRunner().invoke(main, ["runs", "--runs", str(root)], catch_exceptions=False).stdout.splitlines()
    assert len(lines) == number


def _against_pandas(folder: Path, rounds: int) -> Result:
    """Writing estimates of all probes of a fit, as pandas writes the same file."""
    corpus = _corpus(5_000)
    table, path = predictions_table(corpus, _estimates(corpus, _SEEDS)), folder / "beside.csv"
    pair = interleaved(
        lambda: to_csv(table, path, "%.7g"), lambda: table.to_csv(path, index=False, float_format="%.7g"), rounds
    )
    return compared(f"predictions.csv of {table.shape[1] - 5} probes", pair, "pandas.DataFrame.to_csv", "≤ 0.5")


def _row(work: str, sizes: Sequence[int], seconds: Sequence[Sequence[float]], of: str = "utterances") -> Result:
    """The exponent of a step, from its seconds at each size, a list a round."""
    largest = statistics.median(own[-1] for own in seconds)
    note = f"{sizes[0]:,} to {sizes[-1]:,} {of}; {largest:.3g} processor s at {sizes[-1]:,}"
    return single(f"{work}, growth", [exponent(sizes, own) for own in seconds], "exponent", _BAR, note)


def _bound(work: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: work(*arguments)


def _corpus(size: int) -> Corpus:
    """Utterances with ratings, without audio, 40 of each speaker."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(list(release.SIZES.values())) * size / release.UTTERANCES
    partitions = np.searchsorted(ends, np.arange(size), side="right")
    names = [name.lower() for name in release.SIZES]
    ratings = rng.integers(5, 35, (size, 3)) / 5
    speakers = rng.integers(0, size // 40, size)
    return Corpus(
        "made-up",
        (1.0, 7.0),
        tuple(
            Utterance(
                f"MSP-PODCAST_{number // 40:04d}_{number % 40:04d}",
                None,
                names[partitions[number]],
                f"{names[partitions[number]]}{speakers[number]}",
                dict(zip(_DIMENSIONS, ratings[number].tolist(), strict=True)),
            )
            for number in range(size)
        ),
    )


def _estimates(corpus: Corpus, seeds: int) -> dict[str, dict[Estimator, np.ndarray]]:
    """Estimates of a fit of 13 states: of each a ridge probe, and one for each seed, and weighted sums."""
    rng = np.random.default_rng(1)
    trained = [
        estimator_of(Probe("", SINGLE if layer is not None else WEIGHTED, seed, layer))
        for layer in (None, *range(_LAYERS))
        for seed in range(seeds)
    ]
    estimators = [*trained, *(Estimator(f"ridge-layer{layer}", 0, "ridge", layer) for layer in range(_LAYERS))]
    return {
        dimension: {one: rng.uniform(0, 1, len(corpus)).astype(np.float32) for one in estimators}
        for dimension in _DIMENSIONS
    }


def _two_runs(root: Path, size: int) -> list[Path]:
    """Two systems with estimates of a corpus of that size."""
    per = {"n": size // 3, "speakers": size // 120, "seeds": 3}
    return [write_run(root, audio, None, **per).folder for audio in ("large", "small")]
