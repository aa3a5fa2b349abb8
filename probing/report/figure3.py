"""Figure 3: what text adds to valence, drawn from records and their estimates alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from probing.report.compared import corpus_title, names_of, paired, paired_samples, systems, tests_of
from probing.report.naming import set_stem, shortened
from probing.report.roles import Candidates, roles
from probing.report.style import (
    FIGURES,
    GREY,
    drawing,
    figure_to_show,
    headline,
    legible,
    partition_title,
    save,
)
from probing.runs.printing import seeds_of
from probing.runs.records import FinetuneRecord
from probing.statistics.paired import ratio

_COLUMNS = ["encoder", "regime", "partition", "measure", "value", "low", "high", "seeds", "said", "ambiguous"]
_MEASURES = {  # title and axis
    "relative": ("relative to audio alone", "relative gain of valence CCC (%)"),
    "absolute": ("absolute", "gain of valence CCC"),
}
_REGIMES: dict[str, dict[str, Any]] = {
    "FT": {"marker": "o", "markersize": 6},
    "FT⇒FRZ": {"marker": "o", "markersize": 6, "markerfacecolor": "white"},
}


def gains(records: Sequence[FinetuneRecord]) -> pd.DataFrame:
    """What text adds to valence: one row an audio encoder, regime, test partition and measure.

    Args:
        records: Runs on one corpus.

    Returns:
        encoder, regime, partition, measure (`relative`: (audio+text − audio) / audio; `absolute`: the difference),
        value, low, high, seeds, said, ambiguous. Audio is the fine-tuned audio-only system, for both regimes. A
        relative gain is NaN where audio alone is at or below 0, its interval where audio alone may be; both gains are
        NaN where they are ambiguous: several runs could be meant. `said` says so.
    """
    ordered = systems(records)
    who, names = roles(ordered), names_of(ordered)
    rows = []
    for encoder, audio in sorted(who.audio.items(), key=lambda item: -item[1][0].system.parameters):
        for regime, runs in (("FT", who.both), ("FT⇒FRZ", who.frozen)):
            if encoder not in runs:
                continue
            for partition in tests_of(ordered):
                row = {"encoder": encoder, "regime": regime, "partition": partition}
                found = _gain(runs[encoder], audio, partition, names)
                rows += [row | {"measure": measure} | found[measure] for measure in ("absolute", "relative")]
    return pd.DataFrame(rows).reindex(columns=_COLUMNS)


def plot_gains(records: Sequence[FinetuneRecord], figure: Figure | None = None) -> NDArray[np.object_]:
    """Plot Figure 3: the gain of text on valence, relative as in the paper and absolute beside it.

    Args:
        records: Runs on one corpus, among them an audio encoder with and without text.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        Two panels, the relative and the absolute gain.
    """
    return _plot(gains(records), corpus_title(*records), figure_to_show(figure))


def figure3(records: Sequence[FinetuneRecord], out: Path = FIGURES, name: str | None = None) -> list[Path]:
    """Write Figure 3, as `plot_gains` draws it.

    Args:
        records: Runs on one corpus.
        out: Folder for `figure3-<name>`.
        name: By default the corpus and a digest of the runs.

    Returns:
        The files written; none where no audio encoder has a system with and one without text.
    """
    drawn, figure = gains(records), Figure()
    if drawn.empty:
        return []
    _plot(drawn, corpus_title(*records), figure)
    return save(figure, out / shortened(f"figure3-{set_stem(records, name)}"), drawn)


def _gain(both: Candidates, audio: Candidates, partition: str, names: Mapping[Path, str]) -> dict[str, dict[str, Any]]:
    """Measure → value, low, high, seeds and said."""
    if len(both) > 1 or len(audio) > 1:
        said = " or ".join(names[r.folder] for candidates in (both, audio) if len(candidates) > 1 for r in candidates)
        unknown = {"value": np.nan, "seeds": len(audio[0].seeds), "said": f"several runs could be meant: {said}"}
        return dict.fromkeys(_MEASURES, unknown | {"ambiguous": True})
    absolute = paired([both[0], audio[0]], [1, -1], "valence", partition)
    seeds = {"seeds": absolute.seeds, "ambiguous": False}
    found = {"value": absolute.value, "low": absolute.low, "high": absolute.high}
    return {"absolute": seeds | found, "relative": seeds | _relative(both[0], audio[0], partition)}


def _relative(both: FinetuneRecord, audio: FinetuneRecord, partition: str) -> dict[str, Any]:
    """Value, ends and what must be said of a relative gain, (audio+text − audio) / audio."""
    with_text, alone = paired_samples([both, audio], "valence", partition)
    if alone.score <= 0:
        return {"value": np.nan, "said": "undefined: audio alone is at or below 0"}
    value, low, high = ratio(with_text, alone)
    if np.isnan(low):
        return {"value": value - 1, "said": "no interval: audio alone may be at 0"}
    return {"value": value - 1, "low": low - 1, "high": high - 1, "said": ""}


def _plot(drawn: pd.DataFrame, corpus: str, figure: Figure) -> NDArray[np.object_]:
    partitions, encoders = list(dict.fromkeys(drawn.partition)), list(dict.fromkeys(drawn.encoder))
    names = {name: legible(name) for name in (*encoders, *partitions, corpus)}
    with drawing(names.values()):
        figure.set_size_inches(1.2 + 2 * max(1.6 + 0.9 * len(encoders), 3.2), 3.6)
        axes = figure.subplots(1, 2)
        for ax, measure in zip(axes, _MEASURES, strict=True):
            _panel(ax, drawn[drawn.measure == measure], measure)
            ax.set_xticks(range(len(encoders)), [names[encoder] for encoder in encoders])
        handles = [
            Line2D([], [], color=_colour(p), marker="o", linestyle="none", label=partition_title(names[p]))
            for p in partitions
        ]
        handles += [
            Line2D([], [], color=GREY, linestyle="none", label=regime, **_REGIMES[regime])
            for regime in dict.fromkeys(drawn.regime)
        ]
        figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False)
        averaged = f"mean over {seeds_of(int(drawn.seeds.min()))}, bars: 95 % interval"
        headline(figure, f"What text adds to valence, {names[corpus]}", averaged, size=11)
        figure.tight_layout(rect=(0, 0.08, 1, 1), w_pad=2)
    return np.asarray(axes)


def _panel(ax: Axes, shown: pd.DataFrame, measure: str) -> None:
    scale = 100 if measure == "relative" else 1
    partitions, encoders = list(dict.fromkeys(shown.partition)), list(dict.fromkeys(shown.encoder))
    slots = [(partition, regime) for regime in dict.fromkeys(shown.regime) for partition in partitions]
    for row in shown.itertuples():
        x = encoders.index(row.encoder) + (slots.index((row.partition, row.regime)) - (len(slots) - 1) / 2) * 0.16
        hue = _colour(row.partition)
        if np.isfinite(row.value):
            ax.plot(x, scale * row.value, color=hue, linestyle="none", **_REGIMES[row.regime])
            ax.vlines(x, scale * row.low, scale * row.high, color=hue, linewidth=1.2)
        else:
            _say(ax, x, "several runs" if row.ambiguous else "undefined", hue)
    ax.axhline(0, color=GREY, linewidth=0.8)
    if shown.value.isna().all():
        ax.set_yticks([])
    ax.set_xlim(-0.6, len(encoders) - 0.4)
    title, label = _MEASURES[measure]
    ax.set_ylabel(label)
    ax.set_title(title, fontsize=9)
    sns.despine(ax=ax)


def _say(ax: Axes, x: float, why: str, hue: str) -> None:
    """Why there is no point; it stands on the panel's foot, so that it never reaches the title."""
    look: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 7, "color": hue}
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    ax.text(x, 0.06, why, transform=ax.get_xaxis_transform(), bbox=ground, **look)


def _colour(partition: str) -> str:
    return {"test1": "#56B4E9", "test2": "#D55E00"}.get(partition, GREY)
