"""Arousal, valence and dominance of any recording, from a trained system.

Shape legend: S samples at 16 kHz · B windows of a batch · K dimensions of emotion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from probing.audio import SAMPLE_RATE, load
from probing.errors import EncoderError, ProbingError
from probing.exact import ExactFloat32
from probing.records import read_record
from probing.run_evaluate import needs, opened
from probing.windows import windows

Hear = Callable[[Sequence[NDArray[np.float32]]], list[str]]  # waveforms → transcripts


class Predictor:
    """A fine-tuned run, ready for recordings.

    Args:
        run: The run's folder.
        device: PyTorch's name of a device.

    Attributes:
        dimensions: What it estimates.
        scale: Lowest and highest rating of the corpus that it was trained on.
        reads: Whether it needs the words.
        hears: Whether it needs the sound.
        title: Its name.

    Raises:
        ProbingError: The folder holds no finished `finetune` run.
    """

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        record = read_record(Path(run))
        kinds, self.dimensions = needs(record)
        self.reads, self.hears = "text" in kinds, "audio" in kinds
        self.scale: tuple[float, float] = tuple(record["corpus"]["scale"])
        self.title, self._folder, self._device = str(record["encoder"]["name"]), record.folder, device
        self._seeds: list[tuple[Any, Any]] = [opened(record.folder / f"seed{seed}") for seed in record["seeds"]]
        for system, processor in self._seeds:
            system.to(device).eval()
            processor.truncate = bool(record["configuration"]["options"].get("truncate_text"))

    def predict(
        self,
        audio: str | Path | NDArray[np.float32],
        text: str | None = None,
        window: float | None = None,
        hop: float | None = None,
        asr: Hear | None = None,
        batch: int = 16,
    ) -> pd.DataFrame:
        """Estimate a recording, whole or in windows.

        Args:
            audio: A file, or a waveform [S], mono, 16 kHz.
            text: What is said; of every window where there are several.
            window: Seconds in a window.
            hop: Seconds from one window to the next.
            asr: Recognises what is said in each window, in place of `text`: `Recogniser.transcribe`.
            batch: Windows in a batch; it changes no estimate.

        Returns:
            start, end (s), the dimensions on the corpus's own scale (mean over the run's training seeds), and text
            where the system reads; a row for each window.

        Raises:
            AudioError: The file cannot be used.
            ProbingError: The system reads and no words are given, or a window is too short.
        """
        self.demand_words(text is not None or asr is not None)
        waveform = load(audio) if isinstance(audio, str | Path) else np.asarray(audio, np.float32)
        spans = windows(len(waveform), window, hop)
        pieces = [waveform[start:end] for start, end in spans]
        texts = (asr(pieces) if asr else [text or ""] * len(pieces)) if self.reads else None
        estimates_NK = np.concatenate(
            [
                self._estimate(pieces[at : at + batch], texts[at : at + batch] if texts else None)
                for at in range(0, len(pieces), batch)
            ]
        )
        table = pd.DataFrame(np.array(spans) / SAMPLE_RATE, columns=["start", "end"])
        table[list(self.dimensions)] = estimates_NK
        return table.assign(text=texts) if texts else table

    def demand_words(self, given: bool) -> None:
        """Raise a ProbingError where the system reads and no words are given."""
        if self.reads and not given:
            raise ProbingError(
                f"{self._folder} reads what is said",
                "no words were given",
                "add --text '…' or --asr openai/whisper-base, or take a run that hears only",
            )

    @torch.inference_mode()
    def _estimate(self, pieces: Sequence[NDArray[np.float32]], texts: Sequence[str] | None) -> NDArray[np.float64]:
        """Estimates [B, K], mean over training seeds."""
        found = []
        for system, processor in self._seeds:
            inputs = processor(pieces if self.hears else None, texts)
            with ExactFloat32():
                logits = system(**{name: tensor.to(self._device) for name, tensor in inputs.items()}).logits
            found.append(system.ratings(logits).double().cpu().numpy())
        return np.asarray(np.mean(found, axis=0))


def open_run(run: str | Path, device: str = "cpu") -> Predictor:
    """Open a fine-tuned run, to estimate recordings with it.

    Args:
        run: The run's folder, `runs/finetune-…`.
        device: PyTorch's name of a device.

    Raises:
        ProbingError: The folder holds no finished `finetune` run.
    """
    if not Path(run).is_dir():
        raise EncoderError(f"{run}", "there is no such folder", "name a run's folder (see `probe runs`)")
    return Predictor(run, device)
