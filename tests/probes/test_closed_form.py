"""What ridge regression from sums alone knows of other utterances is what their states themselves say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probing.probes.closed_form import PENALTIES, Decomposition, LayerStates, Scorer

WIDTH = 40


@pytest.mark.parametrize("targets", [1, 3, 60])  # times 17 penalties: fewer columns than features, and more
def test_scores_with_all_penalties_are_those_of_predictions(targets: int) -> None:
    """Errors and CCC of every penalty at once, [G, T], as computed from predictions of each utterance."""
    rng = np.random.default_rng(targets)
    states = (rng.standard_normal((200, WIDTH)) * rng.uniform(0.1, 9, WIDTH) + 5).astype(np.float32)
    labels = states[:, :targets] @ rng.standard_normal((min(targets, WIDTH), targets)) + rng.standard_normal(
        (200, targets)
    )
    train, other = np.arange(120), np.arange(120, 200)
    layer = LayerStates(states, train, "cpu")
    solved = Decomposition(layer.sums(train)).solve(layer.label_sums(train, labels[train]))
    scorer = Scorer(solved, solved.of.project(layer.sums(other)), layer.label_sums(other, labels[other]))
    errors, scores = scorer.squared_error(solved.path(), 0.3).numpy(), scorer.ccc(solved.path()).numpy()
    x = states.astype(float)
    z = (x - x[train].mean(0)) / x[train].std(0)
    mean = labels[train].mean(0)
    for place, penalty in enumerate(PENALTIES):
        left = z[train].T @ z[train] / len(train) + penalty * np.eye(WIDTH)
        guessed = mean + z[other] @ np.linalg.solve(left, z[train].T @ (labels[train] - mean) / len(train))
        assert errors[place] == pytest.approx(np.square(guessed + 0.3 - labels[other]).mean(0), rel=1e-8)
        shared = ((guessed - guessed.mean(0)) * (labels[other] - labels[other].mean(0))).mean(0)
        spread = guessed.var(0) + labels[other].var(0) + (guessed.mean(0) - labels[other].mean(0)) ** 2
        assert scores[place] == pytest.approx(2 * shared / spread, rel=1e-8, abs=1e-12)
    around = scorer.squared_error_of_mean(torch.full((targets,), 0.3)).numpy()
    assert around == pytest.approx(np.square(mean + 0.3 - labels[other]).mean(0), rel=1e-8)
