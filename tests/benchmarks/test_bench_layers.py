"""How long and how much memory the analyses of layers take at real size. Run with `make bench`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from analysis.worlds import World, world

from probing.analysis.banded import Kernels, Task, standardised
from probing.analysis.description import description
from probing.analysis.erasure import erase
from probing.analysis.material import Material
from probing.analysis.nuisance import nuisances
from probing.analysis.penalties import LOWEST
from probing.analysis.shares import shares
from probing.analysis.similarity import States, similarity
from probing.probes.folds import folding_of

pytestmark = pytest.mark.slow
UTTERANCES, WIDTH = 1440, 768


@pytest.fixture(scope="module")
def material() -> Material:
    """Two layers at real size, with words of 384 numbers and 60 acoustic measures."""
    found = world(World(UTTERANCES * 8 // 7, 60, WIDTH))
    rng = np.random.default_rng(0)
    more = [np.concatenate([own, rng.standard_normal((len(own), width))], axis=1) for own, width in _blocks(found)]
    return replace(found, words_NE=more[0].astype(np.float32), sound_NF=more[1])


def test_what_each_analysis_takes(material: Material, capsys: pytest.CaptureFixture[str]) -> None:
    """All of a layer but its random subspaces, in inversions of a matrix as large as the corpus: some 110 of them."""
    kernel_MM = torch.eye(UTTERANCES, dtype=torch.float64)
    unit = min(seconds(lambda: torch.cholesky_inverse(torch.linalg.cholesky(kernel_MM))) for _ in range(3))
    analyses: dict[str, Callable[[], object]] = {
        "shares": lambda: shares(material),
        "nuisances": lambda: nuisances(material),
        "erasure": lambda: erase(material, 0),
        "random subspaces": lambda: erase(material, 20),
        "description": lambda: description(material),
        "similarity": lambda: similarity(material.corpus, States.of(material)),
    }
    taken = {name: seconds(run) / len(material.layers) / unit for name, run in analyses.items()}
    with capsys.disabled():
        print(f"\na layer takes, in inversions of {unit:.2f} s:", *(f"{name} {n:.0f}" for name, n in taken.items()))
    assert sum(taken.values()) - taken["random subspaces"] < 160


def test_a_penalty_costs_a_fraction_of_an_inverse(material: Material, capsys: pytest.CaptureFixture[str]) -> None:
    """A layer is decomposed once: what another penalty takes is less than inverting its kernel."""
    places = material.places("train", "development")
    task = Task.of(material.labels("valence")[:, None], folding_of(material.corpus, places), places)
    x_MD = standardised(material.states_NLD[places, 0])
    kernels = Kernels({"layer": x_MD}, task)
    kernels.errors((("layer", LOWEST),))
    penalties = iter(np.geomspace(1e-3, 1e3, 7).tolist())
    own = np.median([seconds(lambda: kernels.errors((("layer", next(penalties)),))) for _ in range(7)])

    def invert() -> None:
        eye_MM = torch.eye(len(x_MD), dtype=x_MD.dtype)
        torch.cholesky_inverse(torch.linalg.cholesky(eye_MM.addmm(x_MD, x_MD.T, alpha=1 / len(x_MD))))

    inverse = np.median([seconds(invert) for _ in range(3)])
    with capsys.disabled():
        print(f"\nanother penalty takes {own / inverse:.2f} of inverting the kernel ({own:.3f} s, {inverse:.3f} s)")
    assert own < inverse


def seconds(run: Callable[[], object]) -> float:
    """Processor time of one call: what else the machine does must not count."""
    began = time.process_time()
    run()
    return time.process_time() - began


def _blocks(material: Material) -> list[tuple[np.ndarray, int]]:
    """Words and sound, and how many numbers that tell nothing they are filled up with."""
    assert material.words_NE is not None and material.sound_NF is not None
    return [(material.words_NE, 382), (material.sound_NF, 58)]
