"""All analyses of one encoder's layers, one after another, into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probing.analysis.claims import share_findings
from probing.analysis.description import description, description_notes
from probing.analysis.erasure import Erasure, beneath, erase
from probing.analysis.material import WORDS, Material
from probing.analysis.nuisance import nuisances
from probing.analysis.options import LayersOptions
from probing.analysis.reading import Read, last_states, read_cache, refuse_speech
from probing.analysis.shares import Shares, shares
from probing.cache.reader import Cache, open_cache
from probing.corpus.audit import no_labels
from probing.corpus.checked import Needs, check_corpus, settle_dims
from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.errors import FitError
from probing.extraction.acoustics import Acoustics, acoustics_of
from probing.options import with_settings
from probing.probes.folds import fold_notes
from probing.runs.scores import ratings
from probing.statistics.verdicts import Finding

BENEATH = "valence"  # whose words are looked beneath


@dataclass(frozen=True, eq=False)
class Contents:
    """What the layers contain.

    Args:
        table: A row for each number (`material.COLUMNS`).
        words: Utterances that gain and lose most when words are erased; None where there are no words.
        findings: Claims with their verdicts.
        ranks: Concept → how many directions were erased.
        notes: What a reader should know.
    """

    table: pd.DataFrame
    words: pd.DataFrame | None
    findings: tuple[Finding, ...]
    ranks: Mapping[str, int]
    notes: tuple[str, ...]


def contents_of(material: Material, options: LayersOptions, device: str = "cpu") -> Contents:
    """Analyse every layer: shares, nuisances, erasure, description length.

    Args:
        material: States, words and sound.
        options: How many random subspaces and orders, and their seed.
        device: PyTorch's name of a device with float64.

    Raises:
        FitError: A dimension has fewer than two ratings in train or in development (code `too-few`), or there is
            nothing to erase (`no-concept`).
    """
    split = shares(material, device)
    erasure = erase(material, options.randoms, options.seed, device)
    bits, bits_notes = _description(material, options, device)
    tables = [split.rows(), nuisances(material, device), erasure.rows(), *bits]
    return Contents(
        pd.concat(tables, ignore_index=True),
        _beneath(material, split, erasure),
        tuple(share_findings(split, material.encoder)),
        erasure.ranks,
        (*material.notes, *_fold_notes(material), *erasure.notes, *bits_notes),
    )


def settled_dims(corpus: Corpus, dims: Sequence[str]) -> tuple[str, ...]:
    """The dimensions to analyse, each once; those of which there is nothing to explain are refused before the work.

    Args:
        corpus: The corpus.
        dims: As asked for; `all` stands for those that are rated.

    Raises:
        FitError: There are no ratings (code `no-labels`), they are the same throughout train or development
            (`constant-labels`), or a category is named (`category`).
    """
    settled = settle_dims(corpus, dims)
    if named := [name for name in settled if name in corpus.categories]:
        what, why = f"{', '.join(named)} of corpus {corpus.name}", "what a layer contains is analysed of ratings alone"
        remedy = "type `probe fit` to see which layer tells classes, or turn names into ratings (--label-map)"
        raise FitError(f"{what} has classes", why, remedy, code="category")
    if not settled:
        raise FitError(*no_labels(corpus), code="no-labels")
    partitions = np.array([utterance.partition for utterance in corpus.utterances])
    for dim, labels_N in zip(settled, ratings(corpus, settled).T, strict=True):
        for partition in (TRAIN, DEVELOPMENT):
            rated_M = labels_N[(partitions == partition) & np.isfinite(labels_N)]
            if len(rated_M) > 1 and np.ptp(rated_M) == 0:
                raise FitError(
                    f"{dim} is the same for every utterance of {partition}",
                    "a constant cannot be explained",
                    "check the labels with `probe check`, or name another --dim",
                    code="constant-labels",
                )
    return settled


def material_of(
    corpus: Corpus, dims: Sequence[str], read: Read, text: Read | None, acoustics: Acoustics | None
) -> Material:
    """What all analyses read, from what was read of caches and recordings.

    Args:
        corpus: The corpus.
        dims: Dimensions, settled.
        read: The encoder's states.
        text: The text encoder's, of which the last layer stands for the words.
        acoustics: Measures of the recordings.
    """
    return Material(
        corpus,
        tuple(dims),
        read.entry.name,
        read.layers,
        read.states_NLD,
        None if text is None else last_states(text),
        None if acoustics is None else acoustics.values_NF,
        {} if acoustics is None else acoustics.nuisances,
    )


def contents(
    cache: Cache | Path | str,
    corpus: CorpusSpec | str = "demo",
    text: Cache | Path | str | None = None,
    acoustics: Acoustics | str | None = "librosa",
    **settings: Any,
) -> pd.DataFrame:
    """What the layers in a cache contain: sound, words, and which of them carries the emotion.

    In a notebook: `contents(probing.extract("demo", "demo-hubert"), text=probing.extract("demo", "demo-tinybert"))`.

    Args:
        cache: Of the encoder: what `extract` returns, or a cache file.
        corpus: What names the corpus that the cache was made of.
        text: Cache of a text encoder of the same corpus; None: no words.
        acoustics: Measures of the corpus's recordings (`probing.extraction.acoustics`), or what to measure: `librosa`
            or `egemaps`; None: no sound. They are kept beside the caches.
        **settings: Fields of `LayersOptions` by their names: dims, randoms, orders, seed.

    Returns:
        analysis, layer, target, part, measure, partition, value, low, high: a row for each number.

    Raises:
        CorpusError: The corpus cannot be opened, or lacks labels, audio or text that is read.
        CacheError: A cache is missing or damaged, lacks utterances, or was made from other audio or text.
        OptionError: `text` is no text encoder's cache (code `not-text`), or an option cannot be meant.
        FitError: There are too few ratings, or they are constant.
    """
    (options,) = with_settings([LayersOptions()], settings)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    own, words = _opened(cache), None if text is None else _opened(text)
    checked = check_corpus(spec, Needs(text=text is not None, dims=options.dims))
    dims = settled_dims(checked.corpus, options.dims)
    read = read_cache(own, checked.corpus)
    text_read = None
    if words is not None:
        text_read = read_cache(words, checked.corpus)
        refuse_speech(text_read, "text")
    if isinstance(acoustics, str):
        acoustics = acoustics_of(checked, Path(own.path).parent.parent, acoustics)
    material = material_of(checked.corpus, dims, read, text_read, acoustics)
    return contents_of(material, options, settle_device(None)).table


def _opened(cache: Cache | Path | str) -> Cache:
    return cache if isinstance(cache, Cache) else open_cache(cache)


def _fold_notes(material: Material) -> list[str]:
    """Who is predicted together, where that is worth a word."""
    places = material.places(TRAIN, DEVELOPMENT)
    return fold_notes([material.corpus.utterances[place] for place in places])


def _description(material: Material, options: LayersOptions, device: str) -> tuple[list[pd.DataFrame], tuple[str, ...]]:
    """The table of description lengths, if there are ratings enough for it, and notes."""
    try:
        bits = description(material, options.orders, options.seed, device)
    except FitError as error:
        if error.code != "too-few":
            raise
        return [], (f"no description length is given: {error.what}; {error.why}",)
    return [bits], tuple(description_notes(material.corpus))


def _beneath(material: Material, split: Shares, erasure: Erasure) -> pd.DataFrame | None:
    """The utterances to look at: of valence, or else of the first dimension, where the layers share most with words."""
    dim = BENEATH if BENEATH in material.dims else material.dims[0]
    shared = split.shares.get((dim, ("layer", WORDS)))
    if shared is None:
        return None
    layer = material.layers[int(np.argmax(shared.value_L))]
    if (layer, dim, WORDS) not in erasure.estimates:
        return None
    found = beneath(erasure, dim, layer)
    found.insert(0, "layer", layer)
    found.insert(0, "dimension", dim)
    return found
