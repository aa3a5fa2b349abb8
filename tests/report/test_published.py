"""The paper's numbers are found by a checkout and by an installation, and its release is known by its contents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import entry_of

from probing.corpus.spec import CorpusSpec
from probing.errors import ProbingError
from probing.report import published as module
from probing.report.published import on_the_papers_release, published

RELEASE = {"train": 63_076, "development": 10_999, "test1": 16_903, "test2": 13_289}
PODCAST = replace(entry_of("msp-podcast", 1), spec=CorpusSpec("msp-podcast:/x"))


def test_tables_are_those_of_the_paper() -> None:
    """Six systems on two partitions; two recognisers and human words."""
    table = published("table1")
    assert len(table) == 12 and published("table2").wer.dropna().tolist() == [0.222, 0.241]
    row = table[(table.model == "HuBERT base") & (table.modality == "audio") & (table.partition == "test2")].iloc[0]
    assert (row.arousal, row.valence, row.dominance) == (0.388, 0.225, 0.344)


def test_both_places_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel keeps the tables in the package, a checkout beside the figures; without either the error says so."""
    installed, checkout = module._PLACES
    assert installed == Path(module.__file__).parents[1] / "published"
    assert (checkout / "table1.csv").is_file() and checkout.parts[-2:] == ("figures", "published")
    (tmp_path / "table1.csv").write_text((checkout / "table1.csv").read_text())
    for places in ((tmp_path, tmp_path / "none"), (tmp_path / "none", tmp_path)):
        monkeypatch.setattr(module, "_PLACES", places)
        assert len(published("table1")) == 12
    monkeypatch.setattr(module, "_PLACES", (tmp_path / "none",))
    with pytest.raises(ProbingError) as caught:
        published("table1")
    assert caught.value.code == "published-missing"


@pytest.mark.parametrize(
    ("changes", "left_out", "known"),
    [
        ({}, 0, True),
        ({"test3": 2_000}, 0, True),
        ({"train": 63_074}, 2, True),
        ({"train": 63_074}, 1, False),
        ({"test1": 16_904}, 5, False),
        ({"train": 84_030, "development": 19_815, "test1": 30_647, "test2": 14_815}, 0, False),
    ],
)
def test_the_release_is_known_by_its_partitions(
    changes: dict[str, int], left_out: int, known: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Utterances left out may be missing, further partitions may be there; another release is said on stderr."""
    corpus = replace(PODCAST, utterances=RELEASE | changes, left_out=tuple(map(str, range(left_out))))
    assert on_the_papers_release(corpus) is known
    assert (capsys.readouterr().err == "") is known


def test_other_corpora_are_never_taken_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is said of them."""
    assert not on_the_papers_release(entry_of("demo", 96)) and not on_the_papers_release(entry_of("MSP-1.10", 9))
    assert capsys.readouterr().err == ""
