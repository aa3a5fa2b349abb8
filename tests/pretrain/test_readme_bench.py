"""What the README tells to expect is computed from what was measured, and says which it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probing.pretrain.readme_bench import expected

TIMES = [  # subject, seconds, device, hardware, threads, batch, rtf, gflop: one that is not shown for each that is
    ("hubert-base", 5.7, "cpu", "CPU X", 1, 1, 0.5, 10.0),
    ("hubert-base", 5.7, "cpu", "CPU X", 8, 1, 0.1, 10.0),
    ("hubert-base", 1.0, "cpu", "CPU X", 8, 1, 0.3, 10.0),
    ("hubert-base", 5.7, "cuda:0", "GPU Y", None, 1, 0.01, 10.0),
    ("hubert-base", 5.7, "cuda:0", "GPU Y", None, 42, 0.0005, 10.0),
    ("distilhubert", 5.7, "cpu", "CPU X", 8, 1, 0.05, 10.0),
]
COLUMNS = ["subject", "seconds", "device", "hardware", "threads", "batch", "rtf", "gflop"]


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """A folder with all files of benchmarks, those of a GPU included."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    pd.DataFrame(TIMES, columns=COLUMNS).to_csv(folder / "bench-encoders.csv", index=False)
    bank = [("bank of 225 probes, a step of 32 utterances", 0.5)]
    bank += [("bank of 225 probes, a pass over 63,076 utterances on a GPU", 8.0)]
    pd.DataFrame(bank, columns=["work", "ours"]).to_csv(folder / "bank.csv", index=False)
    whole = [("check, 104,267 utterances", 200.0), ("check, 104,267 utterances: peak memory", 900.0)]
    pd.DataFrame(whole, columns=["work", "ours"]).to_csv(folder / "corpus104k.csv", index=False)
    return tmp_path


def test_times_are_real_time_factors_times_166_hours(figures: Path) -> None:
    """On all threads, in full batches on a GPU, at a typical length; what was not measured says so."""
    split = [line.strip("|").split("|") for line in expected(figures).splitlines() if line]
    rows = {name.strip(): [cell.strip() for cell in cells] for name, *cells in split}
    assert rows[""] == ["CPU X, 8 threads", "GPU Y"]
    assert rows["all states of 166 h of audio, `hubert-base`"] == ["17 h (computed)", "5.0 min (computed)"]
    assert rows["all states of 166 h of audio, `distilhubert`"] == [
        "8.3 h (computed)",
        "not measured; 6 PFLOP (computed)",
    ]
    assert rows["all states of 166 h of audio, `wav2vec2-large-robust-12`"] == ["not measured"] * 2
    bank = rows["a pass of 225 probes over 63,076 utterances"]
    assert bank == ["16 min of a processor (computed)", "8.0 s (measured)"]
    commands = [row for name, row in rows.items() if name.startswith("`probe")]
    assert commands == [["3.3 min of a processor (measured)", "–"], ["not measured", "–"]]


def test_caches_are_as_large_as_their_numbers(figures: Path) -> None:
    """HuBERT base by hand: 13 states of 768 units and latents of 512, in float16, 50 frames a second."""
    (row,) = (line for line in expected(figures).splitlines() if line.startswith("| `hubert-base`"))
    seconds, state = 166 * 3600, 13 * 768 * 2
    sizes = (104_267 * 4 * state, 50 * seconds * state, 50 * seconds * 1024)
    for n_bytes, cell in zip(sizes, row.split("|")[2:5], strict=True):
        assert float(cell.split()[0]) == pytest.approx(n_bytes / 1e9, rel=0.06) and cell.endswith("GB (computed) ")


def test_without_measurements_there_is_no_number(tmp_path: Path) -> None:
    """It says what to run."""
    assert expected(tmp_path) == "*Not measured yet: run `make bench`, then `make readme`.*"
