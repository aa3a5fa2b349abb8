"""Folders of recordings whose names say what is in them: what a pattern means, and what it refuses."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probing.corpus.opening import open_corpus
from probing.corpus.readers.folders import pattern
from probing.corpus.readers.folders.naming import compiled
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError


def folder_of(folder: Path, *names: str) -> Path:
    """A folder with empty files of these names: only their names are read."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def opened(folder: Path, names: str):
    """The corpus that a command line with --pattern opens."""
    return open_corpus(CorpusSpec.resolve(str(folder), reading=Reading(pattern=names)))


def test_fields_are_columns(tmp_path):
    """A folder named by speaker and emotion is a corpus with a category, and nothing but audio is looked at."""
    names = [f"{speaker}_{emotion}_{take}.wav" for speaker in "ab" for emotion in ("joy", "fear") for take in "12"]
    folder_of(tmp_path, *names, "README.md", "a_joy_1.txt", ".hidden_joy_1.wav")
    corpus = opened(tmp_path, "{speaker}_{emotion}_{id}.wav")
    assert [u.id for u in corpus.utterances] == sorted(name.removesuffix(".wav") for name in names)
    assert [u.path for u in corpus.utterances] == [tmp_path / f"{u.id}.wav" for u in corpus.utterances]
    assert all(u.id.startswith(f"{u.speaker}_{u.categories['emotion']}") for u in corpus.utterances)
    assert corpus.classes("emotion") == ("fear", "joy")


def test_digits_of_a_field_are_names_but_ratings_are_ratings(tmp_path):
    """A code is no number; a field that is called arousal is one."""
    folder_of(
        tmp_path, *(f"{code}_{rating}_s{n}.wav" for code in ("01", "02") for rating in ("0.5", "1") for n in "12")
    )
    corpus = opened(tmp_path, "{emotion}_{arousal}_{speaker}")
    assert corpus.classes("emotion") == ("01", "02") and corpus.dimensions == ("arousal",)
    assert {u.labels["arousal"] for u in corpus.utterances} == {0.5, 1.0}


@pytest.mark.parametrize(
    ("names", "path", "said"),
    [
        ("{speaker}/{emotion}/*.wav", "x/y/s1/joy/a_b.wav", {"speaker": "s1", "emotion": "joy"}),
        ("{speaker}/*_{emotion}", "s1/a_b_joy.flac", {"speaker": "s1", "emotion": "joy"}),
        (
            "{speaker:2}{text:3}{emotion:1}{id}",
            "03a01Fa.wav",
            {"speaker": "03", "text": "a01", "emotion": "F", "id": "a"},
        ),
        ("{emotion}{id:2}", "sa03.wav", {"emotion": "sa", "id": "03"}),
        ("{a}__{b}", "x_y__z.wav", {"a": "x_y", "b": "z"}),
        ("{a}.{b}.wav", "x.y.wav", {"a": "x", "b": "y"}),
        ("{a}.{b}", "x.y.wav", {"a": "x", "b": "y"}),
        ("s({a})+.wav", "s(1)+.wav", {"a": "1"}),
        ("{a}_{b}.wav", "x_y.WAV", None),
        ("{a}_{b}", "x_y_z.wav", {"a": "x", "b": "y_z"}),
        ("{emotion}_{id}", "amused_1-28_0001.wav", {"emotion": "amused", "id": "1-28_0001"}),
        ("*_{b}", "x_y_z.wav", {"b": "z"}),
        ("s1_{speaker}_{emotion}.wav", "s1_s1_joy.wav", {"speaker": "s1", "emotion": "joy"}),
        (
            "03-01-{emotion}-{how}-*-{speaker}.flac",
            "03-01-03-01-01-01-05.flac",
            {"emotion": "03", "how": "01", "speaker": "05"},
        ),
        ("{a}aba{b:1}", "xababay.wav", {"a": "xab", "b": "y"}),
        ("{a}_{b}_*", "x_y_z_1.wav", {"a": "x", "b": "y"}),
        ("{a}_{b}", "_y.wav", None),
        ("{a}/{b}", "y.wav", None),
        ("{a:3}", "ab.wav", None),
    ],
)
def test_a_name_has_one_reading_or_none(names, path, said):
    """A field never holds the text that separates it from the next; it may hold the text before it."""
    assert compiled(names)[1](path) == said


