"""A folder of recordings without a pattern is refused with how many they are, and with a pattern that reads them."""

from __future__ import annotations

import shlex

import pytest
from corpora import names_all, refusal

from probing.corpus.opening import open_corpus
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError

_NAMES = [(speaker, emotion, take) for speaker in ("s1", "s2") for emotion in ("joy", "sad") for take in "123"]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{}_{}_{}.wav", "{speaker}_{emotion}_{id}.wav"),
        ("{}/{}/{}.flac", "{speaker}/{emotion}/{id}.flac"),
        ("X-{}_{}-{}.wav", "X-{speaker}_{emotion}-{id}.wav"),
    ],
)
def test_a_pattern_is_guessed_that_reads_the_names(tmp_path, form, pattern):
    """As it is typed from the message, it gives the speakers and emotions that were put into the names."""
    for parts in _NAMES:
        path = tmp_path / form.format(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path))
    assert names_all(error, "12 recordings", f"iemocap:{tmp_path}")
    typed = shlex.split(error.remedy[error.remedy.index("--pattern") :].split("; ")[0])
    assert typed == ["--pattern", pattern]
    corpus = open_corpus(CorpusSpec.resolve(str(tmp_path), reading=Reading(pattern=typed[1])))
    found = sorted((u.speaker, u.categories["emotion"]) for u in corpus.utterances)
    assert found == sorted((speaker, emotion) for speaker, emotion, _ in _NAMES)


@pytest.mark.parametrize(
    "names", [["a_b_1", "c_2"], ["x{1", "y{2"], ["__1", "__2"], ["a", "b"], ["it's_a_1", "it's_b_2"]]
)
def test_names_without_a_common_form_get_the_usual_pattern(tmp_path, names):
    """Whatever characters they have."""
    for name in names:
        (tmp_path / f"{name}.wav").touch()
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path))
    assert names_all(error, "2 recordings", "'{speaker}_{emotion}_{id}.wav'")


def test_a_public_corpus_is_known_by_its_names(tmp_path):
    """Of all of them: its prefix is then what to type, and no pattern."""
    for name in ("03-01-05-01-01-01-01", "03-01-04-01-02-01-02"):
        (tmp_path / f"{name}.wav").touch()
    error = refusal(CorpusError, "corpus-unknown", open_corpus, str(tmp_path))
    assert names_all(error, "2 recordings", f"ravdess:{tmp_path}") and "--pattern" not in error.remedy
