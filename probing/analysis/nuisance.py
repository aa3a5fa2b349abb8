"""What a layer tells beside emotion: energy, pitch, rate, channel, speaker, sex, words.

Ridge probes predict each of them from each layer, cross-validated over train and development: R² is the share of its
variance that the layer gives away. Something of several numbers (the words of a sentence, its embedding, the spectrum
of the background) counts as one, by the variance of all its numbers together. Who speaks is a choice among voices:
`voices` scores it by accuracy.

Shape legend: N utterances · M those that are used · K numbers to predict · L layers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.analysis.banded import Task, standardised
from probing.analysis.material import LAYER, Material, table
from probing.analysis.penalties import explained
from probing.analysis.shares import curve_rows, fitting, groups_of
from probing.analysis.voices import told_apart
from probing.corpus.model import DEVELOPMENT, TRAIN
from probing.probes.folds import Folding, folding_of
from probing.statistics.curves import Curve

SEX, BAG, EMBEDDING = "sex", "bag of words", "sentence embedding"
_SHARE, _MOST_WORDS = 0.05, 200  # of utterances that a word must be in; and of words
_COMPONENTS = 16  # of the text encoder's states that stand for a sentence
Numbers = NDArray[np.float64]


def nuisances(material: Material, device: str = "cpu") -> pd.DataFrame:
    """R² of each nuisance from each layer, with intervals over speakers, as rows of contents.csv.

    Args:
        material: States, words, and what was measured of the recordings; what is absent is left out.
        device: PyTorch's name of a device with float64.
    """
    places = material.places(TRAIN, DEVELOPMENT)
    folding = folding_of(material.corpus, places)
    rows: list[dict[str, object]] = []
    # What is known of the same utterances is predicted at once: a layer's kernel serves every number.
    alike: dict[bytes, dict[str, Numbers]] = {}
    for name, values_MK in _targets(material, places).items():
        alike.setdefault(np.isfinite(values_MK).all(1).tobytes(), {})[name] = values_MK
    for known, targets in alike.items():
        known_M = np.frombuffer(known, bool)
        own = {name: values_MK[known_M] for name, values_MK in targets.items()}
        rows += _rows(material, own, places[known_M], folding, device)
    rows += told_apart(material, places, device)
    return table("nuisance", rows)


def bag_of_words(texts: Sequence[str]) -> Numbers:
    """Which of the common words each text has, [N, K], 0 or 1; a word counts once, whatever its case.

    >>> bag_of_words(["The cat.", "the dog", "a dog's"]).tolist()  # dog, the
    [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    """
    found = [set(re.findall(r"\w+", text.lower())) for text in texts]
    counts = Counter(word for words in found for word in words)
    # What is in all texts, or in next to none, cannot be learned.
    enough = max(2, _SHARE * len(texts))
    common = sorted(word for word, n in counts.items() if enough <= n < len(texts))
    kept = sorted(common, key=lambda word: -counts[word])[:_MOST_WORDS]
    return np.array([[float(word in words) for word in kept] for words in found]).reshape(len(texts), -1)


def _targets(material: Material, places: NDArray[np.int64]) -> dict[str, Numbers]:
    """Name → what is predicted, [M, K]; a column that never changes is left out."""
    utterances = [material.corpus.utterances[place] for place in places]
    found: dict[str, Numbers] = {}
    for name, values in material.nuisances.items():
        found[name] = values[places].reshape(len(places), -1)
    sexes = [one.sex for one in utterances]
    if any(sexes):
        found[SEX] = np.array([np.nan if sex is None else float(sex == "female") for sex in sexes])[:, None]
    if any(one.text for one in utterances):
        words_MK = bag_of_words([one.text or "" for one in utterances])
        words_MK[[one.text is None for one in utterances]] = np.nan  # what was said is not known
        found[BAG] = words_MK
    if material.words_NE is not None:
        states_ME = material.words_NE[places].astype(np.float64)
        states_ME = states_ME - states_ME.mean(0)
        u, s, _ = np.linalg.svd(states_ME, full_matrices=False)
        found[EMBEDDING] = (u * s)[:, :_COMPONENTS]
    varying = {name: values_MK[:, _varies(values_MK)] for name, values_MK in found.items()}
    return {name: values_MK for name, values_MK in varying.items() if values_MK.shape[1]}


def _varies(values_MK: Numbers) -> NDArray[np.bool_]:
    """Which columns change among the utterances of which all numbers are known, [K]."""
    known_MK = values_MK[np.isfinite(values_MK).all(1)]
    return np.asarray(known_MK.std(0) > 1e-9) if len(known_MK) else np.zeros(values_MK.shape[1], bool)


def _rows(
    material: Material, targets: dict[str, Numbers], places: NDArray[np.int64], folding: Folding, device: str
) -> list[dict[str, object]]:
    """R² over the layers of some nuisances, known of the same utterances."""
    if len(np.unique(folding.folds_N[places])) < 2:
        return []
    values_MK = np.concatenate(list(targets.values()), axis=1)
    labels_NK = np.full((len(material.corpus), values_MK.shape[1]), np.nan)
    labels_NK[places] = values_MK
    fitted = fitting(Task.of(labels_NK, folding, places))
    found = []
    for place in range(len(material.layers)):
        fits = fitted({LAYER: standardised(material.states_NLD[places, place], device)})
        found.append(explained(fits, [((LAYER, 1.0),)] * values_MK.shape[1]))
    sizes_C, speakers, together_C = groups_of(folding, places, len(found[0].around_CK))
    rows: list[dict[str, object]] = []
    start = 0
    for name, own_MK in targets.items():
        part = slice(start, start + own_MK.shape[1])
        r2_L, left_out_LC = zip(*(one.together(part) for one in found), strict=True)
        left_out_CL = np.stack(left_out_LC, axis=1)
        curve = Curve(material.layers, np.array(r2_L), left_out_CL, sizes_C, speakers, together_C=together_C)
        rows += curve_rows(curve, name, "", "r2")
        start = part.stop
    return rows
