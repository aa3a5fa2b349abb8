"""A command gets what it reads of a corpus, or stops before any work; a read writes nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from corpora import corpus_of, names_all, record, refusal, save_table, whole_corpus, write
from hypothesis import given
from hypothesis import strategies as st

from probing.corpus.checked import Needs, audio_memory, check_corpus, corpus_name, settle_dims
from probing.corpus.identity import Identity
from probing.corpus.model import Corpus, Utterance
from probing.corpus.overview import check
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError, OptionError

NEEDS = {
    "audio": (Needs(audio=True), "path"),
    "text": (Needs(text=True), "text"),
    "labels": (Needs(dims=("arousal",)), "arousal"),
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder of caches that is not there yet."""
    return tmp_path / "cache"


def spec_of(table: Path, **options: object) -> CorpusSpec:
    """A table on [0, 1]."""
    return CorpusSpec.resolve(str(table), **options)


@pytest.mark.parametrize("kind", NEEDS)
class TestNeeds:
    """One utterance lacks something."""

    def test_a_command_that_reads_it_stops_with_the_option(self, tmp_path, cache, kind):
        """Count, id and --allow-missing are named; nothing has been written."""
        needs, column = NEEDS[kind]
        spec = spec_of(save_table(tmp_path, cells={(2, column): ""}))
        error = refusal(CorpusError, "utterances-lack", check_corpus, spec, needs, cache=cache)
        assert names_all(error, "1 of 8", "u2", "--allow-missing 1")
        assert not cache.exists()

    def test_other_commands_go_on(self, tmp_path, cache, kind):
        """A need for something else does not stop for it."""
        spec = spec_of(save_table(tmp_path, cells={(2, NEEDS[kind][1]): ""}))
        for other in NEEDS.keys() - {kind}:
            found = check_corpus(spec, NEEDS[other][0], cache=cache)
            assert (len(found.corpus), found.left_out) == (8, ())

    def test_it_is_left_out_where_that_is_allowed(self, tmp_path, cache, kind):
        """And named."""
        needs, column = NEEDS[kind]
        found = check_corpus(spec_of(save_table(tmp_path, cells={(2, column): ""})), needs, 1, cache)
        assert found.left_out == ("u2",)
        assert [u.id for u in found.corpus.utterances] == ["u0", "u1", "u3", "u4", "u5", "u6", "u7"]


def test_what_is_too_short_for_an_encoder_stops_or_is_left_out(tmp_path, cache):
    """It is named before any long work, though it decodes; other encoders take it."""
    spec = spec_of(save_table(tmp_path))
    shortest = 500
    record(tmp_path / "u3.wav", shortest)
    needs = Needs(audio=True, frames=lambda samples: samples - shortest)
    error = refusal(CorpusError, "audio-unusable", check_corpus, spec, needs, cache=cache)
    assert names_all(error, "1 of 8", "u3.wav", f"{shortest} samples", "--allow-missing 1")
    found = check_corpus(spec, needs, 1, cache)
    assert found.left_out == ("u3",) and len(found.corpus) == 7
    assert not check_corpus(spec, Needs(audio=True), cache=cache).left_out


def test_audio_is_decoded_and_damaged_files_stop(tmp_path, cache):
    """Together with what is missing, up to the number allowed."""
    table = save_table(tmp_path, cells={(0, "path"): ""})
    (tmp_path / "u5.wav").write_bytes(b"")
    spec, needs = spec_of(table), Needs(audio=True)
    error = refusal(CorpusError, "audio-unusable", check_corpus, spec, needs, 1, cache)
    assert names_all(error, "u5.wav", "--allow-missing 2")
    found = check_corpus(spec, needs, 2, cache)
    assert found.left_out == ("u0", "u5")
    assert set(found.scan.samples) == set(found.scan.checksums) == {f"u{row}" for row in (1, 2, 3, 4, 6, 7)}


def test_audio_is_not_touched_by_a_command_that_does_not_decode_it(tmp_path, cache):
    """Its files may be anywhere."""
    table = save_table(tmp_path)
    for file in tmp_path.glob("*.wav"):
        file.unlink()
    found = check_corpus(spec_of(table), Needs(text=True, dims=("all",)), cache=cache)
    assert (found.scan.samples, found.identity.audio) == ({}, None)
    assert not cache.exists()


def test_only_some_partitions_are_read(tmp_path, cache):
    """What the others lack does not count; an unknown one is refused."""
    spec = spec_of(save_table(tmp_path, cells={(0, "text"): ""}))
    found = check_corpus(spec, Needs(text=True, partitions=("test1", "test2")), cache=cache)
    assert [u.id for u in found.corpus.utterances] == ["u5", "u6", "u7"]
    refusal(CorpusError, "partition-unknown", check_corpus, spec, Needs(partitions=("test3",)))


def test_a_test_partition_without_ratings_is_kept_with_a_note(tmp_path, cache):
    """It can be predicted, and the note is part of what a record says."""
    table = save_table(tmp_path, cells={(6, "arousal"): "", (7, "arousal"): ""})
    found = check_corpus(spec_of(table), Needs(dims=("arousal", "valence")), cache=cache)
    assert len(found.corpus) == 8
    (note,) = found.corpus.notes
    assert "test2" in note and "arousal" in note


