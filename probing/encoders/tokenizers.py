"""Tokenizers of a checkpoint that somebody else made: what their files say is looked at before tokenizers gets them.

The library tokenizers is not written for files that are out to harm: a token of number 2³¹ makes it ask for gigabytes,
and end the process where it does not get them.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedTokenizerBase

from probing.encoders.pretrained import from_pretrained, unopened
from probing.encoders.received import json_of

# transformers looks any other name up among all that it has.
_CLASS = re.compile(r"(?!Rag)\w+Tokenizer(Fast)?|PreTrainedTokenizerFast|TokenizersBackend|PythonBackend")
_GAPS = 10_000  # numbers that no token of a vocabulary has
_LARGEST_GROWTH = 1000  # times that replacements may lengthen a text


def tokenizer_from(kind: Any, source: str, revision: str | None, **options: Any) -> Any:
    """A tokenizer, from files of its own folder alone.

    Args:
        kind: transformers' class of it, or `AutoTokenizer`.
        source: Folder or hub id.
        revision: Branch, tag or commit of a hub repository.
        **options: More arguments of its `from_pretrained`.

    Raises:
        EncoderError: It cannot be read, is none, or one that would not do the same twice or take memory without end
            (code `encoder-unopened`).
    """
    said = json_of(source, revision, "tokenizer_config.json") or {}
    for named in (said.get("tokenizer_class"), getattr(options.get("config"), "tokenizer_class", None)):
        if named is not None and not (isinstance(named, str) and _CLASS.fullmatch(named)):
            raise unopened(source, f"it names {str(named)[:60]!r} as its tokenizer_class, which is none")
    if why := _why_not(json_of(source, revision, "tokenizer.json") or {}):
        raise unopened(source, f"its tokenizer.json {why}")
    if _sparse(json_of(source, revision, "vocab.json")):
        raise unopened(source, f"its vocab.json {_SPARSE}")
    # Paths of the machine that it was saved on, or of any: transformers' own names of these files take their places.
    paths = dict.fromkeys(key for key in said if key.endswith(("_file", "_files")))
    tokenizer = from_pretrained(kind, source, revision, **(options | paths))
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise unopened(source, f"its tokenizer is a {type(tokenizer).__name__}")
    return tokenizer


_SPARSE = "numbers its tokens far beyond their count"


def _why_not(rules: dict[str, Any]) -> str:
    """What is wrong with the content of a tokenizer.json, if anything."""
    model, parts = rules.get("model"), list(_parts(rules.get("normalizer")))
    if isinstance(model, dict) and _sparse(model.get("vocab")):
        return _SPARSE
    if isinstance(model, dict) and model.get("dropout"):
        return "says dropout: it would split words at random"
    if any(not _whole(one["precompiled_charsmap"]) for one in parts if "precompiled_charsmap" in one):
        return "has a table of characters that is cut off"
    contents = [one["content"] for one in parts if isinstance(one.get("content"), str)]
    growth = math.prod(max(1, len(content)) for content in contents)
    return f"can make a text {growth:,} times as long" if growth > _LARGEST_GROWTH else ""


def _whole(table: Any) -> bool:
    """Whether SentencePiece's table of characters, in base64, is as long as the number at its beginning says."""
    try:
        raw = base64.b64decode(table or "")
    except (ValueError, TypeError):
        return False
    return not raw or int.from_bytes(raw[:4], "little") <= len(raw) - 4


def _sparse(vocabulary: Any) -> bool:
    """Whether tokens have numbers that are no numbers, or far larger ones than there are tokens."""
    if not isinstance(vocabulary, dict):
        return False
    most = 2 * len(vocabulary) + _GAPS
    return not all(type(number) is int and 0 <= number < most for number in vocabulary.values())


def _parts(rule: Any) -> Iterator[dict[str, Any]]:
    """The rules that a rule of a tokenizer.json is made of, itself among them."""
    if isinstance(rule, dict):
        yield rule
        rule = list(rule.values())
    for one in rule if isinstance(rule, list) else ():
        yield from _parts(one)
