"""Dimensions and categories of any recording, from a finished run.

Shape legend: S samples at 16 kHz · N windows · K dimensions · O estimates: K ratings, then probabilities of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.audio.decode import SAMPLE_RATE, load
from probing.audio.windows import windows
from probing.errors import OptionError
from probing.predict.estimators import PublishedTuned, Trained, open_trained
from probing.runs.published import names_published
from probing.runs.store import read_record

Recognise = Callable[[Sequence[NDArray[np.float32]]], list[str]]  # waveforms → transcripts


class Predictor:
    """A finished run, or a published model, ready for recordings.

    Args:
        trained: It, made ready.
        name: What messages call it: a run's folder, or a model's name.

    Attributes:
        dimensions: The dimensions that it estimates.
        categories: The categories that it estimates → their classes.
        scale: Lowest and highest rating of the corpus that it was trained on: of published models 1 and 7,
            MSP-Podcast's.
        reads: Whether it needs the words.
        title: Its name.
    """

    def __init__(self, trained: Trained, name: str | Path) -> None:
        self._trained, self._name = trained, name
        self.dimensions, self.reads, self.title = trained.dimensions, trained.reads, trained.title
        self.scale, self.categories = trained.scale, trained.categories

    @property
    def columns(self) -> list[str]:
        """What a table of estimates calls them."""
        width = len(self.dimensions) + sum(map(len, self.categories.values()))
        return list(estimates_table(np.empty((0, width)), self.dimensions, self.categories))

    @property
    def drawn(self) -> tuple[list[str], tuple[float, float]]:
        """What a plot shows, and the ends of its axis: dimensions or, where there are none, probabilities."""
        if self.dimensions:
            return list(self.dimensions), self.scale
        return [column for column in self.columns if column not in self.categories], (0.0, 1.0)

    def predict(
        self,
        audio: str | Path | NDArray[np.float32],
        text: str | None = None,
        window: float | None = None,
        hop: float | None = None,
        asr: Recognise | None = None,
        batch: int | None = None,
    ) -> pd.DataFrame:
        """Estimate a recording, whole or in windows.

        Args:
            audio: A file, or a waveform [S], mono, 16 kHz.
            text: What is said; of every window where there are several.
            window: Seconds in a window.
            hop: Seconds from one window to the next.
            asr: Recognises what is said in each window, in place of `text`: `Recogniser.transcribe`.
            batch: Windows in a batch, which changes no estimate; None: as many as suit the device.

        Returns:
            start, end (s), then of each window the dimensions on the corpus's own scale, the class of each category
            and the probability of each of its classes (`emotion=angry`), all means over the run's seeds; and text where
            the run reads.

        Raises:
            AudioError: The file cannot be used.
            OptionError: As `demand_words`.
            ProbingError: A window is too short.
        """
        self.demand_words(text is not None or asr is not None)
        waveform = load(audio) if isinstance(audio, str | Path) else np.asarray(audio, np.float32)
        spans = windows(len(waveform), window, hop)
        pieces = [waveform[start:end] for start, end in spans]
        texts = self._texts(pieces, text, asr)
        batch = self._trained.batch if batch is None else batch
        estimates_NO = np.concatenate(
            [
                self._trained.estimate(pieces[at : at + batch], texts[at : at + batch] if texts else None)
                for at in range(0, len(pieces), batch)
            ]
        )
        table = pd.DataFrame(np.array(spans) / SAMPLE_RATE, columns=["start", "end"])
        table = pd.concat([table, estimates_table(estimates_NO, self.dimensions, self.categories)], axis=1)
        return table.assign(text=texts) if texts else table

    def demand_words(self, given: bool) -> None:
        """Make sure that words are given to a run that reads, and to no other.

        Raises:
            OptionError: The run reads and no words are given (code `no-words`), or it does not (`no-effect`).
        """
        if given and not self.reads:
            why = "it takes audio only"
            remedy = "leave --text and --asr out"
            raise OptionError(f"words change nothing for {self._name}", why, remedy, code="no-effect")
        if self.reads and not given:
            raise OptionError(
                f"{self._name} reads what is said",
                "no words were given",
                "add --text '…' or --asr openai/whisper-base, or name a run that takes audio only",
                code="no-words",
            )

    def _texts(
        self, pieces: Sequence[NDArray[np.float32]], text: str | None, asr: Recognise | None
    ) -> list[str] | None:
        """What is said in each window; None where the run does not read."""
        if not self.reads:
            return None
        return asr(pieces) if asr else [text or ""] * len(pieces)


def estimates_table(
    estimates_NO: NDArray[np.float64], dimensions: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Estimates by name: ratings, and of each category the most probable class and the probability of each."""
    table = pd.DataFrame(estimates_NO[:, : len(dimensions)], columns=list(dimensions))
    start = len(dimensions)
    for category, classes in categories.items():
        own_NC = estimates_NO[:, start : (start := start + len(classes))]
        table[category] = np.array(classes, np.object_)[own_NC.argmax(1)]
        table[[f"{category}={name}" for name in classes]] = own_NC
    return table


def open_run(
    run: str | Path, device: str = "cpu", encoder: str | None = None, revision: str | None = None
) -> Predictor:
    """Open a fine-tuned run, the probes of a fit, or a published model, to estimate recordings with it.

    Args:
        run: The run's folder, `runs/finetune-…` or `runs/fit-…`; or a folder or hub id of a published emotion model
            (`probing.systems.published`).
        device: PyTorch's name of a device.
        encoder: Of a fit: the encoder that its probes were fitted on, where the run does not say what opens it.
        revision: Of a published model on the hub: branch, tag or commit.

    Raises:
        RunError: There is no such run (code `no-run`), it has not ended (`run-unfinished`), it is incomplete
            (`run-incomplete`), damaged (`run-damaged`) or of another kind (`run-kind`).
        EncoderError: Its encoder or the published model cannot be opened, or the encoder is another than it was.
        OptionError: An encoder is named for what has its own, or a revision for a folder (code `no-effect`).
    """
    if names_published(run):
        if encoder is not None:
            why = "a published model has its own encoder"
            raise OptionError(f"--encoder {encoder}", why, "leave --encoder out", code="no-effect")
        return Predictor(PublishedTuned(str(run), revision, device), run)
    if revision is not None:
        why = "a run has no revisions"
        raise OptionError(f"--revision {revision}", why, "leave it out, or name a hub id", code="no-effect")
    record = read_record(Path(run))
    return Predictor(open_trained(record, device, encoder), record.folder)
