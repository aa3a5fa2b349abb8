"""What a fit reads can be extracted in the same command: as `probe extract` does it, and only what is lacking."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from corpora import names_all, refusal, write

from probing.corpus.overview import check
from probing.errors import CacheError, CorpusError, FitError
from probing.extraction.extract import extract
from probing.probes.fit import fit

RIDGE: dict[str, Any] = {"dims": "valence", "head": "ridge", "permutations": 0}


def test_a_fit_extracts_what_is_lacking(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """The cache and the fit are those of two commands; a whole cache stays as it is."""
    encoder = str(checkpoints["hubert"])
    apart = {"cache": tmp_path / "apart", "dtype": "float32"}
    cache = extract(str(table), encoder, store="pooled", **apart)
    expected = fit(str(table), encoder, runs=tmp_path / "runs", **apart, **RIDGE)
    together = {"cache": tmp_path / "together", "dtype": "float32", "extract": True, "runs": tmp_path / "runs"}
    record = fit(str(table), encoder, **together, **RIDGE)
    assert (record.signature, record.scores, record.layers) == (expected.signature, expected.scores, expected.layers)
    assert record.corpus.identity == expected.corpus.identity and record.cache.store == "pooled"
    own = Path(record.cache.path)
    assert own.relative_to(tmp_path / "together") == cache.path.relative_to(tmp_path / "apart")
    (part,) = own.with_suffix("").glob("part-*.h5")
    before = part.stat().st_mtime_ns
    assert fit(str(table), encoder, **together, **RIDGE).scores == record.scores and part.stat().st_mtime_ns == before


def test_nothing_is_extracted_of_a_corpus_that_cannot_be_fitted(
    table: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """A dimension that nobody rated is refused before the work."""
    settings = {"cache": tmp_path / "cache", "extract": True, "runs": tmp_path / "runs"} | RIDGE | {"dims": "joy"}
    with pytest.raises(CorpusError):
        fit(str(table), str(checkpoints["hubert"]), **settings)
    assert not list(tmp_path.rglob("*.h5"))


def test_a_fit_says_what_check_says_of_columns_that_cannot_be_learned(table: Path, tmp_path: Path) -> None:
    """One name throughout, and a category of voices that is learned only where it is named."""
    rows = list(csv.DictReader(table.read_text().splitlines()))
    kept = [[row["id"], row["partition"], "sad", ("f", "m")[i % 2]] for i, row in enumerate(rows)]
    own = write(tmp_path / "sad.csv", "id,partition,emotion,sex,text", *(",".join([*row, "a"]) for row in kept))
    error = refusal(FitError, "no-labels", fit, str(own), "demo-bert", cache=tmp_path / "cache")
    assert names_all(error, "column emotion: it has one name throughout (sad)", "--dim sex")
    assert any("it has one name throughout (sad)" in line for line in check(str(own)).problems)


def test_an_encoder_that_extracted_nothing_is_not_opened(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be far to fetch; what is missing, and what to type, is known without it."""
    monkeypatch.setattr("probing.probes.prepared.open_encoder", lambda *_: pytest.fail("it was opened"))
    error = refusal(CacheError, "cache-missing", fit, str(table), "hubert-base", cache=tmp_path / "cache", **RIDGE)
    assert names_all(error, "nothing has been extracted", "probe extract", "--encoder hubert-base")
