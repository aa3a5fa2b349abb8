"""What is shown on stderr of a training by transformers' Trainer: a bar, the loss and scores."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainingArguments


class Progress(TrainerCallback):
    """A bar and the loss on stderr, and a look at the module every so many steps and at the last.

    Args:
        every: Steps between two looks.
        look: Called with the step's number.
    """

    def __init__(self, every: int = 1, look: Callable[[int], None] | None = None) -> None:
        self._every, self._look = every, look

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Show the bar, if stderr is a terminal."""
        hidden = None if state.is_world_process_zero else True
        width = shutil.get_terminal_size().columns  # a terminal that does not tell its size would get an empty bar
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step", disable=hidden, ncols=width)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Print the loss, or the scores on the development partition."""
        if not state.is_world_process_zero:
            return
        if "loss" in logs:
            tqdm.write(f"step {state.global_step:,}: loss {float(logs['loss']):.3f}", file=sys.stderr)
        if "eval_ccc" in logs or "eval_score" in logs:
            shown = ", ".join(part for part in map(partial(_scores, logs), ("ccc", "uar")) if part)
            tqdm.write(f"step {state.global_step:,}: development {shown}", file=sys.stderr)

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Move the bar; look, if it is time."""
        self._bar.update()
        if self._look and (state.global_step % self._every == 0 or state.global_step == state.max_steps):
            self._look(state.global_step)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Close the bar."""
        self._bar.close()


def _scores(logs: Mapping[str, Any], measure: str) -> str:
    """What was logged of a measure, `ccc` of dimensions or `uar` of categories; nothing where nothing was."""
    prefix = f"eval_{measure}_"
    found = [f"{key.removeprefix(prefix)} {value:.3f}" for key, value in logs.items() if key.startswith(prefix)]
    return " ".join([measure.upper(), *found]) if found else ""
