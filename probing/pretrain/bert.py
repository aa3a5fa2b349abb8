"""The recipe of `demo-tinybert`: masked language modelling on sentences of the demo language, with its own tokenizer.

Shape legend: B sentences · N tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import BertWordPieceTokenizer
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BertTokenizer,
    DataCollatorForLanguageModeling,
)

from probing.demo.language import LEXICON, compose, transcript
from probing.pretrain.card import HEADS, load_heads
from probing.pretrain.training import Batch, Schedule, train

CONFIG: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0.0,  # sentences are drawn anew: nothing can be learned by heart
    "attention_probs_dropout_prob": 0.0,
}
SPECIAL = 5  # [PAD] [UNK] [CLS] [SEP] [MASK]
MASKED = 0.3  # share of the tokens that are predicted; sentences are short, and 0.15 left rare words half-learned


SCHEDULE = Schedule(8000, 1e-3, seed=5)  # of `demo-tinybert`


def sentences(count: int, seed: int) -> list[str]:
    """Sentences of the demo language, rare words included; equal arguments give equal sentences."""
    rng = np.random.default_rng([seed, 3])
    return [transcript(compose(rng, rare=True)) for _ in range(count)]


@torch.inference_mode()
def masked_accuracy(folder: Path, text: Sequence[str]) -> float:
    """How many tokens are right, each masked alone in its sentence.

    Args:
        folder: A model with its head and tokenizer.
        text: Sentences that it was not trained on.

    Returns:
        A share in [0, 1].
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32, trust_remote_code=False)
    model = BertForMaskedLM(bert.config).eval()
    model.bert = bert.eval()
    model.tie_weights()
    model.cls.load_state_dict(load_heads(folder), strict=False)
    right = total = 0
    for sentence in text:
        tokens_N = tokenizer(sentence, return_tensors="pt")["input_ids"][0]
        places = torch.arange(1, len(tokens_N) - 1)
        masked = tokens_N.repeat(len(places), 1)
        masked[torch.arange(len(places)), places] = tokenizer.mask_token_id
        guessed = model(input_ids=masked).logits[torch.arange(len(places)), places].argmax(-1)
        right += int((guessed == tokens_N[places]).sum())
        total += len(places)
    return round(right / total, 4)


def learn_tokenizer(text: Sequence[str]) -> BertTokenizer:
    """A WordPiece tokenizer whose vocabulary holds the letters and, as whole tokens, the words of a text."""
    learner = BertWordPieceTokenizer()
    letters = {letter for word in LEXICON for letter in str(word)}
    size = SPECIAL + 2 * len(letters) + 3 * len(LEXICON)  # letters, and the pieces that words are merged from
    learner.train_from_iterator(text, vocab_size=size, min_frequency=1, show_progress=False)
    return BertTokenizer(vocab=learner.get_vocab(), model_max_length=512)


def pretrain(schedule: Schedule, folder: Path, per_batch: int = 64, texts: int = 60_000) -> BertModel:
    """Train the tokenizer, then the model.

    Args:
        schedule: Steps, learning rate, seed.
        folder: Where checkpoints and losses are kept; a finished model is found there again, with its tokenizer.
        per_batch: Sentences in a batch, B.
        texts: Number of sentences.

    Returns:
        The model without its head.
    """
    if not (folder / "config.json").is_file():
        text = sentences(texts, schedule.seed)
        tokenizer = learn_tokenizer(text)
        torch.manual_seed(schedule.seed)
        model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **CONFIG))
        mask = DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED)

        def make_batch(step: int) -> Batch:
            rng = np.random.default_rng([schedule.seed, 1, step])
            chosen = [text[index] for index in rng.integers(len(text), size=per_batch)]
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**31)))
                return dict(mask([tokenizer(sentence) for sentence in chosen]))

        log = train(model, make_batch, schedule, folder / "steps")
        (folder / "losses.json").write_text(json.dumps(log), "utf-8")
        tokenizer.save_pretrained(folder)
        head = {name: tensor.clone() for name, tensor in model.cls.state_dict().items() if "decoder" not in name}
        save_file(head, folder / HEADS)
        model.bert.save_pretrained(folder)
    return BertModel.from_pretrained(folder, add_pooling_layer=False, trust_remote_code=False).eval()
