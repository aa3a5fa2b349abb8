"""How far padded batches are off, layer by layer: transformers' own ordinary ones, and ours. `probe verify --padding`.

A few seeded utterances of different lengths are run one at a time by transformers' own model, which is the truth, and
then together: in an ordinary padded batch without an attention mask, in one with it, and in a batch of our encoder.

Shape legend: U utterances · S samples at 16 kHz · T frames, or tokens · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import transformers
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from probing.audio.decode import SAMPLE_RATE
from probing.encoders.checkpoints import Checkpoint, load_checkpoint
from probing.encoders.device import settle_device
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec
from probing.encoders.text import limit_of
from probing.encoders.whisper import window_of, window_samples
from probing.extraction.stock import StockModel
from probing.extraction.verify import TOLERANCE, relative_error

EXACT = TOLERANCE["float32"]  # largest relative error of what counts as exact
UNMASKED, MASKED, OURS, SHORTENED = "no mask", "mask", "ours", "window"
SECONDS = (9.0, 2.0, 4.6, 0.7)  # lengths of the utterances
WORDS = (40, 5, 17, 2)  # lengths of the transcripts
_MARKS = "Ġ▁"  # of vocabularies, in front of a piece that begins a word


@dataclass(frozen=True)
class PaddingErrors:
    """How far batches of one encoder are off.

    Args:
        name: The encoder's name.
        family: transformers' model type.
        lengths: Of the utterances, in words.
        state_names: Of the L states.
        errors: Kind of batch → ‖batch − alone‖/‖alone‖ of each utterance and state, [U, L]: `no mask` and `mask` (where
            the model takes one) are transformers' ordinary padded batches, `ours` are this package's; `window`, of a
            Whisper with a shorter window than it was trained with, is how far its states lie from those with that.
        notes: What a user should know of how the encoder runs.
    """

    name: str
    family: str
    lengths: str
    state_names: tuple[str, ...]
    errors: dict[str, NDArray[np.float64]]
    notes: tuple[str, ...] = ()

    def worst(self, kind: str) -> NDArray[np.float64]:
        """The largest error of each state, [L], over utterances."""
        return self.errors[kind].max(0)

    @property
    def passed(self) -> bool:
        """Whether our batches are exact."""
        return bool((self.errors[OURS] <= EXACT).all())

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.lengths} in one batch, against transformers {transformers.__version__} on each alone",
            "largest relative error ‖batch − alone‖/‖alone‖ of an utterance:",
            "  layer" + "".join(f"{_HEADS[kind]:>16}" for kind in self.errors),
        ]
        for place, state in enumerate(self.state_names):
            cells = "".join(f"{self.worst(kind)[place]:16.2g}" for kind in self.errors)
            lines.append(f"  {state:>5}{cells}")
        return "\n".join([*lines, *self.notes, *self._verdicts()])

    def _verdicts(self) -> Iterator[str]:
        """What the errors mean, in sentences."""
        for kind in (UNMASKED, MASKED):
            if kind in self.errors:
                yield f"{_SAID[kind]}: {self._said(kind)}"
        if MASKED not in self.errors:
            yield "transformers' own model takes no attention mask"
        if SHORTENED in self.errors:
            yield f"states with the shorter window differ from those with the trained one: {self._said(SHORTENED)}"
        yield f"batches of this package: {self._said(OURS)}" if self.passed else f"FAILED: {self._said(OURS)}"

    def _said(self, kind: str) -> str:
        worst = self.worst(kind)
        if bool((worst <= EXACT).all()):
            return f"exact, {worst.max():.2g} at most"
        place = int(np.argmax(np.where(np.isnan(worst), np.inf, worst)))
        return f"off by up to {worst[place]:.2g}, at layer {self.state_names[place]}"


_HEADS = {UNMASKED: "without mask", MASKED: "with mask", OURS: "ours", SHORTENED: "trained window"}
_SAID = {
    UNMASKED: "ordinary padded batches without an attention mask",
    MASKED: "ordinary padded batches with one",
}


def measure_padding(encoder: EncoderSpec | str, device: str | None = None, seed: int = 0) -> PaddingErrors:
    """Measure how far ordinary padded batches of an encoder are off, and ours. Needs no corpus, writes nothing.

    Args:
        encoder: What a user types, or an `EncoderSpec`; state C, which transformers does not give, is left out.
        device: Where to compute; by default the GPU if there is one.
        seed: Of the utterances.

    Raises:
        EncoderError: The encoder cannot be opened.
    """
    spec = EncoderSpec.resolve(encoder) if isinstance(encoder, str) else encoder
    spec = replace(spec, convolution=False)
    where = settle_device(device)
    opened = open_encoder(spec, where)
    found = load_checkpoint(spec)  # another one: what keeps padding out changes the model that it is given
    utterances: Any = transcripts(found, seed) if found.reads else sounds(seed)
    with tqdm(total=3 + len(utterances), desc="padding", unit="step", disable=None) as progress:
        states_UTLD, counts = opened.hidden_states(utterances)
        ours = [states_TLD[:count].cpu() for states_TLD, count in zip(states_UTLD, counts, strict=True)]
        progress.update()
        trained = [] if spec.window is None else _alone(StockModel(found, where), utterances, progress)
        stock = StockModel(found, where, _window(spec, found))
        truth = _alone(stock, utterances, progress)
        batches = {UNMASKED: stock.batched(utterances, masked=False)}
        progress.update()
        if stock.takes_mask:
            batches[MASKED] = stock.batched(utterances, masked=True)
        progress.update()
    errors = {kind: compared(batch, truth) for kind, batch in batches.items()}
    errors[OURS] = compared(ours, truth)
    if trained:
        errors[SHORTENED] = compared(ours, trained)
    notes = opened.notes([opened.unit_samples] * len(utterances))
    family, lengths = found.model.config.model_type, _lengths(opened, counts)
    return PaddingErrors(opened.name, family, lengths, tuple(opened.state_names), errors, notes)


def _window(spec: EncoderSpec, found: Checkpoint) -> int:
    """Samples of a Whisper's window; 0 of other encoders."""
    trained = window_of(found.model.config)
    return window_samples(spec.window, trained, found.name) if trained else 0


