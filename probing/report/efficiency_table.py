"""How much work encoders and systems are, as tables for reading, and what tables and figures call it: `probe bench`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from probing.report.style import legible, partition_title
from probing.runs import escapes
from probing.runs.printing import markdown_table

TYPICAL = 5.7  # seconds: an average utterance of MSP-Podcast
TOKENS = 3.5  # of a transcript for each second, as `probing.bench.opening` makes it
SETTING = ["device", "threads", "batch"]
INTERVAL_FROM = 6  # repeats: no two of fewer numbers hold a median in 95 % of cases
_BUSY = 1.3  # times that the clock may have run as long as processors worked, before it misleads


def markdown(table: pd.DataFrame, scores: pd.DataFrame) -> str:
    """What was measured, for reading: one row for each subject, at the typical length; and what was scored."""
    shown = table[table.seconds == typical(table)]
    blocks = [f"**{escapes.markdown(' '.join(headed(shown)))}.** {_explained(shown)}"]
    blocks.append(markdown_table(_wide(shown)))
    blocks += [f"**Busy machine.** {escapes.markdown(said)}" for said in busy(table)]
    for _, own in scores.groupby("file", sort=False):
        blocks += [f"CCC on {escapes.markdown(own.corpus.iloc[0])}:", markdown_table(_scored(own))]
    return "\n\n".join(blocks) + "\n"


def typical(table: pd.DataFrame) -> float:
    """The length in seconds that tables and figures show: that of MSP-Podcast's average, or the one nearest to it."""
    return float(min(table.seconds.unique(), key=lambda seconds: abs(seconds - TYPICAL)))


