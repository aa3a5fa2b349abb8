"""How easily a layer tells a dimension: bits saved when ratings are sent one block of speakers after another.

Sender and receiver know the layer's states, and the ratings sent so far. Before each block both fit the same ridge
probes to these, and the ratings of the block are sent by what the probes expect of them; −log2 of the density that was
given to what came is their length (online or prequential coding: Dawid, 1984; as a probe: Voita and Titov, 2020).
R² asks how well a layer tells a dimension in the end; this asks also from how few ratings. Of two layers with the same
R², the one that needs fewer ratings to get there saves more.

A probe is a linear model with Gaussian noise. Its mean is free, its coefficients on standardised features have a
Gaussian prior, which is the ridge penalty, and nothing is known of the noise. What it then expects of a new rating is a
Student's t in closed form, which becomes wider the further an utterance lies from those it has learned from; one rating
in a hundred may lie anywhere, so no surprise costs more than 6.6 bits.

How large the coefficients are is not known either: `RATIOS` are tried side by side, with a code that uses no features
beside them. The density that counts is the mean of theirs, weighted by how well each did on the blocks before; after
block t the code that serves best may change, with probability 1 / (t + 1) (van Erven, Grünwald and de Rooij, 2012).
What probes of two speakers wrongly believe of a third is thus paid for once, and not held against probes of fifty. In
T blocks a layer that tells nothing costs at most log2 (T (len(RATIOS) + 1)) bits in all, however many its features.

Shape legend: N utterances in one order · D features · K dimensions · B utterances of a block · T blocks ·
E codes: without features, and with each prior ratio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import lgamma, log, pi

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from probing.analysis.banded import standardised
from probing.analysis.material import Material, table
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.errors import FitError, number_of
from probing.runs.scores import clusters_of

ORDERS = 8
FIRST = 8  # ratings at least that are sent before a probe is fitted
MOST = 20_000  # ratings that an order sends: what a layer gives easily, it has given by then
RATIOS = (0.1, 1.0, 10.0, 100.0)  # variance that features may explain beforehand, in variances of the noise
# What is known of the variance before any rating: as much as one rating tells that is a hundredth of the scale off.
_FINEST = 0.01
_ANYWHERE = 0.01  # share of ratings that may lie anywhere on the scale: none costs more than 6.6 bits
_PARTITIONS = (TRAIN, DEVELOPMENT)


@dataclass(frozen=True, eq=False)
class Order:
    """One order of ratings.

    Args:
        places_N: Places of the utterances in the corpus.
        ends: How many ratings have been sent after each block; no speaker is in two blocks.
    """

    places_N: NDArray[np.int64]
    ends: tuple[int, ...]


def description(material: Material, orders: int = ORDERS, seed: int = 0, device: str = "cpu") -> pd.DataFrame:
    """Bits that each layer saves per rating of each dimension, on train and development.

    Args:
        material: States and labels; utterances without a rating are left out.
        orders: Number of random orders of speakers, the same for all layers and dimensions.
        seed: Of the orders.
        device: PyTorch's name of a device with float64.

    Returns:
        Rows of contents.csv: `bits`, the mean over orders with the smallest and the largest; `bits-each`, those of
        each order.

    Raises:
        FitError: A dimension has too few ratings to make two blocks (code `too-few`).
    """
    labels_NK = np.stack([material.labels(dim) for dim in material.dims], axis=1)
    places = material.places(*_PARTITIONS)
    bits_LKO = np.zeros((len(material.layers), len(material.dims), orders))
    for rated, columns in _rated_alike(labels_NK, places):
        for number, order in enumerate(orders_of(material.corpus, places[rated], orders, seed)):
            if len(order.ends) < 2:
                raise _too_few([material.dims[column] for column in columns], len(order.places_N))
            y_NK = labels_NK[order.places_N][:, columns]
            for place in range(len(material.layers)):
                x_ND = standardised(material.states_NLD[order.places_N, place], device)
                bits_LKO[place, columns, number] = saved(x_ND, torch.from_numpy(y_NK).to(x_ND), order.ends)
    return table("description", list(_rows(material, bits_LKO)))


def description_notes(corpus: Corpus) -> list[str]:
    """What a reader should know about the orders."""
    own = [utterance for utterance in corpus.utterances if utterance.partition in _PARTITIONS]
    notes = []
    if len({utterance.speaker or utterance.id for utterance in own}) == 1:
        notes.append("description length: ratings are sent by utterance, since there is one speaker")
    if len(own) > MOST:
        count = number_of(len(own), "utterance")
        notes.append(f"description length: each order sends the ratings of the first {MOST:,} of {count}")
    return notes


def orders_of(corpus: Corpus, places: NDArray[np.int64], count: int, seed: int) -> list[Order]:
    """Random orders of whole speakers, cut where at least twice as many ratings have been sent as at the last cut.

    The same seed gives the speakers the same ranks whichever utterances are rated. Of a single speaker each utterance
    counts as a speaker.

    Args:
        corpus: The utterances.
        places: Those that are sent.
        count: Number of orders.
        seed: Of the orders.
    """
    clusters = clusters_of(corpus)
    if len({clusters[place] for place in places}) < 2:
        clusters = [utterance.id for utterance in corpus.utterances]
    _, member_N = np.unique(clusters, return_inverse=True)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rank_N = generator.permutation(member_N.max() + 1)[member_N]
        sent = places[np.argsort(rank_N[places], kind="stable")][:MOST]
        found.append(Order(sent, _cuts(rank_N[sent])))
    return found


def saved(x_ND: Tensor, y_NK: Tensor, ends: Sequence[int]) -> NDArray[np.float64]:
    """Bits per rating that features save in one order, [K].

    Args:
        x_ND: Standardised features in float64.
        y_NK: Ratings on the unit scale.
        ends: How many ratings have been sent after each block. The first is sent without features.
    """
    codes = []
    for start, end in pairwise(ends):
        past_ND, past_NK = x_ND[:start] - x_ND[:start].mean(0), y_NK[:start] - y_NK[:start].mean(0)
        block_BD, block_BK = x_ND[start:end] - x_ND[:start].mean(0), y_NK[start:end] - y_NK[:start].mean(0)
        nothing_B = block_BK.new_zeros(len(block_BK))
        plain = (torch.zeros_like(block_BK), nothing_B, past_NK.square().sum(0))
        expected = [plain, *_expected(past_ND, past_NK, block_BD)]
        codes.append([_log_density(block_BK - mean, far, left, start).sum(0) for mean, far, left in expected])
    codes_TEK = torch.stack([torch.stack(block) for block in codes])
    gain_K = _switching(codes_TEK) - codes_TEK[:, 0].sum(0)
    return (gain_K / (log(2) * len(y_NK))).cpu().numpy()


def _switching(codes_TEK: Tensor) -> Tensor:
    """Log density [K] of all blocks by codes that may be changed between blocks.

    Args:
        codes_TEK: Log densities of T blocks by E codes, each equally probable at first.
    """
    count = codes_TEK.shape[1]
    total_K = torch.zeros_like(codes_TEK[0, 0])
    weight_EK = torch.full_like(codes_TEK[0], -log(count))
    for number, codes_EK in enumerate(codes_TEK, start=1):
        joint_EK = weight_EK + codes_EK
        block_K = torch.logsumexp(joint_EK, dim=0)
        total_K = total_K + block_K
        change = 1 / (number + 1)
        stays_EK = joint_EK - block_K + log(1 - change)
        weight_EK = torch.logaddexp(stays_EK, torch.full_like(stays_EK, log(change / count)))
    return total_K


def _expected(past_ND: Tensor, past_NK: Tensor, block_BD: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of each prior ratio, what a probe of the past expects of a block, all about the past's means.

    With penalty λ and A = zᵀz + λ: the means b A⁻¹ zᵀy [B, K], the distances b A⁻¹ bᵀ [B], and what is left of the
    past's squares, yᵀ (1 + z zᵀ / λ)⁻¹ y [K]. The smaller of zᵀz and z zᵀ is factorised.
    """
    count, width = past_ND.shape
    few = count < width
    product = past_ND @ past_ND.T if few else past_ND.T @ past_ND
    right = torch.cat([past_ND @ block_BD.T, past_NK] if few else [block_BD.T, past_ND.T @ past_NK], dim=1)
    varying = int((past_ND != 0).any(0).sum()) or 1
    for ratio in RATIOS:
        penalty = varying / ratio
        shifted = product.clone()
        shifted.diagonal().add_(penalty)
        solved = torch.linalg.solve_triangular(torch.linalg.cholesky(shifted), right, upper=False)
        seen, told = solved.split([len(block_BD), past_NK.shape[1]], dim=1)
        if few:
            distance_B = (block_BD.square().sum(1) - seen.square().sum(0)) / penalty
            left_K = penalty * told.square().sum(0)
        else:
            distance_B = seen.square().sum(0)
            left_K = past_NK.square().sum(0) - told.square().sum(0)
        yield seen.T @ told, distance_B.clamp_min(0), left_K.clamp_min(0)


