"""What is shown of a training."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace
from typing import Any

import pytest

from probing.training.progress import Progress


def state(step: int, first: bool = True) -> Any:
    """What transformers tells of a training."""
    return SimpleNamespace(global_step=step, max_steps=9, is_world_process_zero=first)


def test_loss_and_scores_are_shown_by_the_first_process_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, since stdout is for results."""
    for first in (True, False):
        progress = Progress()
        progress.on_log(None, state(1200, first), None, {"loss": 0.75})
        progress.on_log(None, state(1200, first), None, {"eval_ccc": 0.3, "eval_ccc_valence": 0.25})
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.splitlines() == [
        "step 1,200: loss 0.750",
        "step 1,200: development CCC valence 0.250",
    ]


def test_the_module_is_looked_at_every_so_often_and_at_the_last_step() -> None:
    """Steps 4 and 8 of 9, and 9."""
    seen: list[int] = []
    progress = Progress(4, seen.append)
    progress.on_train_begin(None, state(0), None)
    for step in range(1, 10):
        progress.on_step_end(None, state(step), None)
    progress.on_train_end(None, state(9), None)
    assert seen == [4, 8, 9]


def test_a_terminal_without_a_size_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its width would else be 0, and the line empty."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    monkeypatch.delenv("COLUMNS", raising=False)
    progress = Progress()
    progress.on_train_begin(None, state(0), None)
    progress.on_train_end(None, state(9), None)
    assert "0/9" in shown.getvalue()
