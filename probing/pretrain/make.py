"""From nothing to an encoder's folder: each recipe with its speech, its figures and its card."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, HubertModel

from probing.demo.script import COUNTS
from probing.encoders.checkpoints import load_checkpoint
from probing.encoders.opening import open_encoder
from probing.pretrain import bert, distil
from probing.pretrain import hubert as masked_units
from probing.pretrain.card import load_heads, made_on, ship, write_card
from probing.pretrain.profile import depth_profile
from probing.pretrain.speech import SEED, Speech, open_speech
from probing.pretrain.training import Schedule

HELD_OUT_SEED = 2000  # of the speech that masked accuracy is measured on: other speakers, other sentences
HELD_OUT = 120


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Args:
        utterances: Of pre-training speech.
        share: Share of each recipe's steps.
        held_out: Utterances that masked accuracy is measured on.
        counts: Size of the demo corpus that profiles are measured on.
        texts: Sentences for the language model.
        per_batch: Utterances in a batch.
    """

    utterances: int
    share: float
    held_out: int
    counts: dict[str, int]
    texts: int
    per_batch: int

    def steps(self, schedule: Schedule) -> Schedule:
        """A schedule of that share."""
        steps = max(3, round(schedule.steps * self.share))
        return replace(schedule, steps=steps, warmup=min(schedule.warmup, steps // 2))


FULL = Size(6000, 1.0, HELD_OUT, dict(COUNTS), 60_000, 12)
SMOKE = Size(12, 0.001, 2, {"train": 12, "development": 3, "test1": 3, "test2": 3}, 300, 3)
TESTS = ("development", "test1", "test2")


def held_out(folder: Path, size: Size) -> Speech:
    """Speech that no encoder was pre-trained on."""
    return open_speech(folder / f"held-out-{size.held_out}", size.held_out, HELD_OUT_SEED)


HUBERT_CARD = """
A HuBERT of 12 layers for the built-in corpus `demo`, pre-trained on its invented language. It is an instrument, not
evidence: the language was made so that valence is in the words alone, and the recipe was chosen by its depth profile
on the development partition, so that shallow layers keep the voice and deep ones the words. It has never heard a
human being and says nothing about human speech.

Its first stages are those of the HuBERT paper: masked prediction of clusters of MFCC frames, then of clusters of its
own middle layer. After these no layer had heard a word (see the curves below). The last stage therefore predicts
units of the synthesiser's alignment: the words at the top layer, masked and, with less weight, unmasked, and the
syllables at layer 4. `heads.safetensors` holds what predicts the words; only the check of the figures reads it.
"""

DISTILHUBERT_CARD = """
A student of two layers of `demo-hubert`, made as DistilHuBERT was: it starts from its teacher's front end and first
two layers, and three heads learn to predict the teacher's layers 4, 8 and 12 under an L1 and a cosine loss. The heads
are no part of the model; `heads.safetensors` keeps them for the check of the figures. As its teacher, it knows the
built-in language and nothing of human speech.
"""

TINYBERT_CARD = """
A BERT of 4 layers for the transcripts of the built-in corpus `demo`, trained by masked language modelling on sentences
of its invented language, with a WordPiece tokenizer of its own. TinyBERT's size is its model; it was not distilled.
`heads.safetensors` keeps the head that predicts tokens, for the check of the figures. It reads no human language.
"""


def hubert(size: Size, folder: Path, out: Path, processes: int) -> Path:
    """Make `demo-hubert`.

    Args:
        size: How much of everything.
        folder: For speech, checkpoints and logs.
        out: The encoder's folder.
        processes: How many speak at once.

    Returns:
        `out`.
    """
    speech = open_speech(folder / f"speech-{size.utterances}", size.utterances, processes=processes)
    stages = tuple(replace(stage, schedule=size.steps(stage.schedule)) for stage in masked_units.STAGES)
    if size is SMOKE:
        stages = tuple(replace(stage, clusters=8) for stage in stages)
    work = folder / f"demo-hubert-{size.utterances}"
    model = masked_units.pretrain(stages, speech, work, size.counts, size.per_batch)
    places = [work / f"{number}-{stage.units}" for number, stage in enumerate(stages, start=1)]
    model.config.apply_spec_augment = False  # a frozen encoder masks nothing
    ship(out, model, masked_units.PREPROCESSOR, load_heads(places[-1]))
    figures: dict[str, Any] = masked_units.masked_accuracy(out, held_out(folder, size))
    figures["profile"] = depth_profile(open_encoder(str(out)), TESTS, size.counts)
    twin = depth_profile(open_encoder(f"{out}@random"), TESTS, size.counts)
    figures["random"] = {"profile": twin}  # of the same architecture with random weights
    figures["before"] = {
        stage.units: depth_profile(open_encoder_of(place), ("development",), size.counts)
        for stage, place in zip(stages[:-1], places[:-1], strict=True)
    }
    facts = _speech_facts(speech)
    for stage, place in zip(stages, places, strict=True):
        facts[f"stage {stage.units}"] = _schedule_facts(stage.schedule, place)
    write_card(out, facts | _made("hubert"), figures, HUBERT_CARD)
    return out


def distilhubert(size: Size, folder: Path, out: Path, processes: int, teacher: str) -> Path:
    """Make `demo-distilhubert` from a teacher, by name or folder; otherwise as `hubert`."""
    speech = open_speech(folder / f"speech-{size.utterances}", size.utterances, processes=processes)
    loaded = load_checkpoint(teacher).model
    work = folder / f"demo-distilhubert-{size.utterances}"
    student = distil.pretrain(loaded, speech, size.steps(distil.SCHEDULE), work, size.per_batch)
    ship(out, student, masked_units.PREPROCESSOR, load_heads(work))
    figures: dict[str, Any] = distil.similarities(out, loaded, held_out(folder, size))
    figures["profile"] = depth_profile(open_encoder(str(out)), TESTS, size.counts)
    facts = _speech_facts(speech) | {"training": _schedule_facts(size.steps(distil.SCHEDULE), work)}
    write_card(out, facts | _made("distilhubert"), figures, DISTILHUBERT_CARD)
    return out


def tinybert(size: Size, folder: Path, out: Path) -> Path:
    """Make `demo-tinybert`; otherwise as `hubert`."""
    work = folder / f"demo-tinybert-{size.texts}"
    schedule = size.steps(bert.SCHEDULE)
    model = bert.pretrain(schedule, work, texts=size.texts)
    ship(out, model, AutoTokenizer.from_pretrained(work, trust_remote_code=False), load_heads(work))
    figures: dict[str, Any] = {"masked": bert.masked_accuracy(out, bert.sentences(size.held_out * 5, HELD_OUT_SEED))}
    figures["profile"] = depth_profile(open_encoder(str(out)), TESTS, size.counts)
    facts = {"text": f"{size.texts:,} sentences of the demo language, seed {schedule.seed}"}
    facts["training"] = _schedule_facts(schedule, work)
    write_card(out, facts | _made("tinybert"), figures, TINYBERT_CARD)
    return out


def open_encoder_of(place: Path) -> Any:
    """The encoder of a finished stage."""
    return masked_units.encoder_of(HubertModel.from_pretrained(place, dtype=torch.float32, trust_remote_code=False))


def _speech_facts(speech: Speech) -> dict[str, str]:
    hours = f"{speech.hours:.1f} h"
    return {"speech": f"{len(speech):,} utterances ({hours}) of 200 speakers, none of the demo corpus's; seed {SEED}"}


def _schedule_facts(schedule: Schedule, place: Path) -> str:
    losses = [float(entry["loss"]) for entry in json.loads((place / "losses.json").read_text("utf-8"))]
    shown = ", ".join(f"{losses[index]:.2f}" for index in np.linspace(0, len(losses) - 1, 5).round().astype(int))
    return (
        f"{schedule.steps:,} steps, learning rate up to {schedule.learning_rate:g}, seed {schedule.seed}; "
        f"loss from first to last: {shown}"
    )


def _made(command: str) -> dict[str, str]:
    return {"made on": made_on(), "made by": f"`{shlex.join(['python', '-m', 'probing.pretrain', command])}`"}
