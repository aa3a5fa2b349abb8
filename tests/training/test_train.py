"""Training with transformers' Trainer: what is learned, what a kill does not change, and a loss that is not finite."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from processes import Started, command
from safetensors.torch import load_file
from small_systems import same_weights, trained

from probing.errors import FitError
from probing.systems.model import EmotionSystem
from probing.training.checkpoints import resumable
from probing.training.progress import Progress


@pytest.mark.slow
def test_a_small_system_overfits_32_utterances(places: Path) -> None:
    """Given its time, a system learns what it is shown by heart: CCC above .95 on train."""
    lines = (places / "table.csv").read_text().splitlines()
    rows = [line.replace(",development,", ",train,") for line in lines[1:]]
    rows = [row.replace(",test1,", ",train,").replace(",test2,", ",train,") for row in rows]
    copies = [row.replace("u", "d", 1).replace(",train,", ",development,") for row in rows[:4]]
    copies = [",".join([*row.split(",")[:3], "d9", *row.split(",")[4:]]) for row in copies]
    (places / "all.csv").write_text("\n".join([lines[0], *rows, *copies]))
    how = {"lr": 3e-3, "batch": 16, "dropout": 0.0, "max_steps": 120, "evaluate_every": 60, "patience": 99}
    record = trained("hubert", "all", "all.csv", **how)
    scores = pd.read_csv(record.folder / "scores.csv").query("partition == 'train'")
    assert scores.n.iloc[0] == 32 and scores.ccc.min() > 0.95, scores


@pytest.mark.slow
@pytest.mark.parametrize("system", ["hubert+bert", "w2v2"])
def test_activations_computed_twice_change_no_weight(system: str) -> None:
    """With dropout, gradient checkpointing trains the same system, to rounding errors."""
    records = [trained(system, f"{system}-twice-{twice}", gradient_checkpointing=twice) for twice in (False, True)]
    once, twice = (load_file(record.folder / "seed0/model.safetensors") for record in records)
    for name, tensor in once.items():
        torch.testing.assert_close(tensor, twice[name], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("steps", [3, 5])
def test_an_interrupted_training_ends_as_one_that_was_not(
    places: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Interrupted in the first epoch and in the second, bit-equal weights and the same history come out in the end."""
    undisturbed = trained("hubert+bert", "undisturbed")
    moved = Progress.on_step_end

    def interrupted(self: Progress, args: Any, state: Any, control: Any, **rest: Any) -> None:
        moved(self, args, state, control, **rest)
        if state.global_step == steps:
            raise KeyboardInterrupt

    folder = places / f"runs/stopped-{steps}"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "on_step_end", interrupted)
        trained("hubert+bert", folder.name)
    assert resumable(folder / ".seed0") and not (folder / "seed0").exists()
    record = trained("hubert+bert", folder.name)
    assert same_weights(folder / "seed0", undisturbed.folder / "seed0") and record.scores == undisturbed.scores
    histories = [pd.read_csv(place / "seed0/history.csv") for place in (folder, undisturbed.folder)]
    pd.testing.assert_frame_equal(*(history[["step", "loss", "eval_ccc"]] for history in histories))


def test_a_killed_process_loses_nothing(places: Path) -> None:
    """SIGKILL at some instant after the first checkpoint; the same command then ends as if nothing had happened."""
    words = "finetune table.csv --system hubert --batch 4 --max-steps 16 --evaluate-every 2 --patience 99 --lr 1e-3"
    process = Started(command, places, *words.split(), "--name", "killed")
    folder = places / "runs/killed"
    while process.poll() is None and not list(folder.glob(".seed0/checkpoint-*/trainer_state.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL and not (folder / "record.json").exists(), errors
    how = {"max_steps": 16, "patience": 99, "dropout": 0.1}
    killed, spared = (trained("hubert", name, **how) for name in ("killed", "spared"))
    assert same_weights(killed.folder / "seed0", spared.folder / "seed0")


def test_a_loss_that_is_not_finite_names_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The utterances of the batch are named, and training stops."""
    forward = EmotionSystem.forward

    def broken(self: EmotionSystem, *args: Any, **inputs: Any) -> Any:
        output = forward(self, *args, **inputs)
        output.loss = None if output.loss is None else output.loss * float("nan")
        return output

    monkeypatch.setattr(EmotionSystem, "forward", broken)
    with pytest.raises(FitError) as caught:
        trained("bert", "broken")
    assert caught.value.code == "loss-not-finite" and "step 0" in caught.value.what
    assert len(re.findall(r"u\d\d", caught.value.why)) == 4  # a batch


@pytest.mark.parametrize(("learning", "code"), [(True, "loss-not-finite"), (False, "estimate-not-finite")])
def test_estimates_that_are_not_finite_stop_a_training(
    learning: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that has no loss, and an evaluation that has no score."""
    pool = EmotionSystem.pool
    monkeypatch.setattr(
        EmotionSystem,
        "pool",
        lambda self, *a, **k: pool(self, *a, **k) * (float("nan") if self.training is learning else 1.0),
    )
    if not learning:
        monkeypatch.setattr("probing.systems.targets.ccc_loss", lambda p, y: (p - y).square().mean(-1).nan_to_num())
    with pytest.raises(FitError) as caught:
        trained("bert", f"broken-{code}")
    assert caught.value.code == code
