"""What `probe evaluate` scores: one of our runs, a system or the probes of a fit, or a published model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probing.corpus.transcripts import Words
from probing.errors import OptionError, RunError
from probing.files import slug
from probing.probes.standing import StandingProbes, standing_probes
from probing.runs.entries import SystemEntry
from probing.runs.published import PublishedEntry, names_published
from probing.runs.records import FinetuneRecord, FitRecord
from probing.runs.store import EVALUATIONS, demand_whole, read_record, signature
from probing.systems.inference import opened
from probing.systems.processor import Processor
from probing.training.probed import probed_system

_DIGITS = 8  # of a published model's weights in the names of its evaluations


@dataclass(frozen=True)
class Scored:
    """What is scored.

    Args:
        system: The system.
        seeds: Its training seeds; 0 alone where they are not known.
        scale: Lowest and highest rating of the corpus that it was trained on.
        words: What it was trained on.
        settled: All that settles its estimates.
        signature: Signature of the training, or digest of what is known of a published model.
        folder: Where its evaluations go.
        opened: Seed → the system ready to estimate, and what feeds it; of a fit nothing is opened.
        run: Our run, if it is one.
        probes: The probes of a fit, if it is one.
        published: The published model, if it is one.
    """

    system: SystemEntry
    seeds: tuple[int, ...]
    scale: tuple[float, float]
    words: Words
    settled: Mapping[str, Any]
    signature: str
    folder: Path
    opened: Callable[[int], tuple[Any, Processor]] | None = None
    run: FinetuneRecord | FitRecord | None = None
    probes: StandingProbes | None = None
    published: PublishedEntry | None = None

    def named(self, corpus: str) -> str:
        """What the name of an evaluation on a corpus begins with; two published models can have one name."""
        if self.published is None:
            return corpus
        return f"evaluate-{corpus}-{slug(self.system.name)}-{self.published.weights[:_DIGITS]}"


def read_trained(run: Path | str) -> FinetuneRecord | FitRecord:
    """Read the record of a `finetune` or a `fit` run.

    Raises:
        RunError: It has none, or is another command's (code `run-kind`).
    """
    record = read_record(Path(run))
    if isinstance(record, FinetuneRecord | FitRecord):
        record.demand_single()
        return record
    why, remedy = f"it is a run of `probe {record.command}`", "name a finetune or a fit run (see `probe runs`)"
    raise RunError(f"{run}", why, remedy, code="run-kind")


def to_score(run: Path | str, revision: str | None, runs: Path, device: str = "cpu") -> Scored:
    """Get ready what a user names.

    Args:
        run: A run's folder; or the folder or the hub id of a published model.
        revision: Branch, tag or commit of a hub repository.
        runs: Folder of all runs, where the evaluation of a published model goes.
        device: PyTorch's name of the device that the probes of a fit are put on.

    Raises:
        RunError: The folder holds no whole `finetune` or `fit` run (code `no-run`, `run-kind`, `run-incomplete` …), or
            one that pools several folds (`run-pooled`).
        EncoderError: The published model cannot be opened.
        OptionError: A revision is named for what has none (code `no-effect`).
    """
    if names_published(run):
        return _published(str(run), revision, runs)
    if revision is not None:
        why = "a run has no revisions"
        raise OptionError(f"--revision {revision}", why, "leave it out, or name a hub id", code="no-effect")
    trained = read_trained(run)
    demand_whole(trained, digests=True)
    return _own(trained) if isinstance(trained, FinetuneRecord) else _fitted(trained, device)


def _own(trained: FinetuneRecord) -> Scored:
    """A run of ours. Seeds are added to a run, so its own signature is not enough to settle its estimates."""
    names = [f"seed{seed}/model.safetensors" for seed in trained.seeds]
    files = trained.files or {}
    weights = {name: files[name].sha256 if name in files else None for name in names}

    def ready(seed: int) -> tuple[Any, Processor]:
        system, processor = opened(trained.folder / f"seed{seed}")
        processor.truncate = bool(trained.options.get("truncate_text"))
        return system, processor

    return Scored(
        system=trained.system,
        seeds=trained.seeds,
        scale=trained.corpus.scale,
        words=trained.words,
        settled={"run": trained.signature, "systems": weights},
        signature=trained.signature,
        folder=trained.folder / EVALUATIONS,
        opened=ready,
        run=trained,
    )


def _fitted(fitted: FitRecord, device: str) -> Scored:
    """The probes of a fit, which never change."""
    probes = standing_probes(fitted, device)
    return Scored(
        system=probed_system(fitted, probes),
        seeds=probes.seeds,
        scale=fitted.corpus.scale,
        words=Words(),
        settled={"run": fitted.signature},
        signature=fitted.signature,
        folder=fitted.folder / EVALUATIONS,
        run=fitted,
        probes=probes,
    )


def _published(name: str, revision: str | None, runs: Path) -> Scored:
    """A published model, of which one training is known."""
    from probing.systems.published import open_published

    found = open_published(name, revision)
    settled = {"published": found.settled}
    return Scored(
        system=found.parts,
        seeds=(0,),
        scale=found.entry.scale,
        words=Words(),
        settled=settled,
        signature=signature(settled),
        folder=runs,
        opened=lambda _seed: (found.system, found.processor),
        published=found.entry,
    )
