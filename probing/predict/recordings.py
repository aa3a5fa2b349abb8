"""One run of `probe predict`: a finished run × any recordings → a table, and a picture over time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from tqdm import tqdm

from probing.errors import AudioError, ProbingError
from probing.predict.predictor import Hear, Predictor
from probing.report.figure2 import FORMATS, MARKERS, colour

_MOST = 8  # recordings in one picture


def found_files(named: Iterable[str]) -> list[Path]:
    """The files that names, folders (with all files below them) and patterns stand for, each once.

    Raises:
        ProbingError: A folder is empty, or nothing fits a pattern.
    """
    files: dict[Path, None] = {}
    for name in named:
        path = Path(name)
        if path.is_dir():
            own = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif set(name) & set("*?[") and not path.exists():
            anchor, pattern = (path.anchor or ".", str(path.relative_to(path.anchor) if path.anchor else path))
            own = sorted(p for p in Path(anchor).glob(pattern) if p.is_file())
        else:
            own = [path]
        if not own:
            raise ProbingError(f"{name}", "no file is there", "name audio files, a folder of them, or a pattern")
        files |= dict.fromkeys(own)
    return list(files)


def run(
    predictor: Predictor,
    files: Sequence[Path],
    text: str | None = None,
    window: float | None = None,
    hop: float | None = None,
    asr: Hear | None = None,
) -> tuple[pd.DataFrame, list[AudioError]]:
    """Estimate every file that can be decoded.

    Args:
        predictor: A finished run.
        files: Recordings.
        text: What is said in the only one.
        window: Seconds in a window.
        hop: Seconds from one window to the next.
        asr: Recognises what is said.

    Returns:
        The table, file, start, end, the dimensions and text; and why the other files were left out.

    Raises:
        ProbingError: The system reads and no words are given, or one text is given for several files.
    """
    predictor.demand_words(text is not None or asr is not None)
    if text is not None and len(files) > 1:
        raise ProbingError(
            "--text", f"it is one text for {len(files):,} files", "give one file, or let --asr write down each"
        )
    tables, refused = [], []
    for path in tqdm(files, desc="predict", unit="file", disable=None):
        try:
            table = predictor.predict(path, text, window, hop, asr)
        except AudioError as error:
            refused.append(error)
            continue
        table.insert(0, "file", str(path))
        tables.append(table)
    columns = ["file", "start", "end", *predictor.dimensions] + ["text"] * predictor.reads
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns), refused


def draw(table: pd.DataFrame, predictor: Predictor, path: Path) -> None:
    """Draw the estimates over time, a panel for each recording.

    Args:
        table: From `run`.
        predictor: Whose they are.
        path: A .png, .pdf or .svg.

    Raises:
        ProbingError: The ending is another, or nothing was estimated.
    """
    refuse_plot(path)
    files = list(dict.fromkeys(table.file))
    if not files:
        raise ProbingError(f"--plot {path}", "no recording could be used", "give one that can be decoded")
    if len(files) > _MOST:
        print(f"the picture shows the first {_MOST} of {len(files):,} recordings", file=sys.stderr)
    files = files[:_MOST]
    low, high = predictor.scale
    with sns.axes_style("ticks"), plt.rc_context({"svg.hashsalt": "probing", "pdf.fonttype": 42, "font.size": 9}):
        figure, axes = plt.subplots(len(files), 1, figsize=(7, 0.9 + 2.1 * len(files)), squeeze=False)
        for ax, name in zip(axes[:, 0], files, strict=True):
            own = table[table.file == name]
            middle = (own.start + own.end) / 2
            for dimension in predictor.dimensions:
                hue = colour(dimension, predictor.dimensions)
                ax.plot(middle, own[dimension], color=hue, marker=MARKERS.get(dimension, "D"), label=dimension)
                if len(own) == 1:
                    ax.hlines(own[dimension], own.start, own.end, color=hue)
            ax.set_xlim(own.start.min(), own.end.max())
            shown = own[list(predictor.dimensions)]
            margin = 0.03 * (high - low)
            ax.set_ylim(min(low, shown.min(axis=None)) - margin, max(high, shown.max(axis=None)) + margin)
            ax.set_title(Path(name).name, fontsize=9)
            ax.set_ylabel(f"rating ({low:g} to {high:g})")
            sns.despine(ax=ax)
        axes[-1, 0].set_xlabel("time (s), middle of each window")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.suptitle(predictor.title)
        figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
        figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=200)
        plt.close(figure)


def refuse_plot(path: Path) -> None:
    """Raise a ProbingError where a picture cannot be written under that name."""
    if path.suffix.lower().lstrip(".") not in FORMATS:
        endings = ", ".join(f".{kind}" for kind in FORMATS)
        raise ProbingError(f"--plot {path}", "its ending is no picture's", f"end it in {endings}")


def refuse_place(path: Path) -> None:
    """Raise an OSError where no file can be written there: a long work must not end without a place for its result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.exists()
    path.open("ab").close()
    if not there:
        path.unlink()
