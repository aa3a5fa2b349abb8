"""A training as it begins: corpus, system and options, checked and settled before anything is learned."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import transformers

from probing.cache.reader import Cache
from probing.corpus.audit import no_labels
from probing.corpus.checked import Checked, Needs, check_corpus, settle_dims
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.environment import refuse_half_launched
from probing.errors import FitError
from probing.systems.batches import Feed
from probing.systems.build import kinds_of
from probing.systems.inputs import feed, find_latents, latents_command
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.accelerated import refuse_conflicts
from probing.training.cost import seconds_saved
from probing.training.datasets import learned_and_scored
from probing.training.describe import default_name
from probing.training.options import FinetuneOptions, FinetunePlace
from probing.training.start import only_head_learns, started, uses_bf16


@dataclass(frozen=True)
class Job:
    """All that a run is told, and its system as the training of seed 0 begins.

    Args:
        checked: Labelled utterances with what the system takes.
        name: The system, as the user names it.
        options: How it is trained; its dimensions are settled.
        place: Where, and what may be read.
        device: PyTorch's name of a device.
        first: The system.
        processor: What feeds it.
    """

    checked: Checked
    name: str
    options: FinetuneOptions
    place: FinetunePlace
    device: str
    first: EmotionSystem
    processor: Processor

    @property
    def folder(self) -> Path:
        """The run's."""
        return Path(self.place.runs) / (self.place.name or default_name(self.checked, self.first, self.options))

    def fed(self, latents: Cache | None = None) -> Feed:
        """The corpus as the system takes it, from cached latents where they are given."""
        own = self.first.config
        return feed(self.checked, own.dimensions, self.processor, latents, categories=own.categories)


def prepared(
    corpus: CorpusSpec | str, system: str, options: FinetuneOptions, place: FinetunePlace, dry: bool = False
) -> Job:
    """Open corpus and system, and settle what depends on them; a dry run does not even remember the audio."""
    transformers.utils.logging.disable_progress_bar()  # of each file that is written or read
    device = settle_device(place.device)
    refuse_half_launched()
    refuse_conflicts(device)
    uses_bf16(options, device)  # refuses what the device cannot compute
    checked, options = checked_to_learn(corpus, system, options, place, dry)
    first, processor = started(system, checked.corpus, options, seed=0)
    return Job(checked, system, options, place, device, first, processor)


def checked_to_learn(
    corpus: CorpusSpec | str, system: str, options: FinetuneOptions, place: FinetunePlace, dry: bool = False
) -> tuple[Checked, FinetuneOptions]:
    """The corpus with all that a training reads of it, and the options with their targets settled.

    Raises:
        CorpusError: The corpus cannot be opened, or lacks what the system takes.
        FitError: It has no label (code `no-labels`), or too few utterances (`too-few`).
    """
    kinds = kinds_of(system)
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus
    needs = Needs(audio="audio" in kinds, text="text" in kinds, dims=options.dims, learns=True)
    root = Path(place.cache)
    checked = check_corpus(spec, needs, place.allow_missing, root, not dry, allow_leaks=place.allow_leaks)
    dims = settle_dims(checked.corpus, options.dims)
    if not dims:
        raise FitError(*no_labels(checked.corpus), code="no-labels")
    learned_and_scored(checked.corpus)
    return checked, replace(options, dims=dims)


def fed_for_training(job: Job) -> Feed:
    """The corpus as the system takes it, from cached latents where there are any and they would be read."""
    wanted = job.place.latents and not only_head_learns(job.first)  # frozen encoders are run only once
    latents = find_latents(job.checked, job.name, Path(job.place.cache)) if wanted else None
    return job.fed(latents)


def say_latents(job: Job, source: Feed) -> None:
    """Say on stderr what the latents cache saves, or how to make one."""
    if job.first.audio is None or only_head_learns(job.first):
        return
    if source.latents is None:
        command = latents_command(job.checked, job.name, Path(job.place.cache))
        if command is None:  # a front end whose output is not worth keeping
            return
        print(f"the frozen front end is computed in every step; cache its output once with: {command}", file=sys.stderr)
        return
    saved = seconds_saved(job.first, job.fed(), source, job.device)
    utterances = sum(map(len, learned_and_scored(job.checked.corpus).values()))
    print(
        f"front end read from {source.latents.path}: saves {saved * job.options.batch:.2f} s per step, "
        f"{saved * utterances:.0f} s per epoch",
        file=sys.stderr,
    )
