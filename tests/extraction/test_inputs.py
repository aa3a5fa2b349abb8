"""What an encoder is given: transcripts on their way into a cache, and how they are told from others."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import KINDS, WORDS, save_text_encoder

from probing.cache.reader import Cache
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.encoders.text import TextEncoder
from probing.errors import CacheError, CorpusError
from probing.extraction.extract import Extraction, extract, prepare
from probing.extraction.inputs import known_checksums, refuse_other_inputs, scan_text
from probing.extraction.options import CacheOptions, ExtractOptions, ExtractPlace, VerifyOptions
from probing.extraction.verify import verify


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small text encoder of each kind."""
    return {kind: save_text_encoder(tmp_path_factory.mktemp("text") / kind, kind) for kind in KINDS}


def opened(folder: Path) -> TextEncoder:
    """A text encoder."""
    encoder = open_encoder(str(folder))
    assert isinstance(encoder, TextEncoder)
    return encoder


def write_table(folder: Path, texts: list[str]) -> Path:
    """A corpus without audio."""
    lines = ["id,partition,speaker,valence,text"]
    for number, text in enumerate(texts):
        partition = ("train", "train", "train", "development", "test1")[number % 5]
        lines.append(f"t{number:03d},{partition},{partition[:2]}{number % 7},{number % 9 / 10},{text}")
    folder.mkdir(exist_ok=True)
    (folder / "said.csv").write_text("\n".join(lines) + "\n")
    return folder / "said.csv"


def some_texts(count: int = 100) -> list[str]:
    """Sentences of two to seven words."""
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(WORDS, rng.integers(2, 8))) for _ in range(count)]


def prepared(table: Path | CorpusSpec, encoder: Path, cache: Path, **options: object) -> Extraction:
    """An extraction of text in float32."""
    spec = table if isinstance(table, CorpusSpec) else str(table)
    return prepare(spec, str(encoder), ExtractOptions(dtype="float32", **options), ExtractPlace(cache))


def with_audio(corpus: Corpus, id_: str, path: Path | None) -> Corpus:
    """The same corpus with one utterance's audio file replaced."""
    changed = (replace(u, path=path) if u.id == id_ else u for u in corpus.utterances)
    return replace(corpus, utterances=tuple(changed))


def test_the_cache_holds_each_transcript_s_states(folders: dict[str, Path], tmp_path: Path) -> None:
    """Frames are the tokens' states; pooled ones their mean and maximum; length and checksum are the text's."""
    texts = some_texts()
    texts[3] = texts[0]
    table, encoder = write_table(tmp_path, texts), opened(folders["bert"])
    caches = {}
    for store in ("frames", "pooled"):
        cache = prepared(table, folders["bert"], tmp_path / "cache", store=store).run()
        assert cache is not None
        caches[store] = cache
    assert caches["frames"].path.parent == caches["pooled"].path.parent
    for row in (0, 3, 42):
        expected = encoder.states(texts[row])
        place = caches["frames"].row[f"t{row:03d}"]
        assert caches["frames"].read(place, "states") == pytest.approx(expected, abs=1e-5)
        assert caches["frames"].audio[place] == zlib.crc32(texts[row].encode())
        place = caches["pooled"].row[f"t{row:03d}"]
        assert caches["pooled"].read(place, "mean") == pytest.approx(expected.mean(0), abs=1e-5)
        assert caches["pooled"].read(place, "max") == pytest.approx(expected.max(0), abs=1e-5)
    assert not list((tmp_path / "cache").rglob("audio.json*"))  # nor does it wait for who decodes audio


def test_a_changed_transcript_is_noticed(folders: dict[str, Path], tmp_path: Path) -> None:
    """Another word of the same length: extract refuses, verify names the utterance."""
    texts = some_texts()
    prepared(write_table(tmp_path, texts), folders["bert"], tmp_path / "cache", store="pooled").run()
    texts[7] = " ".join(["night"] * len(texts[7].split()))
    table = write_table(tmp_path, texts)
    with pytest.raises(CacheError, match="t007") as caught:
        prepared(table, folders["bert"], tmp_path / "cache", store="pooled").run()
    assert caught.value.code == "cache-changed"
    source = CacheOptions("pooled", "float32", tmp_path / "cache")
    found = verify(str(table), str(folders["bert"]), source, VerifyOptions(2))
    assert not found.passed and found.changed == ("t007",)


