"""Banks of probes as safetensors files: probes.safetensors (those that were trained), ridge.safetensors.

Shape legend: P probes · L layers · D width of the pooled states · H hidden units · O outputs of a head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from probing.errors import RunError
from probing.files.checked_json import parsed
from probing.files.checked_tensors import read_tensors
from probing.probes.bank import Probe, ProbeBank
from probing.probes.heads import LinearHead, MlpHead
from probing.probes.options import NORMALIZE, POOLINGS
from probing.probes.ridge import RIDGE, Look
from probing.runs.owned import REMEDY

PROBES, RIDGE_PROBES = "probes.safetensors", "ridge.safetensors"
_Bank = TypeVar("_Bank")
_MOST_LAYERS = 1_000  # the bank keeps a number for each pair of them
# Version 0.1.0 had one head with one output: its name of each parameter → today's.
_RENAMED = {
    "inner_PDH": "head.inner_PDH",
    "inner_bias_PH": "head.inner_bias_PH",
    "outer_PH": "head.outer_PHO",
    "outer_bias_P": "head.outer_bias_PO",
}


def save_bank(
    bank: ProbeBank, normalize: str, scale: tuple[float, float], path: Path, classes: Sequence[str] = ()
) -> None:
    """Write a bank's parameters to a file, with its probes and how to feed them in the file's metadata.

    Args:
        bank: The bank.
        normalize: How states are normalized for it: `none` or `layer`.
        scale: Lowest and highest possible rating: what estimates of 0 and 1 stand for.
        path: The file.
        classes: Of a category: what each output stands for; the class of the largest is the estimate.
    """
    probes = [[probe.dimension, probe.kind, probe.seed, probe.layer] for probe in bank.probes]
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in bank.state_dict().items()},
        path,
        metadata={
            "head": bank.head.kind,
            "probes": json.dumps(probes),
            "pooling": bank.pooling,
            "normalize": normalize,
            "scale": json.dumps(scale),
            **({"classes": json.dumps(classes)} if classes else {}),
        },
    )


def load_bank(path: Path) -> tuple[ProbeBank, str, tuple[str, ...]]:
    """Read a bank that `save_bank` wrote, or version 0.1.0.

    Args:
        path: A file in a fit's folder.

    Returns:
        The bank; how states are normalized for it, `none` or `layer`; and of a category what each output stands for,
        of which the largest is the estimate.

    Raises:
        RunError: The file is not there (code `run-incomplete`) or damaged (`run-damaged`).
    """
    if not path.is_file():
        raise RunError(f"{path}", "there is no such file", REMEDY, code="run-incomplete")
    try:
        held, metadata = read_tensors(path)
        parameters = {name: torch.from_numpy(tensor) for name, tensor in held.items()}
        if "head" not in metadata:
            parameters = _as_today(parameters)
        _, n_layers = parameters["logits_WL"].shape
        if n_layers > _MOST_LAYERS:
            raise ValueError(f"it has {n_layers:,} layers")
        probes = [_probe(what, n_layers) for what in parsed(metadata["probes"])]
        if metadata["pooling"] not in POOLINGS or metadata["normalize"] not in NORMALIZE:
            raise ValueError(f"pooling {metadata['pooling']} or normalize {metadata['normalize']} is unknown")
        head = _head_for(metadata.get("head", MlpHead.kind), probes, parameters)
        bank = ProbeBank(probes, n_layers, head, metadata["pooling"])
        bank.load_state_dict(parameters)
        return bank, metadata["normalize"], _classes(metadata, bank.head.sizes["outputs"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        # RuntimeError is what load_state_dict raises over other names or shapes.
        raise RunError(f"{path}", f"it is damaged ({error})", REMEDY, code="run-damaged") from error


def _classes(metadata: Mapping[str, str], outputs: int) -> tuple[str, ...]:
    """The classes that a file names, one for each output; none of dimensions, which have one output."""
    classes = parsed(metadata["classes"]) if "classes" in metadata else []
    texts = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not texts or (len(set(classes)) or 1) != outputs:
        raise ValueError(f"it names {str(classes)[:60]} as the classes of {outputs:,} outputs")
    return tuple(classes)


def _probe(what: list[Any], n_layers: int) -> Probe:
    """A probe as the file names it, which sees all layers or one that there is."""
    probe = Probe(*what)
    texts = isinstance(probe.dimension, str) and isinstance(probe.kind, str)
    layers = [None, *range(n_layers)]
    if not texts or type(probe.seed) is not int or not 0 <= probe.seed < 2**63 or probe.layer not in layers:
        raise ValueError(f"there is no probe {what} of {n_layers} layers")
    return probe


def _as_today(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of version 0.1.0 under today's names, with an axis of one output."""
    renamed = {_RENAMED.get(name, name): tensor for name, tensor in parameters.items()}
    return {name: tensor[..., None] if name.endswith("O") else tensor for name, tensor in renamed.items()}


