"""Whose a cache is: told by what it holds, whatever the corpus's file is called."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from builders import RATE, waveform

from probing.cache.format import parts_folder
from probing.cache.reader import Cache
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.errors import CacheError
from probing.extraction.cost import layout_of
from probing.extraction.extract import extract, prepare, prepared
from probing.extraction.inputs import Encoder
from probing.extraction.locate import cache_path, find_cache
from probing.extraction.options import ExtractOptions, ExtractPlace

IDS = [f"u{number}" for number in range(12)]
PARTITIONS = ["train"] * 6 + ["development"] * 2 + ["test1"] * 2 + ["test2"] * 2


def write_corpus(folder: Path, ids: Sequence[str] = IDS, seed: int = 0, name: str = "labels.csv") -> Path:
    """A table of short recordings; another seed gives other recordings under the same ids."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["id,path,partition,speaker,arousal"]
    for number, id_ in enumerate(ids):
        soundfile.write(folder / f"{id_}.wav", waveform(0.3 + 0.02 * number, 100 * seed + int(id_[1:])), RATE)
        partition = PARTITIONS[int(id_[1:]) % len(PARTITIONS)]
        lines.append(f"{id_},{id_}.wav,{partition},{partition},{number / 20}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


@pytest.fixture(scope="module")
def folder(checkpoints: dict[str, Path]) -> str:
    """A small encoder's folder."""
    return str(checkpoints["distilhubert"])


@pytest.fixture(scope="module")
def encoder(folder: str) -> Encoder:
    """The same, open."""
    return open_encoder(folder)


def cached(table: Path, encoder: str, root: Path, **options: object) -> Cache:
    """A pooled cache, freshly extracted or found."""
    return extract(str(table), encoder, store="pooled", cache=root, **options)


def found(table: Path | Corpus, encoder: Encoder, root: Path) -> Cache:
    """The cache that a reader finds."""
    corpus = table if isinstance(table, Corpus) else open_corpus(str(table))
    return find_cache(corpus, layout_of(corpus, encoder, "pooled"), root, "probe extract it")


def refused(table: Path | Corpus, encoder: Encoder, root: Path) -> CacheError:
    """The error that a reader gets; it says what to type."""
    with pytest.raises(CacheError) as caught:
        found(table, encoder, root)
    return caught.value


def tree(root: Path) -> dict[str, int]:
    """Everything below a folder with its time of change."""
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


def as_version_0_1_0(cache: Cache, root: Path, name: str = "labels") -> Path:
    """Move a cache to where version 0.1.0 made it: in a folder of the corpus's bare name."""
    old = root / name / cache.path.name
    old.parent.mkdir(exist_ok=True)
    parts_folder(cache.path).rename(parts_folder(old))
    cache.path.rename(old)
    cache.path.parent.rmdir()
    return old


def test_two_tables_of_one_name_get_two_caches(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Two folders' labels.csv: neither is refused, each reader finds its own, and both folders' names say labels."""
    tables = [write_corpus(tmp_path / "a", IDS[:9]), write_corpus(tmp_path / "b", [f"u{n}" for n in range(50, 60)])]
    caches = [cached(table, folder, tmp_path / "cache") for table in tables]
    assert caches[0].path.parent != caches[1].path.parent
    assert all(cache.path.parent.name.startswith("labels-") for cache in caches)
    for table, cache in zip(tables, caches, strict=True):
        assert found(table, encoder, tmp_path / "cache").path == cache.path
        assert cached(table, folder, tmp_path / "cache").path == cache.path


def test_a_noisy_copy_with_the_same_ids_gets_its_own(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Equal ids and lengths, other recordings: two caches, and each reader finds that of its audio."""
    clean, noisy = write_corpus(tmp_path / "clean"), write_corpus(tmp_path / "noisy", seed=1)
    caches = [cached(table, folder, tmp_path / "cache") for table in (clean, noisy)]
    assert caches[0].path != caches[1].path and caches[0].ids == caches[1].ids
    assert not np.array_equal(caches[0]["u3"]["mean"], caches[1]["u3"]["mean"])
    for table, cache in zip((clean, noisy), caches, strict=True):
        assert found(table, encoder, tmp_path / "cache").path == cache.path
        (tmp_path / "cache" / "labels" / "audio.json").unlink(missing_ok=True)  # then a few files are read
        assert found(table, encoder, tmp_path / "cache").path == cache.path


def test_a_corpus_that_shares_a_recording_gets_its_own(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """One of twelve recordings is the same: two corpora, neither of which stands in the other's way."""
    first, second = write_corpus(tmp_path / "a"), write_corpus(tmp_path / "b", seed=1)
    shutil.copy(tmp_path / "a" / "u4.wav", tmp_path / "b" / "u4.wav")
    caches = [cached(table, folder, tmp_path / "cache") for table in (first, second)]
    assert caches[0].path != caches[1].path
    for table, cache in zip((first, second), caches, strict=True):
        assert found(table, encoder, tmp_path / "cache").path == cache.path


def test_partitions_of_two_corpora_do_not_mix(folder: str, tmp_path: Path) -> None:
    """One partition of a noisy copy is not added to the cache that holds another partition of the clean corpus."""
    clean, noisy = write_corpus(tmp_path / "clean"), write_corpus(tmp_path / "noisy", seed=1)
    first = cached(clean, folder, tmp_path / "cache", partitions=("test2",))
    second = cached(noisy, folder, tmp_path / "cache", partitions=("train",))
    assert first.path != second.path
    assert len(Cache(first.path)) == 2 and len(second) == 6


def test_a_cache_of_version_0_1_0_is_used(
    folder: str, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read where it is, and extracting again computes nothing and makes no second one."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    old = as_version_0_1_0(cached(table, folder, root), root)
    monkeypatch.setattr(type(encoder), "trial", lambda _: torch.zeros(1))  # of opening
    monkeypatch.setattr(type(encoder), "hidden_states", None)  # would fail if called
    assert found(table, encoder, root).path == old
    assert cached(table, folder, root).path == old
    assert [path for path in root.rglob("*.h5") if path.parent.parent == root] == [old]


def test_a_foreign_cache_of_version_0_1_0_is_left_alone(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Another labels.csv's cache in the folder `labels` is neither read nor changed nor in the way."""
    root = tmp_path / "cache"
    old = as_version_0_1_0(cached(write_corpus(tmp_path / "a"), folder, root), root)
    before = tree(old.parent)
    other = write_corpus(tmp_path / "b", seed=1)
    assert refused(other, encoder, root).code == "cache-missing"
    assert cached(other, folder, root).path.parent != old.parent
    assert {path: time for path, time in tree(old.parent).items() if path in before and ".h5" in path} == {
        path: time for path, time in before.items() if ".h5" in path
    }


def test_an_unfinished_cache_of_version_0_1_0_is_resumed(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Its finished parts stay; only what is missing is extracted, beside them."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    old = as_version_0_1_0(cached(table, folder, root, part_seconds=1), root)
    old.unlink()
    gone, *kept = sorted(parts_folder(old).glob("part-*.h5"))
    gone.unlink()
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert kept and refused(table, encoder, root).code == "cache-unfinished"
    assert cached(table, folder, root, part_seconds=1).path == old
    assert {path: path.stat().st_mtime_ns for path in kept} == before


def test_a_corpus_that_grows_keeps_its_cache(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Its name changes with every utterance, its cache does not; what is lacking is said before."""
    few = cached(write_corpus(tmp_path / "a", IDS[:7]), folder, tmp_path / "cache")
    table = write_corpus(tmp_path / "a", IDS)
    error = refused(table, encoder, tmp_path / "cache")
    assert error.code == "cache-incomplete" and "probe extract it" in error.remedy
    whole = cached(table, folder, tmp_path / "cache")
    assert whole.path == few.path and sorted(whole.ids) == sorted(IDS)
    assert found(table, encoder, tmp_path / "cache").path == few.path
    assert cached(write_corpus(tmp_path / "a", IDS[:7]), folder, tmp_path / "cache").path == few.path


def test_partitions_one_by_one_share_a_cache(folder: str, tmp_path: Path) -> None:
    """Partitions have no utterance in common; they are still one corpus's, in whatever order they come."""
    table = write_corpus(tmp_path / "a")
    paths = {cached(table, folder, tmp_path / "cache", partitions=(name,)).path for name in ("test2", "train", "test1")}
    paths.add(cached(table, folder, tmp_path / "cache").path)
    assert len(paths) == 1
    assert sorted(Cache(paths.pop()).ids) == sorted(IDS)


def test_folds_share_a_cache(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Other partitions, speakers, ratings or order give another name, and the same cache."""
    table = write_corpus(tmp_path / "a")
    path = cached(table, folder, tmp_path / "cache").path
    header, *rows = table.read_text().splitlines()
    turned = [row.replace("test2", "held").replace("train", "test2").replace("held", "train") for row in rows[::-1]]
    table.write_text("\n".join([header, *turned]) + "\n")
    assert found(table, encoder, tmp_path / "cache").path == path
    assert cached(table, folder, tmp_path / "cache").path == path
    corpus = replace(open_corpus(str(table)), fold=3)
    assert corpus.title == "labels fold 3" and found(corpus, encoder, tmp_path / "cache").path == path


def test_a_corpus_may_move(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """The same files in another folder are the same corpus."""
    table = write_corpus(tmp_path / "a")
    path = cached(table, folder, tmp_path / "cache").path
    shutil.move(tmp_path / "a", tmp_path / "deep" / "b")
    moved = tmp_path / "deep" / "b" / "labels.csv"
    assert found(moved, encoder, tmp_path / "cache").path == path
    assert cached(moved, folder, tmp_path / "cache").path == path


def test_audio_that_changed_in_place_is_an_error(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Some recordings are other, some are the same: extract says which part to move away, a reader says to extract."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    path = cached(table, folder, root).path
    samples, rate = soundfile.read(tmp_path / "a" / "u4.wav", dtype="float32")
    soundfile.write(tmp_path / "a" / "u4.wav", samples[::-1], rate)
    with pytest.raises(CacheError, match="u4") as caught:
        cached(table, folder, root)
    assert caught.value.code == "cache-changed" and str(parts_folder(path)) in caught.value.why
    # The scan has remembered all files, so that the reader knows all of them.
    assert refused(table, encoder, root).code == "cache-other-audio"
    (parts_folder(path) / "part-00000.h5").unlink()
    assert cached(table, folder, root).path == path
    assert found(table, encoder, root).path == path


def test_without_audio_the_cache_file_must_be_named(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """The ids may be another corpus's: the error names every file that it can be, and nothing is taken by itself."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    path = cached(table, folder, root).path
    other = write_corpus(tmp_path / "b", seed=1)
    for file in (tmp_path / "b").glob("*.wav"):
        file.unlink()
    error = refused(other, encoder, root)
    assert error.code == "cache-unproven" and f"--cache {path}" in error.remedy
    second = cached(write_corpus(tmp_path / "b", seed=1), folder, root).path
    header, *rows = table.read_text().splitlines()
    bare = [",".join([row.split(",")[0], *row.split(",")[2:]]) for row in (header, *rows)]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "labels.csv").write_text("\n".join(bare) + "\n")  # no column of paths
    error = refused(tmp_path / "c" / "labels.csv", encoder, root)
    assert error.code == "cache-unproven" and f"--cache {path}" in error.remedy and f"--cache {second}" in error.remedy
    assert found(table, encoder, root).path == path  # its audio is there


def test_one_recording_proves_a_cache_unless_it_fits_two(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """What is left of the audio decides; where two caches hold that recording, the user must."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    path = cached(table, folder, root).path
    noisy = write_corpus(tmp_path / "b", seed=1)
    shutil.copy(tmp_path / "a" / "u0.wav", tmp_path / "b" / "u0.wav")
    other = cached(noisy, folder, tmp_path / "other").path
    for file in (tmp_path / "a").glob("*.wav"):
        if file.name != "u0.wav":
            file.unlink()
    assert found(table, encoder, root).path == path
    shutil.copytree(other.parent, root / other.parent.name)
    error = refused(table, encoder, root)
    assert error.code == "cache-ambiguous" and str(path) in error.what


def test_nothing_extracted_is_told_from_other_weights(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Each case has its code and the command to type."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    error = refused(table, encoder, root)
    assert error.code == "cache-missing" and "probe extract it" in error.remedy
    assert cache_path(open_corpus(str(table)), layout_of(open_corpus(str(table)), encoder, "pooled"), root) is None
    cached(table, folder, root, dtype="float32")
    error = refused(table, encoder, root)
    assert error.code == "cache-fingerprint" and "probe extract it" in error.remedy
    cached(write_corpus(tmp_path / "b", seed=1), folder, root)
    assert refused(table, encoder, root).code == "cache-fingerprint"


def test_a_damaged_cache_is_named(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """A reader is told of the damage, and extracting again mends the virtual file in its place."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    path = cached(table, folder, root).path
    path.write_bytes(b"no HDF5")
    assert refused(table, encoder, root).code == "cache-damaged"
    assert cached(table, folder, root).path == path
    assert found(table, encoder, root).path == path


def test_reading_writes_nothing(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """No lock, no folder, no memory of audio files: neither where a cache is found nor where there is none."""
    table, root = write_corpus(tmp_path / "a"), tmp_path / "cache"
    refused(table, encoder, root)
    prepare(str(table), folder, ExtractOptions("pooled"), ExtractPlace(root), dry=True)
    assert not root.exists()
    cached(table, folder, root)
    (root / "labels" / "audio.json").unlink()
    before = tree(tmp_path)
    found(table, encoder, root)
    prepare(str(table), folder, ExtractOptions("pooled"), ExtractPlace(root), dry=True)
    assert tree(tmp_path) == before


def test_a_name_with_signs_of_patterns_is_taken_as_it_is(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Brackets and stars in a table's name match nothing else."""
    table = write_corpus(tmp_path / "a", name="l[ab]*.csv")
    path = cached(table, folder, tmp_path / "cache").path
    assert path.parent.parent == tmp_path / "cache" and found(table, encoder, tmp_path / "cache").path == path


def test_the_place_of_the_built_in_corpus_may_be_taken(folder: str, encoder: Encoder, tmp_path: Path) -> None:
    """Its folder bears no digest; where another demo.csv's cache of 0.1.0 stands there, it is not overwritten."""
    root = tmp_path / "cache"
    table = write_corpus(tmp_path / "a", name="demo.csv")
    old = as_version_0_1_0(cached(table, folder, root), root, "demo")
    spec = CorpusSpec.resolve(str(write_corpus(tmp_path / "b", seed=1, name="demo.csv")))
    checked = replace(check_corpus(spec, Needs(audio=True), cache=tmp_path), spec=CorpusSpec("demo"))
    assert checked.name == "demo" and refused(checked.corpus, encoder, root).code == "cache-missing"
    with pytest.raises(CacheError) as caught:
        prepared(checked, encoder, ExtractOptions("pooled"), root)
    assert caught.value.code == "cache-other-corpus" and str(old) in caught.value.what
