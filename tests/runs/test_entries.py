"""The parts of a record: a corpus has its digest in file names, a system knows what it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import entry_of, identity_of, write_run
from corpora import save_table

from probing.corpus.checked import Needs, check_corpus
from probing.corpus.identity import Identity
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.runs.entries import Clusters, CorpusEntry, corpus_entry


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (entry_of("demo", 1), "demo"),
        (entry_of("labels", 1), f"labels-{identity_of('labels').short}"),
        (CorpusEntry("iemocap", "iemocap fold 2", CorpusSpec("iemocap:/I"), (1, 5), {}), "iemocap_fold_2"),
        (CorpusEntry("..", "..", CorpusSpec("/d/...csv"), (0, 1), {}, Identity("0")), f"_-{Identity('0').short}"),
        (CorpusEntry("..", "..", CorpusSpec("/d/...csv"), (0, 1), {}), "_"),
    ],
)
def test_a_corpus_has_its_digest_in_file_names(entry: CorpusEntry, name: str) -> None:
    """Except for the built-in one, and for runs of version 0.1.0, which have none; a name is never a path."""
    assert entry.file_name == name


def test_a_corpus_is_recorded_as_it_was_checked(tmp_path: Path) -> None:
    """Counts, scale, what was left out, and what intervals resample; a fit gives the digests of its cache."""
    table = save_table(tmp_path, cells={(0, "text"): "", (7, "speaker"): ""})
    checked = check_corpus(CorpusSpec.resolve(str(table)), Needs(text=True), allow_missing=1)
    entry = corpus_entry(checked)
    assert (entry.name, entry.title, entry.scale, entry.left_out) == ("labels", "labels", (0.0, 1.0), ("u0",))
    assert entry.utterances == {"train": 3, "development": 1, "test1": 1, "test2": 2}
    assert entry.clusters["train"] == Clusters("speaker", 2) and entry.clusters["test2"] == Clusters("utterance", 2)
    assert entry.identity == checked.identity and entry.file_name == checked.name
    other = Identity("0" * 16)
    assert corpus_entry(checked, other).identity == other


def test_a_system_hears_and_reads_what_its_parts_do(tmp_path: Path) -> None:
    """Audio, text or both."""
    systems = [write_run(tmp_path, audio, text).system for audio, text in (("a", None), (None, "t"), ("a", "t"))]
    assert [(system.hears, system.reads) for system in systems] == [(True, False), (False, True), (True, True)]


def test_what_is_shared_is_said_unless_a_partition_s_name_says_it():
    """Leaks, and the speakers that are seen: those of test1 only where some of them are new."""
    entry = CorpusEntry("c", "c", CorpusSpec("/d/c.csv"), (1, 5), {}, seen={"test1": (20, 20)})
    assert entry.shared == ()
    entry = replace(entry, leaks=("2 recordings …",), seen={"test1": (3, 4), "test": (12, 20)})
    assert entry.shared == ("leak: 2 recordings …", "test1, seen: 3 of 4 speakers", "test, seen: 12 of 20 speakers")


def test_titles_have_the_release_and_the_label_map_and_file_names_do_not():
    """Results on two releases are never compared, and proxies are no ratings; runs keep their names."""
    entry = CorpusEntry("msp-podcast", "msp-podcast fold 2", CorpusSpec("msp-podcast:/M"), (1, 7), {}, release="1.11")
    assert entry.full_title == "msp-podcast 1.11 fold 2"
    assert (entry.title, entry.file_name) == ("msp-podcast fold 2", "msp-podcast_fold_2")
    mapped = CorpusSpec("/d/c.csv", reading=Reading(label_map="pad"))
    assert CorpusEntry("c", "c", mapped, (0, 1), {}).full_title == "c (proxy ratings)"
