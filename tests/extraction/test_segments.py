"""Segments of long recordings are extracted and verified as the same utterances in files of their own are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from corpora import refusal
from segmented import RECORDINGS, joined

from probing.corpus import waveforms
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.errors import CacheError
from probing.extraction.cost import layout_of
from probing.extraction.extract import extract
from probing.extraction.locate import find_cache
from probing.extraction.options import VerifyOptions
from probing.extraction.verify import verified


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small encoders gain nothing from threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def long(table: Path, tmp_path: Path) -> Path:
    """The small corpus in three recordings."""
    return joined(table, tmp_path / "long")


def spec_of(table: Path) -> CorpusSpec:
    """A table as it is typed."""
    return CorpusSpec.resolve(str(table))


def test_a_cache_of_segments_is_that_of_files(
    table: Path, long: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one it is bit-equal; no recording is decoded twice for one part; the cache passes its verification."""
    decoded: Counter[str] = Counter()
    own = waveforms.listen_to_parts

    def counting(path: Path, segments: Sequence[Any]) -> Any:
        decoded[path.name] += 1
        return own(path, segments)

    monkeypatch.setattr(waveforms, "listen_to_parts", counting)
    how = {"dtype": "float32", "batch_seconds": 0.1, "cache": tmp_path / "cache"}
    encoder = str(checkpoints["distilhubert"])
    of_files = extract(spec_of(table), encoder, **how)
    assert not decoded
    of_segments = extract(spec_of(long), encoder, part_seconds=15, **how)
    parts = len(of_segments.parts)
    assert parts > 1 and len(decoded) == RECORDINGS
    assert decoded.total() < RECORDINGS + parts  # a recording may be in two parts at the border between them
    assert of_files.path != of_segments.path
    for id_ in of_files.ids:
        for name in of_files.layout.arrays:
            before, after = (cache.read(cache.row[id_], name) for cache in (of_files, of_segments))
            assert np.array_equal(before, after)
    checked = check_corpus(spec_of(long), Needs(audio=True), cache=tmp_path / "cache", remember=False)
    assert verified(checked.corpus, of_segments, open_encoder(encoder), VerifyOptions(sample=4)).passed


def test_a_segment_that_has_moved_is_other_audio(long: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Though the recording's bytes are the same."""
    how = {"store": "pooled", "cache": tmp_path / "cache"}
    encoder = str(checkpoints["distilhubert"])
    extract(spec_of(long), encoder, **how)
    header, first, *rest = long.read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    cells["end"] = f"{float(cells['end']) - 0.01:.4f}"
    long.write_text("\n".join([header, ",".join(cells.values()), *rest]) + "\n")
    refusal(CacheError, "cache-changed", extract, spec_of(long), encoder, **how)
    checked = check_corpus(spec_of(long), Needs(audio=True), cache=tmp_path / "cache")
    layout = layout_of(checked.corpus, open_encoder(encoder), "pooled")
    refusal(CacheError, "cache-other-audio", find_cache, checked.corpus, layout, tmp_path / "cache", "type it again")