TOKENS = st.one_of(
    st.text("a_", min_size=1, max_size=3),
    st.sampled_from(["{}", "{:1}", "{:2}", "*"]),
)


def readings(tokens: list[str], name: str) -> Iterator[list[str]]:
    """All readings of a name, by trying every way to cut it; what is meant first: short fields, long stars."""
    if not tokens:
        yield from [] if name else [[]]
        return
    token, rest = tokens[0], tokens[1:]
    behind = rest[0] if rest and rest[0][0] not in "{*" else None
    if token == "*":
        ends = range(len(name), -1, -1)
    elif token == "{}":
        ends = [end for end in range(1, len(name) + 1) if behind is None or behind not in name[:end]]
    elif token[0] == "{":
        ends = [int(token[2])] if len(name) >= int(token[2]) else []
    else:
        ends = [len(token)] if name.startswith(token) else []
    for end in ends:
        said = [name[:end]] if token[0] == "{" else []
        yield from (said + others for others in readings(rest, name[end:]))


@given(tokens=st.lists(TOKENS, min_size=1, max_size=6), name=st.text("ab_", min_size=1, max_size=9))
def test_what_is_read_is_what_trying_every_way_to_cut_a_name_finds_first(tokens, name):
    """And a pattern is refused where nothing separates two parts that have any length."""
    lengths = "".join({"*": "o", "{}": "o"}.get(token, "w" if token[0] == "{" else "t") for token in tokens)
    named = "".join(token.replace("{", f"{{f{number}") for number, token in enumerate(tokens))
    joined = re.sub("t+", "t", lengths)
    if "{" not in named or re.search("ow*o", joined):
        with pytest.raises(CorpusError) as error:
            compiled(named)
        assert error.value.code == "pattern"
        return
    texts = ["".join(group) if kind else list(group) for kind, group in groupby(tokens, lambda token: token[0] in "a_")]
    merged = [token for group in texts for token in ([group] if isinstance(group, str) else group)]
    said, expected = compiled(named)[1](f"{name}.wav"), next(readings(merged, name), None)
    assert (said if said is None else [*said.values()]) == expected


def test_a_name_that_almost_fits_costs_no_time():
    """However many stars there are: each would multiply the time by the length of the name."""
    started = time.process_time()
    for stars in (6, 60):
        assert compiled("*_" * stars + "x{a}.flac")[1]("_" * 240 + ".flac") is None
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("corpus", "names", "path", "said"),
    [
        ("TESS", "{speaker}_{text}_{emotion}", "OAF_back_angry.wav", "OAF back angry"),
        ("ESD", "{speaker}/{emotion}/*", "0011/Angry/0011_000351.wav", "0011 Angry"),
        ("EmoV-DB", "{speaker}/{emotion}_*_{id}", "bea/anger_1-28_0011.wav", "bea anger 0011"),
        (
            "SUBESCO",
            "{sex}_{n}_{speaker}_S_{s}_{emotion}_{id}",
            "F_02_MONIKA_S_1_NEUTRAL_5.wav",
            "F 02 MONIKA 1 NEUTRAL 5",
        ),
        ("JL", "{speaker}_{emotion}_*", "female1_angry_10a_1.wav", "female1 angry"),
        ("MESD", "{emotion}_{voice}_{list}_{text}", "Anger_C_A_abajo.wav", "Anger C A abajo"),
        ("EMOVO", "{emotion}-{speaker}-{text}", "f1/dis-f1-b1.wav", "dis f1 b1"),
    ],
)
def test_patterns_for_public_corpora(corpus, names, path, said):
    """With whose names, as their authors or users show them, nothing but a pattern is needed."""
    assert " ".join(compiled(names)[1](path).values()) == said, corpus


