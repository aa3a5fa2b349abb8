"""What `probe bench` measured as pictures and tables: their marks and cells are those of the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from probing.bench import opening
from probing.report.efficiency import joined_scores, plot_efficiency, plot_scores
from probing.report.efficiency_table import TOKENS, busy, interval_said, markdown, setting_title, settings, typical
from probing.report.logarithmic import apart, ticks

SUBJECTS = ("large_$x$", "small+words")


@pytest.fixture
def table() -> pd.DataFrame:
    """Two subjects at two lengths, on one thread, on four, and on a GPU."""
    rows = []
    places = (("cpu", 1.0, 1), ("cpu", 4.0, 1), ("cuda:0", np.nan, 42))
    for size, subject in enumerate(SUBJECTS):
        for place, (device, threads, batch) in enumerate(places):
            for seconds in (1.0, 5.0):
                known = {"subject": subject, "kind": "system", "parameters": 90e6 / (1 + size), "disk_MB": 360.0}
                rtf = 0.2 / (1 + size) / 3**place
                timed = {"device": device, "threads": threads, "batch": batch, "rtf": rtf, "rtf_low": 0.9 * rtf}
                known |= timed | {"rtf_high": 1.2 * rtf, "processor": rtf, "peak_MB": 900.0, "repeats": 9}
                known |= {"disk": "file" if size else "computed", "seconds": seconds, "gflop": 14.4 + seconds}
                known |= {"input": "audio+text" if size else "audio", "window": np.nan if size else 30.0}
                rows.append(known | {"hardware": "CPU X" if device == "cpu" else "GPU Y", "torch": "2.0.1"})
    return pd.DataFrame(rows)


@pytest.fixture
def scores() -> pd.DataFrame:
    """CCC of both on two partitions of one corpus, and of one on another corpus, without intervals."""
    rows = []
    for subject, run, file in ((SUBJECTS[0], "a", "mine"), (SUBJECTS[1], "b", "mine"), (SUBJECTS[1], "c", "published")):
        for place, partition in enumerate(("test1", "test2")):
            ends = (0.3, 0.5) if file == "mine" else (np.nan, np.nan)
            source = "published" if file == "published" else "measured"
            known = {"corpus": f"corpus {file}", "file": file, "subject": subject, "run": run, "dimension": "valence"}
            known |= {"partition": partition, "ccc": 0.4 - 0.1 * place, "low": ends[0], "high": ends[1]}
            rows.append(known | {"source": source})
    return pd.DataFrame(rows)


def test_every_setting_of_every_subject_has_its_mark(table: pd.DataFrame) -> None:
    """At the length that is shown, with its interval; operations and sizes beside it."""
    assert typical(table) == 5.0
    figure, own = Figure(), table[table.seconds == 5.0]
    plot_efficiency(figure, own)
    rtf, processor, gflop, memory = figure.axes
    drawn = sorted(float(line.get_xdata()[0]) for line in rtf.lines)
    assert drawn == pytest.approx(sorted(own.rtf))
    ends = sorted(tuple(collection.get_segments()[0][:, 0]) for collection in rtf.collections)
    assert np.allclose(ends, sorted(zip(own.rtf_low, own.rtf_high, strict=True)))
    assert {float(line.get_xdata()[0]) for line in gflop.lines} == {19.4}
    worked = sorted(float(line.get_xdata()[0]) for line in processor.lines)
    assert worked == pytest.approx(sorted(own[own.device == "cpu"].processor))  # not beside a GPU
    assert {float(line.get_xdata()[0]) for line in memory.lines} == {360.0, 900.0}
    assert [label.get_text() for label in rtf.get_yticklabels()] == list(SUBJECTS)
    assert [setting_title(one) for one in settings(own)] == ["1 thread", "4 threads", "cuda:0, batch of 42"]


def test_scores_stand_over_the_first_setting_s_time(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    """One corpus a picture, which says whose numbers they are; where nothing was timed, over operations."""
    own = scores[scores.file == "mine"]
    joined, figure = joined_scores(table, own), Figure()
    assert joined.set_index("run").rtf.to_dict() == {"a": 0.2, "b": 0.1} and set(joined.threads) == {1}
    plot_scores(figure, joined)
    (ax,) = figure.axes
    lines, marks = ([one for one in ax.lines if len(one.get_xdata()) == n] for n in (2, 1))
    found = np.array(sorted((one.get_ydata()[0], one.get_xdata()[0]) for one in marks))
    assert np.allclose(found, sorted(zip(joined.ccc, joined.rtf, strict=True)), rtol=0.06)
    assert len(np.unique(found[:, 1])) == len(found) == 4  # none behind another
    ends = {tuple(map(float, end)) for line in lines for end in line.get_xydata()}  # each system's are joined
    assert len(lines) == 2 and ends == {(float(x), float(y)) for y, x in found}
    assert figure.get_suptitle().startswith("CCC on corpus mine")
    counted = table.drop(columns=["rtf", "device", "threads", "batch", "hardware"])
    figure = Figure()
    plot_scores(figure, joined_scores(counted, scores[scores.file == "published"]))
    assert "not measured here" in figure.get_suptitle() and "GFLOP" in figure.axes[0].get_xlabel()
    assert figure.legends[0].get_texts()[0].get_text() == "c"  # what was published names its own


def test_tables_for_reading_have_every_number(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    """A row for each subject, a table of scores for each corpus, and files of a run marked."""
    text = markdown(table, scores)
    large, small = (next(line for line in text.splitlines() if line[2:].startswith(name)) for name in ("large", "sm"))
    assert "| 90.0 | 360 | 19.4 | 0.200 [0.180, 0.240] | 0.200 | 900 |" in large
    assert "| 45.0 | 360 (f) |" in small and large.count("900") == 3
    assert "CPU X · GPU Y" in text and "CCC on corpus mine" in text and "| b | 0.400 [0.300, 0.500] |" in text
    assert "| c | 0.400 | 0.300 |" in text
    assert "computes its window of 30 s" in text and "3.5 tokens" in text
    assert TOKENS == opening.TOKENS


def test_logarithmic_axes_can_be_read(table: pd.DataFrame) -> None:
    """They say that they are, with four to six labels and ticks between them, over any range up to five decades."""
    figure = Figure()
    plot_efficiency(figure, table[table.seconds == 5.0])
    for ax in figure.axes:
        low, high = ax.get_xlim()
        labels = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ax.get_xlabel().endswith("(log scale)") and len(ax.get_xticks(minor=True)) > len(labels) / 2
    factors = np.geomspace(5, 1e5, 40)
    counts = [len(ticks(low, low * factor)) for low in np.geomspace(1, 10, 37) for factor in factors]
    assert min(counts) >= 3 and max(counts) <= 6 and np.mean([count >= 4 for count in counts]) > 0.9
    assert ticks(0.0004, 0.0033) == [0.0005, 0.001, 0.002, 0.003]  # more of such long ones would touch


def test_marks_are_moved_only_where_they_would_overlap() -> None:
    """In order, a gap apart, around where they were; those that stand alone stay."""
    values = [1.0, 5.0, 1.01, 1.0]
    moved = np.log(apart(values, 0.1))
    assert moved[1] == pytest.approx(np.log(5.0)) and np.argsort(moved).tolist() == [0, 3, 2, 1]
    assert np.diff(np.sort(moved))[:2] == pytest.approx([0.1, 0.1])
    assert moved.sum() == pytest.approx(np.log(values).sum())


def test_a_busy_machine_is_said_to_be_one(table: pd.DataFrame) -> None:
    """Where the clock ran much longer than all threads worked, by how much; a GPU's clock is another."""
    own = table.assign(processor=table.rtf * table.threads)
    assert not busy(own) and "Busy" not in markdown(own, pd.DataFrame({"file": []}))
    own.loc[own.threads == 4, "processor"] /= 1.8
    (said,) = busy(own)
    assert "4 threads" in said and "1.8 times" in said
    assert said in markdown(own, pd.DataFrame({"file": []}))


def test_a_few_repeats_have_a_range_and_no_interval() -> None:
    """No pair of fewer than six holds the median in 95 % of cases."""
    cases = {(9, 6): "95 % interval", (5, 3): "range of 3 to 5 repeats", (9, 3): "95 % interval; of 3 to 5"}
    for repeats, said in cases.items():
        assert interval_said(pd.DataFrame({"repeats": repeats})).startswith(said)


def test_a_text_encoder_is_said_to_read(table: pd.DataFrame) -> None:
    """From the transcript, and how long that is."""
    text = markdown(table.assign(input="text"), pd.DataFrame({"file": []}))
    assert "from the transcript to" in text and "3.5 tokens" in text