def _log_density(missed_BK: Tensor, distance_B: Tensor, left_K: Tensor, count: int) -> Tensor:
    """Natural logarithm of the density of ratings that a probe of `count` ratings misses by so much, [B, K].

    Nearly all of it is Student's t; the rest is spread over the scale, on which a density of ratings is 1.
    """
    freedom = float(count)  # count − 1 of the past about its mean, and 1 of what is known before
    spread_BK = (left_K + _FINEST**2) * (1 + 1 / count + distance_B[:, None])  # times the degrees of freedom
    whole = lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - 0.5 * log(pi)
    student_BK = whole - 0.5 * spread_BK.log() - (freedom + 1) / 2 * torch.log1p(missed_BK.square() / spread_BK)
    return torch.logaddexp(student_BK + log(1 - _ANYWHERE), torch.full_like(student_BK, log(_ANYWHERE)))


def _cuts(rank_N: NDArray[np.int64]) -> tuple[int, ...]:
    """Ends of blocks: at the ends of speakers, each at least twice as far as the last."""
    ends = [*(np.flatnonzero(np.diff(rank_N)) + 1), len(rank_N)]
    found: list[int] = []
    for end in ends:
        if end >= (2 * found[-1] if found else FIRST):
            found.append(int(end))
    if found and found[-1] < len(rank_N):
        found.append(len(rank_N))
    return tuple(found)


