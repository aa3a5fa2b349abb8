"""The table of a run of `probe layers`: read as it was written, or refused with a code."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from builders import write_fit
from layers_runs import FINDING, RANKS, planted_contents, write_layers

from probing.analysis.material import COLUMNS
from probing.errors import RunError
from probing.runs.contents import read_contents
from probing.runs.printing import line
from probing.runs.records import CONTENTS, FitRecord, LayersRecord
from probing.runs.store import all_records, latest, missing_files, read_kind, read_record

HEAD = ",".join(COLUMNS)
ROW = "shares,0,valence,layer,r2,cross-validated,0.5,0.4,0.6"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Entries, ranks and findings come back with their types, and the record says what its files are."""
    written = write_layers(tmp_path)
    record = read_kind(written.folder, LayersRecord)
    assert record == written
    assert (record.title, record.encoder_file_name) == ("owner/model", "owner--model")
    assert (record.ranks, record.findings, record.beside[0].name) == (RANKS, (FINDING,), "other")
    assert record.acoustics is not None and record.acoustics.versions == {"librosa": "0.11"}
    assert set(record.files or {}) == {CONTENTS, "words.csv"} and missing_files(record) == []


def test_it_is_listed_among_other_runs(tmp_path: Path) -> None:
    """`probe runs` names command, corpus, encoder and folder; there are no scores to print."""
    record = write_layers(tmp_path)
    assert [one.command for one in all_records(tmp_path)] == ["layers"]
    assert latest(LayersRecord, tmp_path) == record
    words = line(record).split("  ")
    assert "" not in words and words[1:2] + words[3:] == ["layers", "owner/model", str(record.folder)]


def test_a_run_of_one_kind_is_no_run_of_another(tmp_path: Path) -> None:
    """What needs a fit refuses an analysis of layers, and the other way round."""
    layers, fit = write_layers(tmp_path), write_fit(tmp_path)
    with pytest.raises(RunError) as error:
        read_kind(layers.folder, FitRecord)
    assert error.value.code == "run-kind"
    with pytest.raises(RunError) as error:
        read_contents(fit.folder)
    assert error.value.code == "run-kind"


def test_contents_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Numbers, blanks and names come back, a dimension called NA and a formula among them."""
    dims = ("NA", '=1+"a",\n', "nan")
    written = planted_contents(dims)
    record = write_layers(tmp_path, written, dims)
    for table in (read_contents(record), read_contents(record.folder)):
        pd.testing.assert_frame_equal(table[list(COLUMNS)], written, check_dtype=False)
        assert table.layer.dtype == int


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        f"{HEAD.replace('part,', '')}\n{ROW}",
        f"{HEAD}\n{ROW},7",
        f"{HEAD}\n{ROW.replace('0.5', 'much')}",
        f"{HEAD}\n{ROW.replace('0.5', 'inf')}",
        f"{HEAD}\n{ROW.replace('0.5', '1e999')}",
        f"{HEAD}\n{ROW.replace('shares,0', 'shares,0.5')}",
        f"{HEAD}\n{ROW.replace('shares,0', 'shares,')}",
        f"{HEAD}\n{ROW.replace('shares,0', 'shares,1000000000')}",
        f"{HEAD}\n{ROW.replace('shares,0', 'shares,-2')}",
        f"{HEAD}\n{ROW.replace('shares', '')}",
        f"{HEAD}\n{ROW.replace('r2', '')}",
        f"{HEAD}\n{ROW.replace('0.4,0.6', '0.6,0.4')}",
        f"{HEAD}\n{ROW}\n{ROW}",
        f'{HEAD}\n"{ROW}',
        "\x00",
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it, and though the record's digest is that of the file."""
    record = write_layers(tmp_path, text)
    with pytest.raises(RunError) as error:
        read_contents(record)
    assert error.value.code == "run-damaged"


def test_a_sound_row_is_read(tmp_path: Path) -> None:
    """What the damaged tables are made of is no damage itself; nor is a number without an interval."""
    record = write_layers(tmp_path, f"{HEAD}\n{ROW}\nerasure,-1,valence,words,fall,test2,,,\n")
    assert read_contents(record).value.tolist()[0] == 0.5
    assert read_contents(record).value.isna().tolist() == [False, True]


def test_a_table_that_is_not_the_run_s_is_refused(tmp_path: Path) -> None:
    """Changed, too large, or gone."""
    record = write_layers(tmp_path)
    path = record.folder / CONTENTS
    path.write_text(f"{HEAD}\n{ROW}\n")
    with pytest.raises(RunError) as error:
        read_contents(record)
    assert error.value.code == "run-incomplete"
    with path.open("wb") as file:
        file.truncate(10**9)  # takes no space on the disk
    with pytest.raises(RunError) as error:
        read_contents(record)
    assert error.value.code == "run-incomplete"
    path.unlink()
    with pytest.raises(RunError) as error:
        read_contents(record)
    assert error.value.code == "run-incomplete"
    assert missing_files(read_record(record.folder)) == [CONTENTS]
