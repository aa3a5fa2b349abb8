"""A finished encoder as a folder: half-precision weights, preprocessor or tokenizer, figures, and a model card."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from probing.pretrain.profile import DIMENSIONS

FIGURES = "figures.json"  # what the card says, for machines: a test measures it again
HEADS = "heads.safetensors"  # what predicts the units; only the check of masked accuracy needs it


def ship(out: Path, model: Any, processor: Any, heads: Mapping[str, Tensor]) -> None:
    """Write a model in half precision, with what prepares its input, and its heads.

    Args:
        out: The folder.
        model: A transformers model.
        processor: Its feature extractor or tokenizer.
        heads: Tensors by name.
    """
    model.half().save_pretrained(out)
    model.float()
    processor.save_pretrained(out)
    save_file({name: tensor.half() for name, tensor in heads.items()}, out / HEADS)


def load_heads(folder: Path) -> dict[str, Tensor]:
    """What predicts the units, in float32."""
    return {name: tensor.float() for name, tensor in load_file(folder / HEADS).items()}


def write_card(out: Path, facts: Mapping[str, str], figures: Mapping[str, Any], text: str) -> None:
    """Write `README.md` and `figures.json`.

    Args:
        out: The encoder's folder, which gives the card its title.
        facts: What it was made from and by, a line each.
        figures: `masked` and other numbers by name; `profile` holds the CCC of ridge probes by partition, dimension
            and state; `random` that of random weights; `before` that of earlier stages, by stage.
        text: What it is and is not, in a paragraph or two.
    """
    profile = figures.get("profile", {})
    numbers = [f"- {name}: {value:.4f}" for name, value in figures.items() if isinstance(value, float)]
    tables = [_table(f"CCC of ridge probes, partition {partition}", scores) for partition, scores in profile.items()]
    tables += [
        _table(f"The same with random weights, partition {partition}", scores)
        for partition, scores in figures.get("random", {}).get("profile", {}).items()
    ]
    tables += [
        _table(f"The same after stage {stage}, partition {partition}", scores)
        for stage, partitions in figures.get("before", {}).items()
        for partition, scores in partitions.items()
    ]
    lines = [
        f"# {out.name}",
        "",
        text.strip(),
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        "## Figures",
        "",
        *numbers,
        "",
        *(line for table in tables for line in (*table, "")),
    ]
    (out / "README.md").write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    (out / FIGURES).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def made_on() -> str:
    """Device and versions, for a card."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU ({platform.machine()})"
    return f"{device}, PyTorch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}"


def _table(title: str, scores: Mapping[str, list[float]]) -> list[str]:
    """A Markdown table: a row a dimension, a column a state."""
    states = range(len(next(iter(scores.values()))))
    return [
        f"{title}:",
        "",
        "| | " + " | ".join(map(str, states)) + " |",
        "|---" * (1 + len(states)) + "|",
        *(f"| {name} | " + " | ".join(f"{score:.2f}" for score in scores[name]) + " |" for name in DIMENSIONS),
    ]
