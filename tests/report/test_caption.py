"""The caption says what is drawn and no more, and the findings stand beneath it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builders import write_fit
from ridge_fits import write_ridge_fit

from probing.report.caption import caption
from probing.report.importance import drawn_of
from probing.runs.records import FitRecord


def words(record: FitRecord, controls: Sequence[FitRecord] = ()) -> str:
    return caption(record, drawn_of(record, controls), controls)


def test_it_tells_all_panels_and_what_stands_in_them(tmp_path: Path) -> None:
    """Speakers and utterances, bands, nulls and random encoders; each finding is a line of its own."""
    record = write_ridge_fit(tmp_path, corpus="demo")
    controls = [write_ridge_fit(tmp_path, f"owner/model@random:{seed}", corpus="demo") for seed in (1, 2)]
    text = words(record, controls)
    paragraph, heading, findings = text.split("\n\n")
    assert "built-in synthetic speech" in paragraph and paragraph.count("(12 speakers, 72 utterances)") == 4
    assert paragraph.index("test2 (unseen)") < paragraph.index("test1 (seen)") < paragraph.index("Learned weights")
    for how in ("between", "within"):
        assert paragraph.count(f"100 permutations of the labels {how} speakers") == 1
    assert paragraph.count("20 permutations of the labels") == 2
    assert "over 4 refits on resampled training speakers" in paragraph and "2 encoders with random weights" in paragraph
    lines = findings.splitlines()
    assert len(lines) == 3 + 3 * 2 + 3 and all(line.startswith("- ") for line in lines)
    assert "above 2 random encoders" in heading and "above 2 random encoders" in findings


def test_it_does_not_tell_of_what_is_not_drawn(tmp_path: Path) -> None:
    """No controls, no weights, no permutations; a run of an earlier version has no ridge probes."""
    look = words(write_ridge_fit(tmp_path, head="ridge"))
    assert "Dashed" not in look and "weights" not in look and "right edge" not in look and "ridge" in look
    old = words(write_fit(tmp_path / "old", version=1))
    assert "ridge" not in old and "R²" not in old and "speakers" not in old.replace("speaker bootstrap", "")
    assert "permuted labels" in old and old.count("\n") == 1


def test_development_is_marked(tmp_path: Path) -> None:
    """Where it is all there is, the reader is told that settings were selected on it."""
    text = words(write_ridge_fit(tmp_path, partitions=("train", "development")))
    assert "development (selected on)" in text and "flatters" in text


def test_what_is_shared_with_training_is_told(tmp_path: Path) -> None:
    """A leak that was allowed, and the speakers of a test partition that are seen."""
    record = write_ridge_fit(tmp_path)
    entry = replace(record.corpus, leaks=("1 recording of test1",), seen={"test": (12, 20)})
    text = words(replace(record, corpus=entry))
    assert "Leak: 1 recording of test1. Test, seen: 12 of 20 speakers." in text
    assert "Leak" not in words(record) and "seen:" not in words(record)