# The memory of audio


def test_a_read_writes_nothing(tmp_path, cache):
    """With remember=False there is neither a memory nor a lock nor a folder, and the memory there is stays as it is."""
    spec = spec_of(save_table(tmp_path / "corpus"))
    before = sorted(tmp_path.rglob("*"))
    found = check_corpus(spec, Needs(audio=True), cache=cache, remember=False)
    assert sorted(tmp_path.rglob("*")) == before
    check_corpus(spec, Needs(audio=True), cache=cache)
    memory = audio_memory(spec, cache)
    record(tmp_path / "corpus/u0.wav", seed=9)
    (memory.parent / f"{memory.name}.lock").unlink(missing_ok=True)
    there = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = check_corpus(spec, Needs(audio=True), cache=cache, remember=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == there
    assert again.identity.audio != found.identity.audio


def test_processes_that_start_at_the_same_time_decode_once(tmp_path, cache, monkeypatch):
    """The second waits for the first, and reads what it remembers."""
    from probing.corpus import scan as module

    decoded, measure = [], module.measure_parts
    monkeypatch.setattr(module, "measure_parts", lambda path, parts: (decoded.append(path), measure(path, parts))[1])
    spec = spec_of(save_table(tmp_path))
    threads = [threading.Thread(target=lambda: check_corpus(spec, Needs(audio=True), cache=cache)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in decoded) == [f"u{row}.wav" for row in range(8)]


def test_a_folder_of_caches_that_may_not_be_written_is_read(tmp_path, cache, monkeypatch, capsys):
    """What is remembered is read without a claim; a new file is decoded, and it is said once that it is forgotten."""
    spec = spec_of(save_table(tmp_path / "corpus"))
    first = check_corpus(spec, Needs(audio=True), cache=cache)
    lock = audio_memory(spec, cache).with_name("audio.json.lock")
    lock.unlink(missing_ok=True)

    def read_only(path: Path, wait: bool = False) -> None:
        raise PermissionError(13, "Permission denied", f"{path}.lock")

    monkeypatch.setattr("probing.corpus.checked.claim", read_only)
    assert check_corpus(spec, Needs(audio=True), cache=cache).scan == first.scan
    assert not lock.exists()
    record(tmp_path / "corpus/u0.wav", seed=9)
    assert capsys.readouterr().err == ""
    found = check_corpus(spec, Needs(audio=True), cache=cache)
    assert len(found.scan.samples) == 8 and found.scan.checksums["u0"] != first.scan.checksums["u0"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "audio.json" in said[0] and "Permission denied" in said[0]


# Other words


@pytest.mark.parametrize(
    ("options", "flag"), [({"transcripts": "w.csv"}, "--transcripts"), ({"corrupt_words": 0.1}, "--corrupt-words")]
)
def test_other_words_are_refused_where_no_text_is_read(tmp_path, options, flag):
    """Before anything is opened."""
    spec = spec_of(tmp_path / "absent.csv", **options)
    assert names_all(refusal(OptionError, "no-effect", check_corpus, spec, Needs(audio=True)), flag)


def test_other_words_are_read_and_the_corpus_stays_the_same(tmp_path, cache):
    """Its identity is that of its own words; where the words come from is told apart."""
    table = save_table(tmp_path)
    other = write(tmp_path / "asr.csv", "id,text", *(f"u{row},heard {row}" for row in range(8)))
    needs = Needs(text=True)
    own, heard, damaged, both = (
        check_corpus(spec_of(table, **options), needs, cache=cache)
        for options in ({}, {"transcripts": other}, {"corrupt_words": 1.0}, {"transcripts": other, "corrupt_words": 1})
    )
    assert own.identity == heard.identity == damaged.identity == both.identity
    assert own.name == heard.name == damaged.name
    assert [u.text for u in heard.corpus.utterances] == [f"heard {row}" for row in range(8)]
    assert [found.words.method for found in (own, heard, damaged, both)] == [
        "human",
        "recognised",
        "corrupted",
        "corrupted",
    ]
    assert len({found.words.name for found in (own, heard, damaged, both)}) == 4
    assert heard.words.wer["train"]["wer"] == 0.5  # one of two words is another
    assert all(a.text != b.text for a, b in zip(damaged.corpus.utterances, own.corpus.utterances, strict=True))


def test_transcripts_stand_in_for_texts_that_are_missing(tmp_path, cache):
    """A corpus without words can be read by a recogniser's."""
    table = save_table(tmp_path, cells={(row, "text"): "" for row in range(8)})
    other = write(tmp_path / "asr.csv", "id,text", *(f"u{row},heard {row}" for row in range(8)))
    found = check_corpus(spec_of(table, transcripts=other), Needs(text=True), cache=cache)
    assert (len(found.corpus), found.left_out, found.words.wer) == (8, (), {})


# Names


def test_a_name_has_the_digest_and_two_corpora_of_one_title_have_two(tmp_path, cache):
    """Nothing of one can overwrite the other's."""
    first, second = (
        check_corpus(spec_of(save_table(tmp_path / folder, cells={(0, "arousal"): label})), Needs(), cache=cache)
        for folder, label in (("a", "0.1"), ("b", "0.2"))
    )
    assert first.corpus.title == second.corpus.title == "labels"
    assert first.name == f"labels-{first.identity.short}" != second.name


def test_the_built_in_corpus_has_no_digest_in_its_name():
    """There is one only; a table that is called demo has one, and a run of version 0.1.0 has none."""
    identity = Identity("0" * 16)
    assert corpus_name("demo", CorpusSpec.resolve("demo"), identity) == "demo"
    assert corpus_name("demo", CorpusSpec.resolve("demo.csv"), identity) == f"demo-{identity.short}"
    swapped = Reading(columns=(("arousal", "valence"), ("valence", "arousal")))
    for reading in (swapped, Reading(split="random:3"), Reading(categories=("text",)), Reading(label_map="pad")):
        assert corpus_name("demo", CorpusSpec.resolve("demo", reading=reading), identity) == f"demo-{identity.short}"
    assert corpus_name("labels", CorpusSpec.resolve("labels.csv"), None) == "labels"


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=12))
def test_a_table_s_name_never_leads_out_of_a_folder(stem):
    """Whatever it is called: `...csv` has the stem `..`."""
    spec = CorpusSpec(f"/data/{stem}.csv")
    for name in (corpus_name(spec.name, spec, Identity("0" * 16)), corpus_name(spec.name, spec, None)):
        assert name and "/" not in name and not name.startswith(".")
    memory = audio_memory(spec, Path("/cache"))
    assert memory.parent.parent == Path("/cache") and memory.parent.name not in ("", ".", "..")


def test_dimensions_are_settled_once_each():
    """`all` stands for the emotions that are rated, or else for all dimensions."""
    corpus = whole_corpus()
    assert settle_dims(corpus, ["all"]) == ("arousal", "valence")
    assert settle_dims(corpus, ["valence", "all", "valence"]) == ("valence", "arousal")
    assert settle_dims(corpus, ["joy"]) == ("joy",)


def test_categories_stand_for_all_where_nothing_is_rated():
    """That of emotion alone, by whichever of its usual names; all but those of voices where none has one."""

    def named(*categories: str, labels: dict[str, float] | None = None) -> Corpus:
        return corpus_of(Utterance("u", None, "train", labels=labels or {}, categories=dict.fromkeys(categories, "x")))

    assert settle_dims(named("sex", "label", "EmoClass"), ["all"]) == ("EmoClass",)
    assert settle_dims(named("emotion", "label", "sex"), ["sex", "all"]) == ("sex", "emotion")
    assert settle_dims(named("utterance", "emo", "sex"), ["all"]) == ("emo",)
    assert settle_dims(named("style", "sex", "actor", "accent"), ["all"]) == ("accent", "style")
    assert settle_dims(named("gender"), ["all"]) == () and settle_dims(named("gender"), ["gender"]) == ("gender",)
    assert settle_dims(named("emotion", labels={"joy": 2.0}), ["all"]) == ("joy",)
    assert settle_dims(named(), ["all"]) == ()


def test_a_test_partition_that_is_misspelt_is_not_silently_learned_beside(tmp_path, cache):
    """What would be checked as test2 is not, under another name: `check` says so, and so does what learns."""
    spec = spec_of(save_table(tmp_path, cells={(6, "partition"): "tets2", (7, "partition"): "tets2"}))
    note = "partition tets2 is not test2: correct its name, if it is that"
    assert note in check_corpus(spec, Needs(learns=True), cache=cache).corpus.notes
    assert note in check(spec).notes


def test_audio_that_is_nowhere_is_looked_for_beside_the_table(tmp_path, cache):
    """One problem for all, and the folder to type; what is merely lacking keeps its own line."""
    spec = spec_of(save_table(tmp_path / "meta"))
    (tmp_path / "meta" / "wavs" / "16k").mkdir(parents=True)
    (tmp_path / "meta/u0.wav").rename(tmp_path / "meta/wavs/16k/u0.wav")
    assert "wavs" not in str(refusal(CorpusError, "audio-unusable", check_corpus, spec, Needs(audio=True), cache=cache))
    for file in (tmp_path / "meta").glob("*.wav"):
        file.rename(tmp_path / "meta/wavs/16k" / file.name)
    error = refusal(CorpusError, "audio-unusable", check_corpus, spec, Needs(audio=True), cache=cache)
    typed = f"--audio-root {tmp_path / 'meta/wavs/16k'}"
    assert names_all(error, "none of 8 audio files", typed)
    found = check(spec)
    (line,) = [line for line in found.problems if "audio file" in line]
    assert typed in line and found.count - len(found.problems) == 7
    there = spec_of(spec.path, reading=Reading(audio_root=str(tmp_path / "meta/wavs/16k")))
    assert not any("audio file" in line for line in check(there).problems)
