"""What every analysis of a layer's contents is made from: states, words, sound, and the corpus that they belong to.

Shape legend: N utterances · L layers · D hidden size · E numbers of the text encoder · F acoustic measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import Corpus
from probing.runs.scores import ratings

WORDS, SOUND, SPEAKER, LAYER = "words", "sound", "speaker", "layer"
# One row a number. `analysis` says which, `layer` whose; `target` is what is predicted, `part` from what or without
# what; `measure` is the number's kind, and `low` and `high` are its 95 % interval, NaN where it has none.
COLUMNS = ("analysis", "layer", "target", "part", "measure", "partition", "value", "low", "high")


@dataclass(frozen=True, eq=False)
class Material:
    """Everything is in the order of the corpus's N utterances.

    Args:
        corpus: The utterances.
        dims: Dimensions to analyse.
        encoder: Name of the encoder.
        layers: Indices of the L layers.
        states_NLD: Pooled states in float32.
        words_NE: The text encoder's pooled states; None where no words are analysed.
        sound_NF: Acoustic measures; None where no sound is analysed.
        nuisances: Name → numbers that a layer may tell of beside emotion, [N] or [N, K].
        notes: What a reader should know.
    """

    corpus: Corpus
    dims: tuple[str, ...]
    encoder: str
    layers: tuple[int, ...]
    states_NLD: NDArray[np.float32]
    words_NE: NDArray[np.float32] | None = None
    sound_NF: NDArray[np.float64] | None = None
    nuisances: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def labels(self, dim: str) -> NDArray[np.float64]:
        """Ratings of a dimension on the unit scale, [N]; NaN where there is none."""
        return ratings(self.corpus, [dim])[:, 0]

    def places(self, *partitions: str) -> NDArray[np.int64]:
        """Places of the utterances of some partitions."""
        return np.array([n for n, one in enumerate(self.corpus.utterances) if one.partition in partitions], np.int64)


def table(analysis: str, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Rows of one analysis as a table with `COLUMNS`; what a row does not say is empty, or NaN for a number.

    Args:
        analysis: Its name.
        rows: Column → value.
    """
    empty: dict[str, object] = {"layer": -1, "target": "", "part": "", "partition": ""}
    numbers: dict[str, object] = {"value": np.nan, "low": np.nan, "high": np.nan}
    return pd.DataFrame([{**empty, **numbers, **row, "analysis": analysis} for row in rows], columns=list(COLUMNS))
