"""The recipe of `demo-hubert`: masked prediction, stage by stage of more linguistic units.

Shape legend: B utterances · S samples · T frames.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from probing.audio.decode import SAMPLE_RATE
from probing.demo.script import COUNTS
from probing.encoders.speech import SpeechEncoder
from probing.pretrain.card import HEADS, load_heads
from probing.pretrain.masked import MaskedPrediction
from probing.pretrain.profile import depth_profile
from probing.pretrain.speech import FRAME, SYLLABLES, WINDOW, WORDS, Speech, batches
from probing.pretrain.training import Batch, Schedule, train
from probing.pretrain.units import assign, cluster, mfcc

Integers = NDArray[np.int64]

PREPROCESSOR = Wav2Vec2FeatureExtractor(do_normalize=True)
CONFIG: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "conv_dim": (32, 32, 48, 64, 64, 64, 64),
    "num_conv_pos_embeddings": 16,  # 0.32 s, shorter than a word: what layer 0 can hear
    "num_conv_pos_embedding_groups": 4,
    # Crops and masks drawn anew in every step are all the regularisation that so small a model needs.
    **dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"), 0.0),
    "final_dropout": 0.0,
    "layerdrop": 0.0,
}
CLUSTER_FRAMES = 60_000  # frames that k-means sees
MIDDLE = 6  # hidden state whose clusters are the second stage's units


@dataclass(frozen=True)
class Stage:
    """One run of masked prediction.

    Args:
        units: What is predicted at the top: `mfcc` (clusters), `own` (clusters of the middle layer of the stage
            before) or `words` (of the alignment).
        schedule: Steps, learning rate, seed.
        clusters: Number of clusters.
        cover: Share of the frames that are masked, about.
        span: Frames masked in one piece.
        unmasked_weight: Weight of the unmasked frames' loss.
        early_layer: Hidden state that predicts the syllables in all frames, or None.
        early_weight: Weight of that loss.
    """

    units: str
    schedule: Schedule
    clusters: int = 100
    cover: float = 0.5
    span: int = 10
    unmasked_weight: float = 0.0
    early_layer: int | None = None
    early_weight: float = 0.0


# What `demo-hubert` was made by. The first two stages are HuBERT's; after them no layer has heard a word (the card
# gives the curves), so the third one's units come from the synthesiser's alignment: the syllables at layer 4, as in
# HuBERT with intermediate layer supervision (ILS-SSL), and the words at the top.
STAGES = (
    Stage("mfcc", Schedule(1200, 1.5e-3, seed=1)),
    Stage("own", Schedule(800, 1e-3, seed=2)),
    Stage(
        "words",
        Schedule(4500, 1.5e-3, seed=3),
        cover=0.4,
        span=20,  # 0.4 s, longer than a syllable
        unmasked_weight=0.7,
        early_layer=4,
        early_weight=1.0,
    ),
)


def pretrain(
    stages: tuple[Stage, ...],
    speech: Speech,
    folder: Path,
    counts: Mapping[str, int] = COUNTS,
    per_batch: int = 12,
) -> HubertModel:
    """Run all stages, each from the weights of the one before; what is finished is not run again.

    Args:
        stages: The recipe.
        speech: What is heard.
        folder: Where checkpoints, losses, depth profiles and finished stages (`<number>-<units>/`) are kept.
        counts: Size of the demo corpus whose development partition the depth profile is measured on.
        per_batch: Utterances in a batch.

    Returns:
        The model of the last stage.
    """
    model: HubertModel | None = None
    for number, stage in enumerate(stages, start=1):
        place = folder / f"{number}-{stage.units}"
        if not (place / "config.json").is_file():
            _run(stage, speech, model, place, counts, per_batch).save_pretrained(place)
        model = HubertModel.from_pretrained(place, trust_remote_code=False)
    if model is None:
        raise ValueError("a recipe has at least one stage")
    return model.eval()


def encoder_of(model: HubertModel, name: str = "demo-hubert") -> SpeechEncoder:
    """A copy of a model as a frozen encoder; the model can be trained on."""
    frozen = copy.deepcopy(model)  # with its configuration: the model in training goes on masking
    frozen.config.apply_spec_augment = False
    return SpeechEncoder(frozen, PREPROCESSOR, name)


@torch.inference_mode()
def masked_accuracy(folder: Path, speech: Speech) -> dict[str, float]:
    """How many of the frames that the model does not hear, and does hear, get the word that is spoken.

    Args:
        folder: A model with its heads, of the stage `words`.
        speech: What it is tried on; it should not have been pre-trained on it.

    Returns:
        `masked` and `unmasked`: shares in [0, 1] of all such frames.
    """
    heads = load_heads(folder)
    model = HubertModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).eval()
    model.config.apply_spec_augment = True  # else nothing is masked
    module = MaskedPrediction(model.config, len(heads["embeddings"]), hubert=model)
    module.load_state_dict(heads, strict=False)
    right = {True: 0.0, False: 0.0}
    frames = {True: 0, False: 0}
    for index in range(len(speech)):
        batch = make_batch(STAGES[-1], speech, speech.words, np.array([index]), index)
        states = model(batch["input_values"], mask_time_indices=batch["mask"]).last_hidden_state
        hits = module.logits(states).argmax(-1) == batch["units"]
        for masked in right:
            chosen = hits[batch["mask"] == masked]
            right[masked] += float(chosen.sum())
            frames[masked] += chosen.numel()
    return {name: round(right[masked] / frames[masked], 4) for name, masked in (("masked", True), ("unmasked", False))}


def units_of(stage: Stage, speech: Speech, model: HubertModel | None) -> Integers:
    """The units of all frames of the speech, one after another."""
    if stage.units == "words":
        return speech.words
    features: Callable[[int], NDArray[np.float32]]
    if stage.units == "own":
        if model is None:
            raise ValueError("the first stage has no hidden states of its own yet")
        encoder = encoder_of(model)
        features = lambda index: encoder.states(speech.waveform(index))[:, MIDDLE]  # noqa: E731
    else:
        features = lambda index: mfcc(speech.waveform(index))  # noqa: E731
    frames = np.concatenate([features(index) for index in range(len(speech))])
    rng = np.random.default_rng(stage.schedule.seed)
    sample = frames[rng.permutation(len(frames))[:CLUSTER_FRAMES]]
    return assign(frames, *cluster(sample, stage.clusters, stage.schedule.seed))


def _run(
    stage: Stage, speech: Speech, before: HubertModel | None, place: Path, counts: Mapping[str, int], per_batch: int
) -> HubertModel:
    """Train one stage."""
    torch.manual_seed(stage.schedule.seed)
    n_units = len(WORDS) + 1 if stage.units == "words" else stage.clusters
    module = MaskedPrediction(
        HubertConfig(**CONFIG),
        n_units,
        stage.unmasked_weight,
        stage.early_layer,
        len(SYLLABLES) + 1,
        stage.early_weight,
    )
    if before is not None:
        module.hubert.load_state_dict(before.state_dict())
    place.mkdir(parents=True, exist_ok=True)
    kept = place / "units.npy"  # so that a run that goes on has the same units
    if not kept.is_file():
        np.save(kept, units_of(stage, speech, before))
    drawn = list(batches(speech.frames, per_batch, stage.schedule.seed, stage.schedule.steps))
    units = np.load(kept, mmap_mode="r")

    def look(step: int) -> None:
        profile = depth_profile(encoder_of(module.hubert), counts=counts)
        with (place / "profile.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, **profile}) + "\n")

    log = train(
        module, lambda step: make_batch(stage, speech, units, drawn[step], step), stage.schedule, place / "steps", look
    )
    (place / "losses.json").write_text(json.dumps(log), "utf-8")
    save_file(module.heads(), place / HEADS)
    return module.hubert


def make_batch(stage: Stage, speech: Speech, units: Integers, indices: Integers, step: int) -> Batch:
    """Crop utterances of similar length to the shortest, and mask spans of frames.

    Returns:
        `input_values` [B, S], `mask`, `units` and `early_units` [B, T].
    """
    seed = [stage.schedule.seed, 1, step]
    cut, starts, n_frames = crop(speech, indices, seed)
    heard = PREPROCESSOR(cut, sampling_rate=SAMPLE_RATE, return_tensors="pt")
    targets = {
        name: np.stack([speech.of(of, i)[start : start + n_frames] for i, start in zip(indices, starts, strict=True)])
        for name, of in (("units", units), ("early_units", speech.syllables))
    }
    mask = spans(len(indices), n_frames, stage.cover, stage.span, np.random.default_rng([*seed, 1]))
    return {
        "input_values": heard["input_values"],
        "mask": torch.from_numpy(mask),
        **{name: torch.from_numpy(of) for name, of in targets.items()},
    }


def crop(speech: Speech, indices: Integers, seed: Sequence[int]) -> tuple[list[NDArray[np.float32]], list[int], int]:
    """Cut utterances to the length of the shortest.

    Returns:
        B waveforms [S], the frame at which each begins, and the number of frames T of all.
    """
    rng = np.random.default_rng(seed)
    n_frames = int(speech.frames[indices].min())
    starts = [int(rng.integers(speech.frames[index] - n_frames + 1)) for index in indices]
    cut = [
        speech.waveform(index)[start * FRAME : (start + n_frames - 1) * FRAME + WINDOW]
        for index, start in zip(indices, starts, strict=True)
    ]
    return cut, starts, n_frames


def spans(rows: int, n_frames: int, cover: float, span: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask [rows, T]: pieces of `span` frames that may overlap and cover the given share on average."""
    mask = np.zeros((rows, n_frames), dtype=bool)
    pieces = max(1, round(-np.log(1 - cover) * n_frames / span))
    for row in mask:
        for start in rng.integers(1 - span, n_frames, pieces):
            row[max(0, start) : start + span] = True
        if not row.any():
            row[:span] = True
    return mask
