"""Runs of `probe layers` with planted contents: what their figures and pages are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from builders import DIMENSIONS, digest, entry_of

from probing.analysis.material import table
from probing.encoders.spec import EncoderSpec
from probing.runs.entries import AcousticsEntry, CacheEntry, EncoderEntry
from probing.runs.records import LayersRecord
from probing.runs.store import signature, write_record
from probing.statistics.verdicts import Finding

SECRET = ("utterance-of-anna", "a sentence that nobody else may read")  # what words.csv alone may hold
RANKS = {"words": 8, "sound": 8, "speaker": 4}
FINDING = Finding("valence is words", "cross-validated", "share of R²", "owner/model", 0.4, 0.3, 0.5, p=0.001)


def planted_shares(depth: float) -> dict[str, float]:
    """What a layer's R² is made of at a depth between 0 and 1: sound above, words below, and a bit less than both."""
    return {
        "layer&words": 0.5 * depth,
        "layer&words&sound": -0.04,
        "layer&sound": 0.6 * (1 - depth),
        "layer": 0.02,
    }


def planted_contents(
    dims: Sequence[str] = DIMENSIONS,
    states: int = 5,
    without: Sequence[str] = (),
    others: Sequence[str] = ("owner/model", "other"),
    intervals: bool = True,
) -> pd.DataFrame:
    """A table of contents.

    R² and its shares are those of `planted_shares`; erasing words takes .9 of what is deep, sound .8 of what is
    shallow, and a random subspace .1 [0, .2]; at the first layer no fall is known. An interval goes from .03 below to
    .04 above. Bits are .5 at the last layer, energy is known at the first, and layer l is most like layer l of others.

    Args:
        dims: Dimensions.
        states: Number of layers, the first of which is 0.
        without: `words`, `sound`, or both: left out.
        others: Encoders that the layers are compared with.
        intervals: Whether there are any.
    """
    kept = [part for part in ("words", "sound") if part not in without]
    found: list[pd.DataFrame] = []
    for name, rows in (
        ("shares", _shares(dims, states, kept)),
        ("erasure", _falls("before after fall random rank".split(), dims, range(states), kept)),
        ("inside", _falls("before after fall random".split(), dims, (0, states - 1), kept)),
        ("description", _bits(dims, states)),
        ("nuisance", _nuisances(states)),
        ("similarity", _similarity(states, others)),
    ):
        found.append(table(name, list(rows)))
    whole = pd.concat(found, ignore_index=True)
    return whole if intervals else whole.assign(low=np.nan, high=np.nan)


def write_layers(
    root: Path,
    contents: pd.DataFrame | str | None = None,
    dims: Sequence[str] = DIMENSIONS,
    encoder: str = "owner/model",
    folder: str = "layers",
    **changes: Any,
) -> LayersRecord:
    """A run's folder.

    Args:
        root: Where it goes.
        contents: What contents.csv holds: a table, or its text.
        dims: Dimensions.
        encoder: Its name.
        folder: Name of the run's folder.
        changes: Other fields of the record.
    """
    place = root / folder
    place.mkdir(parents=True)
    contents = planted_contents(dims) if contents is None else contents
    written = contents if isinstance(contents, str) else contents.to_csv(index=False)
    (place / "contents.csv").write_text(written, "utf-8")
    pd.DataFrame([SECRET], columns=["id", "text"]).to_csv(place / "words.csv", index=False)
    configuration = {"labels": digest(["made-up", 9]), "options": {"dims": list(dims), "randoms": 20}}
    content: dict[str, Any] = {
        "date": "2026-01-01T00:00:00",
        "corpus": entry_of("made-up", 9),
        "encoder": entry(encoder),
        "cache": CacheEntry("cache/x.h5", "pooled", "0" * 64),
        "text": entry("owner/text"),
        "acoustics": AcousticsEntry("librosa", 68, digest("librosa"), {"librosa": "0.11"}),
        "beside": (entry("other"),),
        "dimensions": tuple(dims),
        "ranks": RANKS,
        "findings": (FINDING,),
        "configuration": configuration,
        "signature": signature(configuration),
        "typed": "probe layers made-up.csv",
    } | changes
    return write_record(LayersRecord(command="layers", **content), place, ["contents.csv", "words.csv"])