def _head_for(kind: str, probes: list[Probe], parameters: dict[str, Tensor]) -> MlpHead | LinearHead:
    """A head of the kind and the sizes of some parameters."""
    rows = {len(tensor) for name, tensor in parameters.items() if name.startswith("head.")}
    if rows != {len(probes)} or not probes:  # before memory is taken for as many as are named
        raise ValueError(f"it names {len(probes):,} probes, and has the parameters of others")
    seeds = [probe.seed for probe in probes]
    learned = sum(probe.learns_weights for probe in probes)
    if kind == MlpHead.kind:
        _, width, hidden = parameters["head.inner_PDH"].shape
        return MlpHead(seeds, width, hidden, parameters["head.outer_PHO"].shape[2], learned)
    if kind == LinearHead.kind:
        _, width, outputs = parameters["head.map_PDO"].shape
        return LinearHead(seeds, width, outputs, learned)
    raise ValueError(f"the head {kind} is unknown")


def numbered(file: str, banks: Sequence[_Bank]) -> dict[str, _Bank]:
    """Names of the files of several banks: the first has the name given, and those after it are numbered.

    >>> list(numbered("probes.safetensors", [None, None]))
    ['probes.safetensors', 'probes-2.safetensors']
    """
    path = Path(file)
    return {f"{path.stem}-{n}{path.suffix}" if n > 1 else file: bank for n, bank in enumerate(banks, 1)}


def ridge_banks(look: Look, pooling: str) -> list[tuple[ProbeBank, tuple[str, ...]]]:
    """Ridge probes as banks of linear heads, a head for each layer: one bank of all dimensions, one of each category.

    Where all classes count alike, a category's outputs are estimates over the classes' shares of train, so that the
    largest output is always the estimate.

    Args:
        look: What ridge probes found.
        pooling: How the states were pooled.

    Returns:
        Each bank with its classes.
    """
    rated = [name for name in look.targets if name not in look.categories]
    banks = [(_ridge_bank(look, rated, pooling), ())] if rated else []
    return banks + [(_ridge_bank(look, [name], pooling), classes) for name, classes in look.categories.items()]


def _ridge_bank(look: Look, targets: Sequence[str], pooling: str) -> ProbeBank:
    n_layers = len(look.layers)
    probes = [Probe(name, RIDGE, 0, place) for name in targets for place in range(n_layers)]
    width = look.coefficients[targets[0]].shape[1]
    outputs = len(look.categories.get(targets[0], ())) or 1
    head = LinearHead([probe.seed for probe in probes], width, outputs, learned=0)
    with torch.no_grad():
        for row, probe in enumerate(probes):
            scale_O = look.decisive(probe.dimension)
            map_DO = look.coefficients[probe.dimension][probe.layer].reshape(width, outputs)
            head.map_PDO[row] = torch.from_numpy(map_DO * scale_O)
            head.bias_PO[row] = torch.from_numpy(
                look.intercepts[probe.dimension][probe.layer].reshape(outputs) * scale_O
            )
    return ProbeBank(probes, n_layers, head, pooling)
