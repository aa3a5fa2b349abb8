"""Which column of a table may be meant by one of ours."""

from __future__ import annotations

import pytest
from corpora import names_all, refusal

from probing.corpus.readers.tables.columns import demand_columns, meant
from probing.errors import CorpusError


@pytest.mark.parametrize(
    ("lacking", "present", "found"),
    [
        ("path", ["id", "File"], "File"),
        ("path", ["wav_path", "pitch"], "wav_path"),
        ("path", ["pitch", "date"], None),
        ("speaker", ["Speakers"], "Speakers"),
        ("partition", ["Split_Set"], "Split_Set"),
        ("arousal", ["EmoAct"], "EmoAct"),
        ("text", ["test"], None),
    ],
)
def test_a_near_column_is_offered_for_one_that_is_lacking(lacking, present, found):
    """By the names that other corpora use, or by its spelling; nothing is offered that only looks a bit alike."""
    assert meant([lacking], present) == ([f"type --column {lacking}={found}, if it is that"] if found else [])


def test_of_many_columns_some_are_named(tmp_path):
    """A message stays short."""
    header = [f"c{n}" for n in range(500)]
    error = refusal(CorpusError, "column-missing", demand_columns, header, ["id"], tmp_path / "t.csv")
    assert names_all(error, "500 in all") and len(str(error)) < 500
    repeated = refusal(CorpusError, "column-repeated", demand_columns, ["id", *header, *header], ["id"], tmp_path / "t")
    assert names_all(repeated, "c0, c1", "500 in all") and len(str(repeated)) < 300
