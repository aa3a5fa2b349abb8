"""A fit's tables are read as they were written, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import write_fit

from probing.errors import RunError
from probing.report.reading import has, read

WEIGHTS = ("dimension", "layer", "weight")


def test_a_missing_changed_or_damaged_table_is_refused(tmp_path: Path) -> None:
    """Each with its code; of version 0.1.0 no digests are known, but half a table is still damaged."""
    changed, gone = (write_fit(tmp_path / name) for name in ("changed", "gone"))
    half, empty = (write_fit(tmp_path / name, version=1) for name in ("half", "empty"))
    weights = changed.folder / "weights.csv"
    weights.write_text(weights.read_text().replace("0", "1"))
    (gone.folder / "weights.csv").unlink()
    (half.folder / "weights.csv").write_text("dimension,seed\nvalence,0\n")
    (empty.folder / "weights.csv").write_text("")
    incomplete, damaged = "run-incomplete", "run-damaged"
    for run, code in ((changed, incomplete), (gone, incomplete), (half, damaged), (empty, damaged)):
        with pytest.raises(RunError) as caught:
            read(run, "weights.csv", WEIGHTS)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": "x"},
        {"weight": None},
        {"weight": np.inf},
        {"dimension": None},
        {"layer": 0.5},
        {"layer": "C"},
        {"in_set": 1},
        {"in_set": None},
    ],
)
def test_a_cell_that_holds_something_else_is_damage(tmp_path: Path, wrong: dict[str, object]) -> None:
    """A word or a blank where a number is due, half a layer, a number where yes or no is due."""
    record = write_fit(tmp_path, version=1)
    whole = pd.DataFrame({"dimension": "joy", "layer": [0, 1], "weight": [0.5, 0.5], "in_set": [True, False]})
    path = record.folder / "weights.csv"
    whole.assign(low=None).to_csv(path, index=False)
    assert len(read(record, "weights.csv", (*WEIGHTS, "in_set", "low"))) == 2
    for name, value in wrong.items():
        whole.astype({name: object}).assign(**{name: [whole[name][0], value]}).to_csv(path, index=False)
    with pytest.raises(RunError) as caught:
        read(record, "weights.csv", (*WEIGHTS, "in_set"))
    assert caught.value.code == "run-damaged"


def test_words_stay_words(tmp_path: Path) -> None:
    """A dimension named like a number, and a speaker whose name pandas would take for a missing one."""
    record = write_fit(tmp_path, version=1)
    pd.DataFrame({"dimension": ["7"], "speaker": ["NA"], "id": ["01"]}).to_csv(record.folder / "x.csv", index=False)
    assert read(record, "x.csv", ()).iloc[0].tolist() == ["7", "NA", "01"]


def test_a_run_has_what_its_record_names(tmp_path: Path) -> None:
    """Or, of version 0.1.0, what is there."""
    new, old = write_fit(tmp_path / "new"), write_fit(tmp_path / "old", version=1)
    for record in (new, old):
        (record.folder / "more.csv").touch()
        assert has(record, "weights.csv") and not has(record, "absent.csv")
    assert has(old, "more.csv") and not has(new, "more.csv")