def entry(name: str) -> EncoderEntry:
    """What a record says about an encoder."""
    return EncoderEntry(name, name, False, {"weights": digest(name)}, EncoderSpec(name))


def _shares(dims: Sequence[str], states: int, kept: Sequence[str]) -> Iterator[Mapping[str, object]]:
    absent = {"words", "sound"} - {*kept}
    for dim in dims:
        for layer in range(states):
            about = {"layer": layer, "target": dim, "partition": "cross-validated"}
            shares = planted_shares(layer / max(1, states - 1))
            shares = {part: value for part, value in shares.items() if not absent & {*part.split("&")}}
            for part, value in shares.items():
                yield about | {"part": part, "measure": "share", **_ends(value)}
            yield about | {"part": "layer", "measure": "r2", **_ends(sum(shares.values()))}
            for part, value in (("words", 0.7), ("sound", 0.65)):
                if part in kept:
                    yield about | {"part": part, "measure": "r2", **_ends(value)}
            if len(kept) == 2:
                difference = shares["layer&words"] - shares["layer&sound"]
                yield about | {"part": "words-sound", "measure": "difference", **_ends(difference)}


def _falls(
    measures: Sequence[str], dims: Sequence[str], layers: Sequence[int], kept: Sequence[str]
) -> Iterator[Mapping[str, object]]:
    last = max(1, *layers)
    for dim in dims:
        for layer in layers:
            for concept in (*kept, "speaker"):
                depth = layer / last
                fall = {"words": 0.9 * depth, "sound": 0.8 * (1 - depth), "speaker": 0.05}[concept]
                fall = np.nan if layer == 0 else fall
                values = {"before": 0.6, "after": 0.6 * (1 - fall), "fall": fall, "random": 0.1, "rank": RANKS[concept]}
                for measure in measures:
                    about = {"layer": layer, "target": dim, "part": concept, "partition": "test1+test2"}
                    ends = {"value": 0.1, "low": 0.0, "high": 0.2} if measure == "random" else _ends(values[measure])
                    yield about | {"measure": measure, **ends}


def _bits(dims: Sequence[str], states: int) -> Iterator[Mapping[str, object]]:
    for dim in dims:
        for layer in range(states):
            about = {"layer": layer, "target": dim, "partition": "train+development"}
            value = 0.5 * layer / max(1, states - 1)
            yield about | {"measure": "bits", **_ends(value)}
            for order in (1, 2):
                yield about | {"measure": "bits-each", "part": f"order {order}", "value": value}


def _nuisances(states: int) -> Iterator[Mapping[str, object]]:
    for target, measure in (("energy", "r2"), ("bag of words", "r2"), ("speaker", "accuracy")):
        for layer in range(states):
            depth = layer / max(1, states - 1)
            value = {"energy": 0.9 - depth, "bag of words": 0.6 * depth, "speaker": 0.4}[target]
            yield {"layer": layer, "target": target, "measure": measure, "partition": "cross-validated", **_ends(value)}
    yield {"target": "speaker", "measure": "chance", "partition": "cross-validated", "value": 0.25}


def _similarity(states: int, others: Sequence[str]) -> Iterator[Mapping[str, object]]:
    for other in others:
        itself = other == "owner/model"
        for layer in range(states):
            for own in range(states if itself else 3):
                about = {"layer": layer, "target": f"layer {own}", "part": other, "partition": "train"}
                value = 1.0 - 0.02 * abs(layer - own) ** 3 if itself else 0.8 - 0.1 * abs(min(layer, 2) - own)
                yield about | {"measure": "cka", "value": value, "low": value - 0.01, "high": min(1.0, value + 0.01)}
                if not itself:
                    yield about | {"measure": "p-most-alike", "value": 1.0 if min(layer, 2) == own else 0.01}


def _ends(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.03, "high": value + 0.04}
