"""What settles a frozen encoder's answers, of families whose fields are not listed one by one."""

from __future__ import annotations

import json
from typing import Any

# What of a configuration changes no answer of a frozen encoder: names, versions, and what only training needs.
_IDLE = frozenset(
    """
    _name_or_path architectures dtype torch_dtype transformers_version id2label label2id problem_type use_cache
    initializer_range layerdrop layer_dropout apply_spec_augment output_hidden_states output_attentions return_dict
    gradient_checkpointing tokenizer_class pad_to_multiple_of init_std
    """.split()
)
_IDLE_WORDS = (
    "dropout",
    "mask_time",
    "mask_feature",
    "ctc_",
    "contrastive",
    "codevector",
    "tdnn",
    "xvector",
    "_token_id",
)
_KEPT_TOO = ("pad_token_id",)  # positions of some text encoders begin behind it


def all_of(config: Any) -> dict[str, Any]:
    """Every field of a configuration that may change an answer, where it is not transformers' default.

    More than enough: a field that does change nothing makes a cache that is not found again, never a wrong one.
    """
    different = config.to_diff_dict()
    kept = {key: value for key, value in different.items() if key in _KEPT_TOO or not _idle(key)}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return plain


def settings_of(extractor: Any) -> dict[str, Any]:
    """The settings of a feature extractor: all numbers and switches that it saves."""
    saved = extractor.to_dict()
    return {key: value for key, value in sorted(saved.items()) if isinstance(value, int | float) or value is None}


def _idle(key: str) -> bool:
    return key in _IDLE or any(word in key for word in _IDLE_WORDS)
