"""What a system estimates: dimensions of emotion as numbers, categories as one class of several; one output layer.

Shape legend: N utterances · B those of a batch · K dimensions of emotion · G categories · T targets, K + G ·
C classes of one category · O outputs: K, then the C of each category in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from probing.corpus.model import TRAIN, Corpus
from probing.runs.scores import ratings
from probing.statistics.class_weights import balanced
from probing.statistics.concordance import ccc_loss

Categories = Mapping[str, Sequence[str]]  # category → its classes, in the order of the outputs


def split_targets(corpus: Corpus, dims: Sequence[str]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Which of the targets that are named are dimensions, and the classes of those that are categories.

    Args:
        corpus: What they are targets of; it has them all.
        dims: Names of dimensions and categories.

    Returns:
        The dimensions in their order, and the categories by name.
    """
    categories = {name: corpus.classes(name) for name in corpus.categories if name in dims}
    return tuple(name for name in dims if name not in categories), categories


def class_weights(corpus: Corpus, category: str) -> list[float]:
    """A weight for each class that lets all classes of train count alike in the loss."""
    own = [u.categories.get(category) for u in corpus.utterances if u.partition == TRAIN]
    counts_C = np.array([own.count(name) for name in corpus.classes(category)], np.float64)
    found: list[float] = balanced(counts_C).tolist()
    return found


def targets_of(corpus: Corpus, dimensions: Sequence[str], categories: Categories) -> NDArray[np.float64]:
    """What is to be learned [N, T]: ratings mapped to [0, 1], then the place of the utterance's class; NaN: none."""
    places = {name: {own: place for place, own in enumerate(classes)} for name, classes in categories.items()}
    classes_NG = [
        [places[name].get(u.categories.get(name, ""), np.nan) for name in categories] for u in corpus.utterances
    ]
    shape = (len(corpus), len(categories))
    return np.concatenate([ratings(corpus, dimensions), np.array(classes_NG, np.float64).reshape(shape)], axis=1)


def by_category(outputs: Tensor, dimensions: int, categories: Categories) -> dict[str, Tensor]:
    """Category → its logits [..., C], of outputs [..., O] of which the first K are dimensions."""
    sizes = [dimensions, *map(len, categories.values())]
    return dict(zip(categories, outputs.split(sizes, dim=-1)[1:], strict=True))


def loss_of(
    outputs_BO: Tensor,
    labels_BT: Tensor,
    dimensions: int,
    categories: Categories,
    weights: Mapping[str, Sequence[float]],
) -> Tensor:
    """The mean over all targets of their losses over a batch, in float32.

    Args:
        outputs_BO: A system's outputs.
        labels_BT: What `targets_of` gives, [B, T].
        dimensions: K; the loss of each is 1 − CCC.
        categories: The loss of each is the cross-entropy (natural logarithm).
        weights: Category → weight of each of its classes in that; where there is none all weigh alike.
    """
    parts = [ccc_loss(outputs_BO[:, :dimensions].T, labels_BT[:, :dimensions].T)] if dimensions else []
    for place, (name, logits_BC) in enumerate(by_category(outputs_BO, dimensions, categories).items(), dimensions):
        weight_C = torch.tensor(weights[name], device=outputs_BO.device) if name in weights else None
        parts.append(cross_entropy(logits_BC.float(), labels_BT[:, place].long(), weight_C)[None])
    return torch.cat(parts).mean()