def _rated_alike(
    labels_NK: NDArray[np.float64], places: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.bool_], list[int]]]:
    """Which of the places are rated, and the columns of the dimensions of which that is true."""
    groups: dict[bytes, list[int]] = {}
    for column, rated in enumerate(~np.isnan(labels_NK[places]).T):
        groups.setdefault(rated.tobytes(), []).append(column)
    for rated_bytes, columns in groups.items():
        yield np.frombuffer(rated_bytes, bool), columns


def _rows(material: Material, bits_LKO: NDArray[np.float64]) -> Iterator[dict[str, object]]:
    """Rows of contents.csv."""
    for place, layer in enumerate(material.layers):
        for column, dim in enumerate(material.dims):
            bits_O = bits_LKO[place, column]
            row = {"layer": layer, "target": dim, "partition": "+".join(_PARTITIONS)}
            ends = {"low": bits_O.min(), "high": bits_O.max()}
            yield {**row, "measure": "bits", "value": bits_O.mean(), **ends}
            for number, bits in enumerate(bits_O, start=1):
                yield {**row, "measure": "bits-each", "part": f"order {number}", "value": bits}


def _too_few(dims: Sequence[str], count: int) -> FitError:
    return FitError(
        f"{', '.join(dims)}: {number_of(count, 'rating')} in train and development",
        f"a description length needs {FIRST} and then as many again, of other speakers",
        "leave the dimension out with --dim, or the description length",
        code="too-few",
    )