def test_other_words_in_all_places_are_another_corpus(folders: dict[str, Path], tmp_path: Path) -> None:
    """Two tables of one name with other texts under the same ids get two caches."""
    caches = []
    for folder, texts in (("a", ["good day"] * 20), ("b", ["bad night"] * 20)):
        cache = prepared(write_table(tmp_path / folder, texts), folders["bert"], tmp_path / "cache").run()
        assert cache is not None
        caches.append(cache.path)
    assert caches[0].parent != caches[1].parent and all(path.is_file() for path in caches)


def test_a_missing_transcript_stops_before_any_work(folders: dict[str, Path], tmp_path: Path) -> None:
    """A corpus without texts is named with count and first ids."""
    table = tmp_path / "mute.csv"
    table.write_text("id,partition,speaker,valence\nx1,train,s,0.5\nx2,development,t,0.4\n")
    with pytest.raises(CorpusError, match="x1, x2"):
        extract(str(table), str(folders["bert"]), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_an_empty_transcript_is_extracted_and_counted(folders: dict[str, Path], tmp_path: Path) -> None:
    """It is none that is missing: it has the special tokens, and the forecast counts it."""
    texts, encoder = some_texts(), opened(folders["bert"])
    transcripts = tmp_path / "heard.csv"
    heard = [f"t{number:03d},{text if number % 50 else ''}" for number, text in enumerate(texts)]
    transcripts.write_text("id,text\n" + "\n".join(heard) + "\n")
    spec = CorpusSpec.resolve(str(write_table(tmp_path, texts)), transcripts=transcripts)
    extraction = prepared(spec, folders["bert"], tmp_path / "cache")
    assert extraction.forecast.empty == 2 and extraction.forecast.seconds is None
    assert "tokens" in str(extraction.forecast) and " h," not in str(extraction.forecast)
    cache = extraction.run()
    assert cache is not None
    assert cache["t050"] == pytest.approx(encoder.states(""), abs=1e-5)
    assert cache["t050"].shape == (2, 4, 32)


def test_a_batch_of_text_that_does_not_fit_is_told_in_tokens(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory: the batch in tokens, and half of it as the option takes it, 0.02 s a token."""

    def full(self: TextEncoder, texts: list[str]) -> None:
        raise torch.OutOfMemoryError("out of memory")

    table = write_table(tmp_path, ["good good"] * 100)
    extraction = prepared(table, folders["bert"], tmp_path / "cache", batch_seconds=0.8)
    monkeypatch.setattr(TextEncoder, "hidden_states", full)
    with pytest.raises(CacheError, match="40 tokens") as caught:  # ten texts of four
        extraction.run()
    assert caught.value.code == "memory" and "`--batch-seconds 0.4`" in caught.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_a_transcript_that_is_too_long_is_named(folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Count, first ids and the limit stand in the error."""
    texts = some_texts()
    texts[5] = "good " * 63
    corpus = open_corpus(str(write_table(tmp_path, texts)))
    with pytest.raises(CorpusError, match=r"t005.*64 tokens.* 65") as caught:
        scan_text(corpus, opened(folders[kind]))
    assert caught.value.code == "transcript-too-long"


def test_text_has_no_latents(folders: dict[str, Path], tmp_path: Path) -> None:
    """The front end's output is of speech alone."""
    with pytest.raises(CacheError) as caught:
        prepared(write_table(tmp_path, some_texts()), folders["bert"], tmp_path / "cache", store="latents")
    assert caught.value.code == "store-of-speech"


def test_checksums_are_known_without_reading_all_audio(table: Path, tmp_path: Path) -> None:
    """Of files that were scanned all are known, of others a few; what has changed since is not taken as it was."""
    corpus, speech = open_corpus(str(table)), {"preprocessing": {}}
    spec = CorpusSpec.resolve(str(table))
    scanned = check_corpus(spec, Needs(audio=True), cache=tmp_path).scan.checksums
    memory = tmp_path / "small" / "audio.json"
    assert known_checksums(corpus.utterances, speech, memory) == scanned
    few = known_checksums(corpus.utterances, speech)
    assert 8 <= len(few) < 16 and few.items() <= scanned.items()
    assert known_checksums(with_audio(corpus, "u03", None).utterances, speech, memory) == {
        id_: checksum for id_, checksum in scanned.items() if id_ != "u03"
    }


def test_a_cache_of_other_audio_is_refused(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Where a user names a cache file, what it was made from is compared."""
    cache = Cache(extract(str(table), str(checkpoints["hubert"]), store="pooled", cache=tmp_path).path)
    corpus = open_corpus(str(table))
    refuse_other_inputs(cache, corpus)
    first, second = corpus.utterances[:2]
    with pytest.raises(CacheError, match=first.id) as caught:
        refuse_other_inputs(cache, with_audio(corpus, first.id, second.path))
    assert caught.value.code == "cache-other-audio"
