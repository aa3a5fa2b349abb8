"""The confusion matrix: true against predicted classes of a category, drawn from a run's estimates alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from probing.errors import RunError, number_of
from probing.files import digest, slug, write_text
from probing.report.naming import corpus_stem, shortened
from probing.report.style import (
    DPI,
    FIGURES,
    drawing,
    figure_to_show,
    headline,
    legible,
    partition_title,
    save,
    settle,
)
from probing.runs.escapes import markdown
from probing.runs.folds import estimators
from probing.runs.printing import SEEN, UNSEEN, ends
from probing.runs.records import CategoryScore, Record
from probing.runs.standing import probe_named, standing
from probing.statistics.classification import ClassSample, confusion

_TAUGHT, _FIRST = ("train", "development"), (UNSEEN, SEEN)
_CELL, _FRAME, _SMALL, _USUAL = 0.31, 1.35, 6.0, 7.0  # inches of a cell and about the matrix; points
_LEAST = 2.6  # inches of a panel
_SHADES = "Blues"
_LEVEL = 0.179  # the luminance from which black and white have the same contrast: √(1.05 · 0.05) − 0.05
_DIGITS = 6


def plot_confusion(record: Record, category: str | None = None, figure: Figure | None = None) -> NDArray[np.object_]:
    """Plot the confusion matrix of a run on each test partition.

    Rows are the true classes, and each says how many utterances it has; a cell is the share of them whose predicted
    class is that of the column, so that the diagonal holds the recalls, whose mean is UAR. Of a system all training
    seeds are counted together; of a fit it is of the probes that stand for it (`probing.runs.standing`).

    Args:
        record: A run of `probe fit`, `finetune` or `evaluate`.
        category: One that it estimates; by default its first.
        figure: Where to draw; by default a new figure of pyplot, which a notebook shows.

    Returns:
        The panels, a test partition each.

    Raises:
        RunError: The run estimates no category, or not this one (code `no-category`), or its files are missing, changed
            or damaged.
    """
    return _plot(record, drawn_of(record, category), figure_to_show(figure))


def figure_confusion(
    record: Record, out: Path = FIGURES, category: str | None = None, name: str | None = None
) -> list[Path]:
    """Write the confusion matrix as PDF, PNG and SVG, its caption, and the CSV that it was drawn from.

    Args:
        record: As of `plot_confusion`.
        out: Folder for `confusion-<corpus>-<encoder or system>-<digest>`.
        category: As of `plot_confusion`.
        name: What stands in the files' names in place of corpus, encoder or system, and digest.

    Returns:
        The files written; the caption is the last.
    """
    drawn, figure = drawn_of(record, category), Figure(dpi=DPI)
    _plot(record, drawn, figure)
    if name is None:
        settled = digest([record.signature, drawn.category.iloc[0]])[:_DIGITS]
        name = f"{corpus_stem([record])}-{slug(record.title)}-{settled}"
    stem = out / shortened(f"confusion-{slug(name)}")
    words = stem.with_name(f"{stem.name}.md")
    told = caption(record, drawn)
    paths = save(figure, stem, drawn)
    write_text(words, told)
    return [*paths, words]


def drawn_of(record: Record, category: str | None = None) -> pd.DataFrame:
    """What is drawn: category, probe, partition, truth, estimate, count, share (of the true class)."""
    scores = _standing(record, category)
    name, columns = scores[0].category, _columns(record, scores[0])
    blocks = []
    for score in scores:
        sample = record.classes.sample_of(columns, name, score.partition)
        counts_KK = _counts(sample)
        shares_KK = counts_KK / counts_KK.sum(1, keepdims=True).clip(1)
        truth, estimate = np.meshgrid(sample.classes, sample.classes, indexing="ij")
        found = {"truth": truth, "estimate": estimate, "count": counts_KK, "share": shares_KK}
        table = pd.DataFrame({column: x_KK.ravel() for column, x_KK in found.items()})
        described = {"category": name, "probe": score.probe or "", "partition": score.partition}
        table = table.assign(**described)[[*described, *found]]
        blocks.append(table)
    return pd.concat(blocks, ignore_index=True)


def caption(record: Record, drawn: pd.DataFrame) -> str:
    """The caption as Markdown."""
    scores = {score.partition: score for score in _standing(record, drawn.category.iloc[0])}
    category, probe = drawn.category.iloc[0], drawn.probe.iloc[0]
    whose = f"{record.title} ({probe})" if probe else record.title
    title = f"Confusion matrix of {category}: {whose} on {record.corpus.full_title}."
    said = "Rows: true classes, with their numbers of utterances; columns: estimated classes; numbers: % of the row."
    parts = [f"{partition_title(name)}: {', '.join(_scored(scores[name]))}" for name in dict.fromkeys(drawn.partition)]
    shared = [f"{line[0].upper()}{line[1:]}." for line in record.corpus.shared]
    return f"**{markdown(title)}** {markdown(' '.join([said, '; '.join(parts) + '.', *shared]))}\n"


def _standing(record: Record, category: str | None) -> list[CategoryScore]:
    """The scores of the estimates that stand for a run: on each test partition or, without any, on development."""
    known = list(dict.fromkeys(score.category for score in record.category_scores))
    name = category or next(iter(known), None)
    own = [score for score in record.category_scores if score.category == name]
    if not own:
        why = f"it estimates {', '.join(known)}" if known else "it estimates dimensions, and no classes"
        remedy = "name one of them with --dim" if known else "fit or train with --dim CATEGORY"
        what = f"{record.folder} has no classes" + f" of {category}" * bool(category)
        raise RunError(what, why, remedy, code="no-category")
    own = standing(own)
    tests = [score for score in own if score.partition not in _TAUGHT] or own
    return sorted(tests, key=lambda score: _FIRST.index(score.partition) if score.partition in _FIRST else len(_FIRST))


def _columns(record: Record, score: CategoryScore) -> list[str]:
    """The columns of categories.csv that a score is of."""
    known, probe = estimators(record.classes.table), probe_named(score.probe)
    return [one.column for one in known if (one.kind, one.layer) == probe]


def _counts(sample: ClassSample) -> NDArray[np.int64]:
    """How often each class is estimated to be each, over all seeds."""
    truth_N, count = sample.truth_N.astype(int), len(sample.classes)
    return np.sum([confusion(truth_N, own_N.astype(int), count) for own_N in sample.estimates_SN], axis=0)


def _plot(record: Record, drawn: pd.DataFrame, figure: Figure) -> NDArray[np.object_]:
    partitions = list(dict.fromkeys(drawn.partition))
    names = {name: legible(name) for name in dict.fromkeys([*drawn.truth, *drawn.estimate])}
    scores = {score.partition: score for score in _standing(record, drawn.category.iloc[0])}
    probe = drawn.probe.iloc[0]
    title = [f"{legible(record.title)} on {legible(record.corpus.full_title)}", *map(legible, record.corpus.shared)]
    title.insert(1, legible(drawn.category.iloc[0] + f", {probe}" * bool(probe)))
    with drawing([*names.values(), *title]):
        sizes = [max(_LEAST, _CELL * drawn[drawn.partition == p].truth.nunique() + _FRAME) for p in partitions]
        figure.set_size_inches(sum(sizes), max(sizes) + 0.4)
        figure.set_layout_engine("compressed")  # around squares, which do not fill their panels
        axes = figure.subplots(1, len(partitions), squeeze=False, width_ratios=sizes)[0]
        for ax, partition in zip(axes, partitions, strict=True):
            _matrix(ax, drawn[drawn.partition == partition], names, len(_columns(record, scores[partition])))
            lines = [partition_title(partition), *_scored(scores[partition])]
            ax.set_title("\n".join(map(legible, lines)), fontsize=_USUAL, loc="left")
        headline(figure, *title, size=_USUAL + 0.5)
        settle(figure)
    return np.asarray(axes)


def _matrix(ax: Axes, own: pd.DataFrame, names: dict[str, str], seeds: int) -> None:
    """One matrix, with per cent in its cells."""
    classes = list(dict.fromkeys(own.truth))
    shares_KK = own.share.to_numpy(float).reshape(len(classes), -1)
    counts_K = own["count"].to_numpy(int).reshape(len(classes), -1).sum(1) // seeds
    ax.imshow(shares_KK, cmap=_SHADES, vmin=0, vmax=1, aspect="equal")
    for row, column in np.ndindex(*shares_KK.shape):
        share = shares_KK[row, column]
        shape: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _SMALL}
        ax.text(column, row, f"{100 * share:.0f}", color=_readable(share), **shape)
    ax.set_xticks(range(len(classes)), [names[name] for name in classes], rotation=45, ha="right", fontsize=_SMALL)
    labels = [f"{names[name]} ({count:,})" for name, count in zip(classes, counts_K, strict=True)]
    ax.set_yticks(range(len(classes)), labels, fontsize=_SMALL)
    ax.set_xlabel("estimated", fontsize=_USUAL)
    ax.set_ylabel("true", fontsize=_USUAL)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _readable(share: float) -> str:
    """Black or white, whichever stands out more from the colour of a share: by WCAG 2.1's contrast, 4.5 or more.

    >>> _readable(0.0), _readable(0.5), _readable(1.0)
    ('black', 'black', 'white')
    """
    return "black" if _luminance(colormaps[_SHADES](share)[:3]) > _LEVEL else "white"


def _luminance(colour: Sequence[float]) -> float:
    """The relative luminance of an sRGB colour, by WCAG 2.1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def _scored(score: CategoryScore) -> tuple[str, str]:
    return f"UAR {score.uar:.3f} {ends(score.low, score.high)}", number_of(score.n, "utterance")