def compared(batch: Sequence[Tensor], truth: Sequence[Tensor]) -> NDArray[np.float64]:
    """‖batch − alone‖/‖alone‖ of each utterance and state, [U, L], over an utterance's own frames.

    Args:
        batch: States [T, L, D] of each utterance from a batch, perhaps with those of padding behind them.
        truth: The same of each utterance alone.

    Returns:
        Infinite errors where a batch gives fewer frames than the utterance alone.
    """
    errors = []
    for states_TLD, own_TLD in zip(batch, truth, strict=True):
        held = states_TLD[: len(own_TLD)]
        whole = len(held) == len(own_TLD)
        errors.append(relative_error(held.numpy(), own_TLD.numpy()) if whole else np.full(own_TLD.shape[1], np.inf))
    return np.stack(errors)


def _alone(stock: StockModel, utterances: Sequence[Any], progress: tqdm) -> list[Tensor]:
    """States [T, L, D] of each utterance, one at a time."""
    found = []
    for utterance in utterances:
        found.append(stock.alone(utterance))
        progress.update()
    return found


def _lengths(encoder: Encoder, counts: Sequence[int]) -> str:
    """The lengths of the utterances, in words."""
    if encoder.reads:
        return f"transcripts of {_listed(counts)} tokens"
    return f"utterances of {_listed(SECONDS)} s"


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers[:-1]) + f" and {numbers[-1]:g}"


def sounds(seed: int) -> list[NDArray[np.float32]]:
    """Utterances [S] at 16 kHz: a gliding harmonic tone in syllables, with a little noise, as loud as speech."""
    rng = np.random.default_rng(seed)
    found = []
    for seconds in SECONDS:
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = rng.uniform(90, 250) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time))
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        tone = np.sum([np.sin(harmonic * phase) / harmonic for harmonic in range(1, 12)], axis=0)
        syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 5) * time + rng.uniform(0, 6)), 0, None)
        found.append((0.05 * tone * syllables + 0.003 * rng.standard_normal(len(time))).astype(np.float32))
    return found


def transcripts(found: Checkpoint, seed: int) -> list[str]:
    """Texts of different lengths, of words of the tokenizer's own vocabulary, as long as the model reads at most."""
    tokenizer, rng = found.preprocessor, np.random.default_rng(seed)
    limit = limit_of(found.model.config, tokenizer)
    pieces = (piece.lstrip(_MARKS) for piece in tokenizer.get_vocab())
    known = sorted({piece for piece in pieces if piece.isalnum()}) or ["a"]
    texts = []
    for length in WORDS:
        words = list(rng.choice(known, length))
        while words and len(tokenizer(" ".join(words), truncation=False, verbose=False)["input_ids"]) > limit:
            words.pop()
        texts.append(" ".join(words))
    return texts