@given(
    values=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="/_\0"), min_size=1), min_size=1, max_size=5
    )
)
def test_what_a_name_is_made_of_is_read_from_it(values):
    """Whatever the fields contain, but for the text between them."""
    names = "_".join(f"{{f{number}}}" for number in range(len(values)))
    said = compiled(f"{names}.wav")[1]("_".join(values) + ".wav")
    assert said is not None and list(said.values()) == [value.strip() for value in values]


@pytest.mark.parametrize(
    "names",
    [
        "",
        "x.wav",
        "{a}{b}",
        "{a}*",
        "{a}{b:2}{c}",
        "*{a:2}*",
        "*{a}",
        "{a}_**",
        "{a}_{a}",
        "{a",
        "a}",
        "{}",
        "{a b}",
        "{1}",
        "{a:0}",
        "{path}",
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(names, tmp_path):
    """Before any file is looked for."""
    with pytest.raises(CorpusError) as error:
        pattern.read(tmp_path, names)
    assert error.value.code == "pattern" and "{speaker}" in error.value.remedy


def test_a_pattern_has_no_more_fields_than_a_name_can_have():
    """A bound, since each costs time for every name."""
    names = [f"{{f{number}:1}}" for number in range(31)]
    assert len(compiled("".join(names[:30]))[0]) == 30
    with pytest.raises(CorpusError) as error:
        compiled("".join(names))
    assert error.value.code == "pattern"
    with pytest.raises(CorpusError) as error:
        compiled("{a}" + "_*" * 100)
    assert error.value.code == "pattern"


def test_ids_name_no_two_recordings_alike(tmp_path):
    """The field, else the name, else the path, else the path with its ending."""
    folder_of(tmp_path / "a", "s1_1.wav", "s2_2.wav")
    assert pattern.read(tmp_path / "a", "{speaker}_{id}").columns["id"] == ["1", "2"]
    folder_of(tmp_path / "a", "s2_1.wav")
    assert pattern.read(tmp_path / "a", "{speaker}_{id}").columns["id"] == ["s1_1", "s2_1", "s2_2"]
    folder_of(tmp_path / "a", "deep/s1_1.wav")
    assert pattern.read(tmp_path / "a", "{speaker}_{id}").columns["id"][0] == "deep/s1_1"
    folder_of(tmp_path / "a", "s1_1.mp3")
    assert "s1_1.mp3" in pattern.read(tmp_path / "a", "{speaker}_{id}").columns["id"]


def test_recordings_that_do_not_fit_are_named(tmp_path):
    """They are left out, and the corpus says so."""
    notes = opened(folder_of(tmp_path, "a_joy.wav", "b_joy.wav", "noise.wav"), "{speaker}_{emotion}").notes
    assert any("1 recording does not fit the pattern and is left out: noise.wav" in note for note in notes)


def test_a_folder_that_no_pattern_can_read(tmp_path):
    """None fits, none is there, or there is no folder; another ending is told from another name."""
    folder_of(tmp_path / "a", "a_joy.flac")
    cases = [("a", "{speaker}_{emotion}.wav", "pattern-unmatched"), ("a", "{speaker}-{emotion}", "pattern-unmatched")]
    cases += [("b", "{speaker}", "no-audio"), ("c", "{speaker}", "folder-missing")]
    (tmp_path / "b").mkdir()
    remedies = []
    for name, names, code in cases:
        with pytest.raises(CorpusError) as error:
            opened(tmp_path / name, names)
        assert error.value.code == code
        remedies.append(error.value.remedy)
    assert "'{speaker}_{emotion}'" in remedies[0] and "{id}" in remedies[1]
