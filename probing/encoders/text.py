"""Frozen text encoders: transcripts in, all hidden states out.

State 0 is the transformer's input (the embeddings after their norm), state l the output of layer l. The states of all
tokens that the model sees are kept, the special ones at the ends too, so an empty transcript has states as well.

In plans and caches a length is in samples, and a frame of speech takes 320 of them; a token counts as one frame.

Shape legend: B utterances · N tokens · L states (layers + 1) · D hidden size.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from probing.encoders.audio import own_rows, put_together, stacked
from probing.encoders.families import EXACT_TEXT, FROM_PADDING
from probing.encoders.identity import all_of
from probing.encoders.numerics import ExactFloat32, weights_digest
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError

SEMANTICS = 1  # raise when the meaning or the numerics of a state change: old caches are then not read any more
TOKEN = 320  # samples that a token counts as

_DEFINING = """
    model_type hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act activation layer_norm_eps
    vocab_size max_position_embeddings type_vocab_size embedding_size pad_token_id is_decoder
""".split()
_LISTED = ("bert", "roberta", "distilbert", "electra")  # families whose answers those fields settle, all of them
_LEAST = 3  # tokens: a word between two special ones
_FAR = 1_000_000  # tokens: what a tokenizer says that knows no maximum is far more


class TextEncoder:
    """A frozen text encoder: transcripts in, all hidden states out, in float32.

    Attributes:
        name: For titles and file names: `-layersK` where it was pruned, `@random` where its weights are random.
        spec: What names it.
        state_names: `0`, `1`, …
        n_states: L, transformer layers + 1.
        width: D, hidden size.
        limit: Maximum number of tokens, special ones counted.
        identity: Everything that settles its answers, JSON-ready.
        device: Where it computes.
        alone: Whether it reads one transcript at a time, since its batches are not known to be exact.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        device: str = "cpu",
        spec: EncoderSpec | None = None,
    ) -> None:
        config = model.config
        self.name, self.device = name, torch.device(device)
        self.spec = EncoderSpec(name) if spec is None else spec
        self.state_names = [str(index) for index in range(config.num_hidden_layers + 1)]
        self.n_states, self.width = len(self.state_names), config.hidden_size
        self.limit = limit_of(config, tokenizer)
        self.alone = config.model_type not in EXACT_TEXT
        self._model, self._tokenizer = model, tokenizer
        self._taken = inspect.signature(model.forward).parameters
        self._model.eval().requires_grad_(False)
        self.identity: dict[str, Any] = {
            "architecture": {key: getattr(config, key, None) for key in _DEFINING}
            | ({} if config.model_type in _LISTED else all_of(config)),
            "weights": weights_digest(model),
            "tokenizer": _tokenizer_digest(tokenizer),
            "semantics": SEMANTICS,
        }
        self._model.to(self.device)

    reads = True  # whether it takes transcripts, and not waveforms
    unit, unit_samples = "tokens", TOKEN  # what its inputs are counted in, and how many samples one counts as
    has_latents = False  # of speech only
    frame_rate = 50.0  # as which tokens count in plans: 320 samples each

    @property
    def random(self) -> bool:
        """Whether its weights are random."""
        return self.spec.random

    @property
    def parameters(self) -> int:
        """Number of its parameters."""
        return sum(own.numel() for own in self._model.parameters())

    @property
    def title(self) -> str:
        """The name as a figure's title has it; `@random` in it says where the weights are random."""
        return self.name

    @property
    def usual_batch_seconds(self) -> float:
        """Length of a batch that suits the device, a token counting as 0.02 s: 1,000 or 60,000 tokens."""
        return 20.0 if self.device.type == "cpu" else 1200.0

    def tokens(self, text: str) -> int:
        """Number of tokens N of a transcript, special ones counted."""
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def frames(self, samples: int) -> int:
        """Number of states that a transcript of that length, in samples, has: its tokens."""
        return samples // TOKEN

    @torch.inference_mode()
    def hidden_states(self, texts: Sequence[str]) -> tuple[Tensor, list[int]]:
        """Every hidden state of a batch of transcripts, each as if it were alone, to a relative 1e-5.

        Args:
            texts: B transcripts; an empty one has the special tokens.

        Returns:
            States [B, N, L, D] in float32 on the encoder's device, padded at the end of N with values that mean
            nothing, and each transcript's own number of tokens.

        Raises:
            EncoderError: A transcript is longer than the model can read.
        """
        if self.alone and len(texts) > 1:
            found = [self.hidden_states([text]) for text in texts]
            return put_together([states_1NLD[0] for states_1NLD, _ in found]), [counts[0] for _, counts in found]
        batch = self._tokenizer(
            list(texts), padding=True, return_attention_mask=True, return_tensors="pt", padding_side="right"
        ).to(self.device)
        counts = batch["attention_mask"].sum(1).tolist()
        if max(counts) > self.limit:
            why = f"{self.name} accepts at most {self.limit}"
            remedy = "shorten the transcript, or split the utterance"
            raise EncoderError(f"a transcript has {max(counts)} tokens", why, remedy, code="transcript-too-long")
        inputs = {name: given for name, given in batch.items() if name in self._taken}  # some models know no mask
        with ExactFloat32():
            output = self._model(**inputs, output_hidden_states=True)
        # In pre-norm models the last state is taken after the final layer norm, as the model's own output is.
        states = [*output.hidden_states[:-1], output.last_hidden_state]
        return stacked(states, self.n_states, self.name), counts

    def trial(self) -> Tensor:
        """As `AudioEncoder.trial`: the states of a letter and of nothing."""
        return own_rows(*self.hidden_states(["a", ""]))

    def notes(self, tokens: Sequence[int]) -> tuple[str, ...]:
        """What a user should know of how transcripts of these lengths are read."""
        if self.alone and tokens:
            return (f"{self.name} reads one transcript at a time: its padded batches are not known to be exact",)
        return ()

    def states(self, text: str) -> NDArray[np.float32]:
        """Every hidden state [N, L, D] of one transcript."""
        return self.hidden_states([text])[0][0].cpu().numpy()


def limit_of(config: Any, tokenizer: PreTrainedTokenizerBase) -> int:
    """Maximum number of tokens of a text encoder, special ones counted.

    Raises:
        EncoderError: There is no room for a word between the special tokens (code `encoder-foreign`).
    """
    first = config.pad_token_id + 1 if config.model_type in FROM_PADDING else 0
    positions = getattr(config, "max_position_embeddings", None)
    positions = positions if isinstance(positions, int) and positions > 0 else _FAR
    limit = int(min(positions - first, tokenizer.model_max_length))
    if first < 0 or limit < _LEAST:
        why = f"it has {positions} positions, of which the first is number {first}, and its tokenizer's maximum is "
        why += f"{tokenizer.model_max_length:g}"
        remedy = "copy config.json and tokenizer_config.json again from where the model came from"
        raise EncoderError(f"text encoder of type {config.model_type}", why, remedy, code="encoder-foreign")
    return limit


def _tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 over everything that settles how a text becomes tokens."""
    if tokenizer.is_fast:
        rules = json.loads(tokenizer.backend_tokenizer.to_str())
        del rules["padding"], rules["truncation"]  # what the last batch asked for
    else:
        switches = {key: value for key, value in tokenizer.init_kwargs.items() if isinstance(value, bool)}
        rules = [type(tokenizer).__name__, tokenizer.get_vocab(), switches]
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()
