"""The table of docs/corpora.md: what each layer tells of the emotions that RAVDESS's actors play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from probing.runs.printing import markdown_table

_DRAWN = "real/figure2-ravdess_over_24_folds-*-emotion-*.csv"


def ravdess_emotion(figures: Path) -> str:
    """R² and UAR of ridge probes on each layer, over all folds together."""
    (drawn,) = figures.glob(_DRAWN)
    table = pd.read_csv(drawn)
    own = table[(table.source == "encoder") & table.layer.notna()]
    importance, score = (own[own.panel == panel].set_index("layer") for panel in ("importance", "UAR test2"))
    rows = [
        [f"{layer:.0f}", _cell(r2), "yes" if str(r2.in_set) == "True" else "", _cell(score.loc[layer])]
        for layer, r2 in importance.iterrows()
    ]
    columns = ["layer", "R² of the classes' probabilities", "may be the best", "UAR on actors nobody has heard"]
    return markdown_table(pd.DataFrame(rows, columns=columns), str)


def _cell(row: pd.Series[float]) -> str:
    return f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"


BLOCKS: Mapping[str, Callable[[Path], str]] = {"ravdess_emotion": ravdess_emotion}
