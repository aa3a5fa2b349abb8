"""The recipe of `demo-distilhubert`: a student of two layers learns to predict its teacher's layers 4, 8 and 12.

After the DistilHuBERT paper (Chang, Yang, Lee 2022): the student starts from the teacher's front end and first two
layers; each of three heads predicts one of the teacher's layers from the student's last state, under an L1 and a
cosine loss; then the heads are dropped.

Shape legend: B utterances · S samples · T frames · D hidden size.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, l1_loss, logsigmoid
from transformers import HubertModel

from probing.audio.decode import SAMPLE_RATE
from probing.pretrain.card import HEADS, load_heads
from probing.pretrain.hubert import PREPROCESSOR, crop
from probing.pretrain.speech import Speech, batches
from probing.pretrain.training import Batch, Schedule, train

LAYERS = 2  # of the student
TARGETS = (4, 8, 12)  # the teacher's layers
COSINE_WEIGHT = 1.0
SCHEDULE = Schedule(800, 1.5e-3, seed=4)  # of `demo-distilhubert`


class Distillation(nn.Module):
    """A student, its heads and its frozen teacher.

    Args:
        teacher: HuBERT model of at least 12 layers.
        targets: The teacher's layers that are predicted, one head each.
    """

    def __init__(
        self, teacher: HubertModel, targets: tuple[int, ...] = TARGETS, student: HubertModel | None = None
    ) -> None:
        super().__init__()
        self.student = student or student_of(teacher)
        self.targets = targets
        width = teacher.config.hidden_size
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)) for _ in targets
        )
        self._teacher = [teacher.eval().requires_grad_(False)]  # in a list: it is no part of what is saved

    def predictions(self, input_values: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each target layer what its head predicts and what the teacher has, [B, T, D] each.

        Args:
            input_values: Waveforms [B, S], normalised, of equal length.
        """
        with torch.no_grad():
            states = self._teacher[0](input_values, output_hidden_states=True).hidden_states
        last_BTD = self.student(input_values).last_hidden_state
        return [(head(last_BTD), states[layer]) for head, layer in zip(self.heads, self.targets, strict=True)]

    def forward(self, input_values: Tensor) -> dict[str, Tensor]:
        """The loss: L1 distance and log-sigmoid of the cosine similarity, summed over the heads."""
        losses = []
        for predicted_BTD, target_BTD in self.predictions(input_values):
            similarity_BT = cosine_similarity(predicted_BTD, target_BTD, dim=-1)
            losses.append(l1_loss(predicted_BTD, target_BTD) - COSINE_WEIGHT * logsigmoid(similarity_BT).mean())
        return {"loss": torch.stack(losses).sum()}


@torch.inference_mode()
def similarities(folder: Path, teacher: HubertModel, speech: Speech) -> dict[str, float]:
    """How well a student with its heads predicts the teacher's layers.

    Args:
        folder: The student, with its heads.
        teacher: The model that it learned from.
        speech: What both hear.

    Returns:
        `cosine_4` and so on: mean cosine similarity of prediction and target over all frames.
    """
    student = HubertModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).eval()
    module = Distillation(teacher, student=student)
    module.heads.load_state_dict(load_heads(folder))
    found = []
    for index in range(len(speech)):
        heard = PREPROCESSOR(speech.waveform(index), sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_values"]
        pairs = module.predictions(heard)
        found.append([cosine_similarity(predicted, target, dim=-1).mean() for predicted, target in pairs])
    means = torch.tensor(found).mean(0).tolist()
    return {f"cosine_{layer}": round(mean, 4) for layer, mean in zip(module.targets, means, strict=True)}


def student_of(teacher: HubertModel) -> HubertModel:
    """A model of the teacher's front end and first two layers, with their weights."""
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = LAYERS
    config.apply_spec_augment = False
    student = HubertModel(config)
    kept = {key: tensor for key, tensor in teacher.state_dict().items() if key in student.state_dict()}
    student.load_state_dict(kept)
    return student


def pretrain(
    teacher: HubertModel, speech: Speech, schedule: Schedule, folder: Path, per_batch: int = 12
) -> HubertModel:
    """Distil a teacher.

    Args:
        teacher: The model that is learned from.
        speech: What both hear.
        schedule: Steps, learning rate, seed.
        folder: Where checkpoints and losses are kept; a finished student is found there again.
        per_batch: Utterances in a batch.

    Returns:
        The student without its heads.
    """
    if not (folder / "config.json").is_file():
        torch.manual_seed(schedule.seed)
        module = Distillation(copy.deepcopy(teacher))
        drawn = list(batches(speech.frames, per_batch, schedule.seed, schedule.steps))

        def make_batch(step: int) -> Batch:
            cut, _, _ = crop(speech, drawn[step], [schedule.seed, 1, step])
            return {"input_values": PREPROCESSOR(cut, sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_values"]}

        log = train(module, make_batch, schedule, folder / "steps")
        (folder / "losses.json").write_text(json.dumps(log), "utf-8")
        save_file({name: tensor.contiguous() for name, tensor in module.heads.state_dict().items()}, folder / HEADS)
        module.student.save_pretrained(folder)
    return HubertModel.from_pretrained(folder, trust_remote_code=False).eval()