def settings(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Device, threads and batch of everything that was measured, in order."""
    rows = table[SETTING].drop_duplicates().itertuples(index=False, name=None)
    return list(rows)


def setting_title(setting: tuple[Any, ...]) -> str:
    """A setting in tables and legends.

    >>> setting_title(("cpu", 1.0, 1)), setting_title(("cuda:0", float("nan"), 42))
    ('1 thread', 'cuda:0, batch of 42')
    """
    device, threads, batch = setting
    if device == "cpu":
        return "1 thread" if threads == 1 else f"{threads:.0f} threads"
    return f"{device}, batch of {batch:.0f}"


def rows_of(table: pd.DataFrame, setting: tuple[Any, ...]) -> pd.DataFrame:
    """What was measured in one setting."""
    keys = pd.DataFrame([setting], columns=SETTING)
    return table.merge(keys, on=SETTING)  # NaN joins NaN: a GPU has no threads


def headed(table: pd.DataFrame) -> list[str]:
    """A headline: the length of the utterances and, where time was measured, on what."""
    length = table.seconds.iloc[0]
    if "rtf" not in table:
        return [f"An utterance of {length:g} s"]
    machines = " · ".join(map(legible, dict.fromkeys(table.hardware)))
    return [f"An utterance of {length:g} s on {machines}, PyTorch {table.torch.iloc[0]}"]


def busy(table: pd.DataFrame) -> list[str]:
    """A sentence for each setting on a CPU in which the clock misleads, because other programs held the processor."""
    if "rtf" not in table:
        return []
    own = table[table.device == "cpu"]
    factors = (own.rtf * own.threads / own.processor).groupby(own.threads, sort=False).max()
    return [
        f"On {setting_title(('cpu', threads, 1))}, the clock ran up to {factor:.1f} times as long as the processor "
        f"worked for it{'' if threads == 1 else ' on each'}: the machine was busy"
        f"{'' if threads == 1 else ', or threads waited for each other'}. Rather quote processor seconds than the "
        "real-time factor."
        for threads, factor in factors.items()
        if factor > _BUSY
    ]


def whole_windows(table: pd.DataFrame) -> list[str]:
    """A sentence for each window that is computed whatever the utterance's length, as a Whisper's."""
    found = table[["subject", "window"]].drop_duplicates().dropna() if "window" in table else pd.DataFrame()
    said = []
    for seconds, own in found.groupby("window") if len(found) else ():
        verb = "computes its window" if len(own) == 1 else "compute their windows"
        said.append(f"{', '.join(map(legible, own.subject))} {verb} of {seconds:g} s whatever the utterance's length")
    return said


def interval_said(table: pd.DataFrame) -> str:
    """What the interval of a median is: of a few repeats it is their range.

    >>> interval_said(pd.DataFrame({"repeats": [9]})), interval_said(pd.DataFrame({"repeats": [2]}))
    ('95 % interval', 'range of 2 repeats')
    """
    least, most = int(table.repeats.min()), int(table.repeats.max())
    if least >= INTERVAL_FROM:
        return "95 % interval"
    counts = f"{least}" if least == most else f"{least} to {min(most, INTERVAL_FROM - 1)}"
    return f"range of {counts} repeats" if most < INTERVAL_FROM else f"95 % interval; of {counts} repeats their range"


def _explained(shown: pd.DataFrame) -> str:
    """What the columns are."""
    said = (
        "GFLOP: multiplications and additions for a second of audio, counted (convolutions, matrix products, "
        "attention), in billions. On disk: the weights as float32, counted, or the file of a run (f)."
    )
    takes = set(shown.input)
    if "rtf" in shown:
        source = "transcript" if takes == {"text"} else "waveform"
        said += (
            f" Real-time factor: seconds on the clock for a second of audio, from the {source} to all layers' states "
            f"of an encoder or a system's estimates, median of the repeats [{interval_said(shown)}]; beside it "
            "processor seconds of all threads. Peak memory: of the whole process, Python and PyTorch included, or of "
            "the GPU. Weights are random unless a run was named."
        )
    if takes != {"audio"}:
        said += f" A text encoder reads a transcript of {TOKENS:g} tokens for a second of audio."
    return " ".join([said, *(f"{escapes.markdown(window)}." for window in whole_windows(shown))])


def _wide(shown: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row a subject."""
    rows = []
    for subject, own in shown.groupby("subject", sort=False):
        one = own.iloc[0]
        row = {
            "": subject,
            "parameters (M)": _digits(one.parameters / 1e6),
            "on disk (MB)": _digits(one.disk_MB) + " (f)" * (one.disk == "file"),
            "GFLOP per s": _digits(one.gflop),
        }
        for setting in settings(own) if "rtf" in own else []:
            measured, title = rows_of(own, setting).iloc[0], setting_title(setting)
            ends = f"[{_digits(measured.rtf_low)}, {_digits(measured.rtf_high)}]"
            row[f"real-time factor, {title}"] = f"{_digits(measured.rtf)} {ends}"
            if setting[0] == "cpu":
                row[f"processor s per s, {title}"] = _digits(measured.processor)
            row[f"peak memory (MB), {title}"] = _digits(measured.peak_MB)
        rows.append(row)
    return pd.DataFrame(rows)


def _scored(scores: pd.DataFrame) -> pd.DataFrame:
    """Text for reading: one row a run, one column a dimension and partition."""
    cells = scores.assign(
        column=scores.dimension + ", " + scores.partition.map(partition_title),
        said=[_cell(row) for row in scores.to_dict("records")],
    )
    wide = cells.pivot_table("said", ["subject", "run"], "column", aggfunc="first", sort=False)
    return wide.reset_index().fillna("–")


def _cell(row: dict[str, Any]) -> str:
    known = row["low"] is not None and np.isfinite(row["low"])
    return f"{row['ccc']:.3f}" + (f" [{row['low']:.3f}, {row['high']:.3f}]" if known else "")


def _digits(value: float) -> str:
    """Three digits, without an exponent.

    >>> _digits(94.371712), _digits(0.01234), _digits(1234.5)
    ('94.4', '0.0123', '1,234')
    """
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"
