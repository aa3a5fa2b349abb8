"""What the analyses of a layer take at real size, in inversions of a matrix as large as the corpus."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from analysis.worlds import World, world
from benchmarks.measure import Pair, spent
from benchmarks.results import Result, compared, single

from probing.analysis.banded import Kernels, Task, standardised
from probing.analysis.description import description
from probing.analysis.erasure import erase
from probing.analysis.material import Material
from probing.analysis.nuisance import nuisances
from probing.analysis.penalties import LOWEST
from probing.analysis.shares import shares
from probing.analysis.similarity import States, similarity
from probing.probes.folds import folding_of

_UTTERANCES, _WIDTH = 1440, 768
_UNIT = "inversions"


def measured(folder: Path, rounds: int) -> Iterator[Result]:
    """Rows of this kind."""
    found = material()
    yield _another_penalty(found, rounds)
    kernel_MM = torch.eye(_UTTERANCES, dtype=torch.float64)

    def invert() -> None:
        torch.cholesky_inverse(torch.linalg.cholesky(kernel_MM))

    analyses: dict[str, Callable[[], object]] = {
        "shares": lambda: shares(found),
        "nuisances": lambda: nuisances(found),
        "erasure": lambda: erase(found, 0),
        "description": lambda: description(found),
        "similarity": lambda: similarity(found.corpus, States.of(found)),
        "20 random subspaces": lambda: erase(found, 20),
    }
    taken: dict[str, float] = {}
    for name, run in analyses.items():
        unit = statistics.median(spent(invert).processor for _ in range(5))
        taken[name] = spent(run).processor / len(found.layers) / unit
        yield single(f"{name}, a layer", [taken[name]], _UNIT)
    del taken["20 random subspaces"]
    yield single("all of them but the random subspaces", [sum(taken.values())], _UNIT, "≤ 160")


def material() -> Material:
    """Two layers at real size, with words of 384 numbers and 60 acoustic measures."""
    found = world(World(_UTTERANCES * 8 // 7, 60, _WIDTH))
    assert found.words_NE is not None and found.sound_NF is not None
    rng = np.random.default_rng(0)
    # Numbers that tell nothing fill up the few that do.
    words_NE, sound_NF = (
        np.concatenate([own, rng.standard_normal((len(own), width))], axis=1)
        for own, width in ((found.words_NE, 382), (found.sound_NF, 58))
    )
    return replace(found, words_NE=words_NE.astype(np.float32), sound_NF=sound_NF)


def _another_penalty(found: Material, rounds: int) -> Result:
    """A layer is decomposed once: another penalty must not cost what inverting its kernel does."""
    places = found.places("train", "development")
    task = Task.of(found.labels("valence")[:, None], folding_of(found.corpus, places), places)
    x_MD = standardised(found.states_NLD[places, 0])
    kernels = Kernels({"layer": x_MD}, task)
    kernels.errors((("layer", LOWEST),))
    penalties = iter(np.geomspace(1e-3, 1e3, rounds).tolist())  # each new: what is known already is remembered

    def ours() -> None:
        kernels.errors((("layer", next(penalties)),))

    def invert() -> None:
        eye_MM = torch.eye(len(x_MD), dtype=x_MD.dtype)
        torch.cholesky_inverse(torch.linalg.cholesky(eye_MM.addmm(x_MD, x_MD.T, alpha=1 / len(x_MD))))

    invert()
    pairs = [(spent(ours), spent(invert)) for _ in range(rounds)]
    pair = Pair([own for own, _ in pairs], [other for _, other in pairs])
    return compared("another penalty of a layer", pair, "inverting its kernel", "≤ 1")
