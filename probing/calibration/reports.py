"""Reports on six systems whose true scores are known, without training them: records with estimates drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probing.calibration.simulated import Drawn, Floats, Speakers
from probing.corpus.identity import Identity
from probing.corpus.model import EMOTIONS, TEST1, TEST2
from probing.corpus.spec import CorpusSpec
from probing.runs.entries import CorpusEntry, Score, SystemEntry
from probing.runs.records import FinetuneRecord
from probing.statistics.paired import Sample

FULL, DISTILLED, TEXT = "full", "distilled", "text"
SYSTEMS = ("full", "full+text", "full+text frozen", "distilled", "distilled+text", "distilled+text frozen")
Scores = Mapping[str, Mapping[str, float]]  # system → dimension → true CCC on either partition
_DATE = "2026-01-01T00:00:00"


@dataclass(frozen=True)
class Setting:
    """What the reports of a cell are on.

    Args:
        scores: The systems' true CCC.
        seeds: Training seeds of each.
        who: The speakers of each partition.
        seed_spread: Standard deviation of a system's CCC over training seeds.
    """

    scores: Scores
    seeds: int
    who: Speakers
    seed_spread: float


class _Estimates:
    """Stands for a run's predictions.csv."""

    def __init__(self, samples: Mapping[tuple[str, str], Sample]) -> None:
        self._samples = samples

    def sample(self, dimension: str, partition: str, training: str = "") -> Sample:
        """A system's estimates of one dimension on one partition."""
        own = self._samples[dimension, partition]
        return Sample(own.ids, own.truth_N, own.estimates_SN, own.seeds, own.clusters, training)


def reports(setting: Setting, number: int, generator: np.random.Generator) -> Iterator[list[FinetuneRecord]]:
    """The six systems' records on some corpora drawn at random.

    Args:
        setting: What they are on.
        number: Of corpora.
        generator: Of everything.
    """
    seed_RS = {
        (system, dimension): generator.standard_normal((number, setting.seeds))
        for system in SYSTEMS
        for dimension in EMOTIONS
    }
    drawn: dict[tuple[str, str], tuple[Drawn, dict[str, Floats]]] = {}
    for dimension in EMOTIONS:
        for partition in (TEST1, TEST2):
            corpora = Drawn(setting.who, number, generator, setting.seed_spread)
            estimates = {
                system: corpora.system(setting.scores[system][dimension], setting.seeds, seed_RS[system, dimension])[0]
                for system in SYSTEMS
            }
            drawn[dimension, partition] = corpora, estimates
    names = {partition: setting.who.names(partition) for partition in (TEST1, TEST2)}
    ids = {
        partition: tuple(f"{partition}-{place:05d}" for place in range(len(names[partition]))) for partition in names
    }
    seeds = tuple(range(setting.seeds))
    for place in range(number):
        yield [
            _record(
                system,
                seeds,
                {
                    (dimension, partition): Sample(
                        ids[partition], corpora.truth_RN[place], own[system][place], seeds, names[partition]
                    )
                    for (dimension, partition), (corpora, own) in drawn.items()
                },
            )
            for system in SYSTEMS
        ]


def exact(setting: Setting) -> list[FinetuneRecord]:
    """Records whose scores are the true ones to the last digits: what a report would say without any chance.

    A label is ±1, noise is as large and not correlated with it: ρ · label + √(1 − ρ²) · noise has the CCC ρ.
    """
    truth_N, noise_N = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    ids, seeds, found = ("a", "b", "c", "d"), (0, 1), []
    for system in SYSTEMS:
        samples = {}
        for dimension, rho in setting.scores[system].items():
            estimate_N = rho * truth_N + np.sqrt(1 - rho**2) * noise_N
            for partition in (TEST1, TEST2):
                estimates_SN = np.stack([estimate_N] * 2)
                samples[dimension, partition] = Sample(ids, truth_N, estimates_SN, seeds, ids)
        found.append(_record(system, seeds, samples))
    return found


def _record(system: str, seeds: Sequence[int], samples: Mapping[tuple[str, str], Sample]) -> FinetuneRecord:
    encoder, regime = system.split(" ")[0].split("+")[0], "FT⇒FRZ" if "frozen" in system else "FT"
    text = TEXT if "text" in system else None
    parameters = {FULL: 90, DISTILLED: 20}[encoder] * 1_000_000
    name = "+".join(part for part in (encoder, text) if part)
    entry = SystemEntry(
        name=name,
        audio=encoder,
        text=text,
        modality="audio+text" if text else "audio",
        parameters=parameters,
        trainable=parameters,
        frozen=("audio", "text") if regime != "FT" else (),
        regime=regime,
        dimensions=EMOTIONS,
    )
    utterances = {partition: len(own.ids) for (_, partition), own in samples.items()}
    record = FinetuneRecord(
        command="finetune",
        corpus=CorpusEntry("drawn", "drawn", CorpusSpec("drawn"), (0.0, 1.0), utterances, Identity("drawn")),
        configuration={},
        signature=system,
        scores=tuple(Score(dimension, partition, own.score) for (dimension, partition), own in samples.items()),
        date=_DATE,
        system=entry,
        seeds=tuple(seeds),
        folder=Path(system.replace(" ", "-")),
    )
    vars(record)["predictions"] = _Estimates(samples)  # in place of what would be read from the folder
    return record
