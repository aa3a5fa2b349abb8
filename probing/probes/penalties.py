"""Which penalty a ridge probe takes: the one whose estimates are the best on development.

Shape legend: K columns of labels · T columns that are solved at once · Q targets, those of each fit · G penalties.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from probing.probes.closed_form import PENALTIES, LabelSums, Projected, Scorer, Targets, owned
from probing.probes.ridge_plan import Plan


def owners_of(plan: Plan, targets: int, device: torch.device) -> Tensor:
    """The number of each column's target, [T]; those of every fit are others.

    Args:
        plan: What is learned; its K columns stand one after another, once for each fit.
        targets: T.
        device: PyTorch's name of a device.
    """
    fits = np.arange(targets // len(plan.owner_K))[:, None]
    return torch.from_numpy((plan.owner_K + len(plan.names) * fits).ravel()).to(device)


def best_penalties(targets: Targets, seen: Projected, labels: LabelSums, plan: Plan, balanced: bool) -> Tensor:
    """The penalty of each column, [T]; the classes of a category have one together.

    It is the one of the highest CCC, as scores are CCC, and as too little spread would have the commonest class
    estimated throughout. Where all classes count alike, estimates are compared with the classes' shares, which makes up
    for too little spread and magnifies noise: then it is the one of the smallest squared error. (In trials that gives
    a UAR of .40 instead of .38, and .30 instead of .35 where utterances count alike.)

    Args:
        targets: What was solved: the plan's columns, once for each fit.
        seen: Development, in their principal components.
        labels: Sums over its labels.
        plan: What is learned.
        balanced: Whether all classes of a category count alike (`classes.decided`).
    """
    scorer, owner_T = Scorer(targets, seen, labels), owners_of(plan, len(targets.mean_T), targets.mean_T.device)
    path_GDT = targets.path()
    score_GQ = scorer.ccc(path_GDT, owner_T)
    if balanced and any(plan.classes):
        named = [bool(classes) for classes in plan.classes] * (score_GQ.shape[1] // len(plan.names))
        named_Q = torch.tensor(named, device=score_GQ.device)
        score_GQ = torch.where(named_Q, -owned(scorer.squared_error(path_GDT), owner_T), score_GQ)
    return score_GQ.new_tensor(PENALTIES)[score_GQ.argmax(0)][owner_T]
