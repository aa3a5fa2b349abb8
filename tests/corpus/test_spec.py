"""What a user types to name a corpus holds from every folder, and is printed so that it can be typed again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probing.corpus.spec import PREFIXES, CorpusSpec, exact

# Anything that a file may be called, with a preference for what could be mistaken for something else.
NAMES = st.one_of(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.sampled_from(["demo", "iemocap:x", "msp-podcast:", "-x", "--scale", "~", "~root", "...", "a b", "'", "x.csv"]),
).filter(lambda name: name not in (".", ".."))
NUMBERS = st.floats(-1e6, 1e6)


@st.composite
def folders(draw: st.DrawFn) -> str:
    """A path of one to three folders."""
    return "/".join(draw(st.lists(NAMES, min_size=1, max_size=3)))


@st.composite
def typed_specs(draw: st.DrawFn, here: str) -> CorpusSpec:
    """A spec as it is made of what is typed in a folder, of any kind and with any options."""
    place = draw(st.one_of(folders(), folders().map(lambda path: f"{here}/{path}")))
    kind = draw(st.sampled_from(["demo", "table", *PREFIXES]))
    table = f"{place}{draw(st.sampled_from(['.csv', '.tsv', '.CSV', '.Tsv', '...csv']))}"
    typed = {"demo": "demo", "table": f"{here}/{table}" if draw(st.booleans()) else f"./{table}"}
    return CorpusSpec.resolve(
        typed.get(kind, f"{kind}:{here}/{place}"),
        draw(st.none() | st.tuples(NUMBERS, NUMBERS)),
        draw(st.none() | st.integers(-3, 9)),
        draw(st.none() | st.just(f"{here}/{draw(folders())}")),
        draw(st.none() | st.floats(0, 1)),
    )


def parsed(words: list[str]) -> CorpusSpec:
    """What a command line with these words names."""
    typed, *options = words
    assert not typed.startswith("-")
    given_options: dict[str, object] = {}
    while options:
        flag = options.pop(0)
        taken = [options.pop(0) for _ in range(2 if flag == "--scale" else 1)]
        given_options[flag] = taken if flag == "--scale" else taken[0]
    scale, fold, rate = (given_options.get(flag) for flag in ("--scale", "--fold", "--corrupt-words"))
    return CorpusSpec.resolve(
        typed,
        tuple(map(float, scale)) if scale else None,
        None if fold is None else int(fold),
        given_options.get("--transcripts"),
        None if rate is None else float(rate),
    )


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), elsewhere=st.booleans())
def test_what_is_printed_can_be_typed_again(tmp_path, data, elsewhere):
    """In the same folder and in another one, for any path, scale, fold, transcripts and rate."""
    before = Path.cwd()
    try:
        os.chdir(tmp_path)
        spec = data.draw(typed_specs(str(tmp_path)))
        os.chdir("/" if elsewhere else tmp_path)
        assert parsed(spec.words()) == spec
    finally:
        os.chdir(before)


def test_paths_are_absolute_whatever_is_typed_where(tmp_path, monkeypatch):
    """So a record opens its corpus from every folder."""
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    typed = ["../t.csv", "./../a/../t.csv", str(tmp_path / "t.csv")]
    specs = {CorpusSpec.resolve(one, transcripts=Path("words.tsv")) for one in typed}
    (spec,) = specs
    assert (spec.source, spec.transcripts) == (str(tmp_path / "t.csv"), str(tmp_path / "a/words.tsv"))
    monkeypatch.chdir("/")
    assert spec.path == tmp_path / "t.csv"


def test_paths_are_shown_relative_to_the_present_folder(tmp_path, tmp_path_factory, monkeypatch):
    """As a user would type them there; from elsewhere they are absolute."""
    monkeypatch.chdir(tmp_path)
    specs = [
        CorpusSpec.resolve("data/t.csv", (1, 7), transcripts="w.csv"),
        CorpusSpec.resolve("iemocap:data/I", fold=2),
    ]
    assert [spec.words() for spec in specs] == [
        ["data/t.csv", "--scale", "1", "7", "--transcripts", "w.csv"],
        ["iemocap:data/I", "--fold", "2"],
    ]
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert specs[1].words() == [f"iemocap:{tmp_path}/data/I", "--fold", "2"]


@pytest.mark.parametrize(
    ("typed", "prefix", "name"),
    [
        ("demo", "demo", "demo"),
        ("a/b.csv", "table", "b"),
        ("a/b.CSV", "table", "b"),
        ("a/b.tsv", "table", "b"),
        ("data/v1.2", "table", "v1.2"),
        ("data/v1.2.csv", "table", "v1.2"),
        ("...csv", "table", ".."),
        ("demo:x.csv", "table", "demo:x"),
        ("./iemocap:x.csv", "table", "iemocap:x"),
        ("iemocap:/data/I", "iemocap", "iemocap"),
        ("msp-podcast:/data/labels.csv", "msp-podcast", "msp-podcast"),
        ("iemocap", "table", "iemocap"),
        ("demo:x", "table", "demo:x"),
    ],
)
def test_prefix_and_name(typed, prefix, name):
    """A release is known by its prefix and a path; everything else but demo is a table, or nothing that exists."""
    spec = CorpusSpec.resolve(typed)
    assert (spec.prefix, spec.name) == (prefix, name)
    assert (spec.path is None) == (prefix == "demo")


def test_whole_numbers_and_floats_are_one_spec():
    """A scale given in Python and one typed on a command line are the same."""
    spec = CorpusSpec.resolve("t.csv", (1, 7))
    assert spec == CorpusSpec.resolve("t.csv", (1.0, 7.0))
    assert all(type(end) is float for end in spec.scale)


def test_a_home_folder_is_expanded_and_a_file_that_begins_like_one_is_not(tmp_path, monkeypatch):
    """`~/x.csv` is in the home folder; `~x.csv` is a file, where no user has that name."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    assert CorpusSpec.resolve("~/x.csv").source == "/home/me/x.csv"
    assert CorpusSpec.resolve("~nobody-of-this-name.csv").source == str(tmp_path / "~nobody-of-this-name.csv")


def test_other_words_can_be_taken_off():
    """What is left names the corpus with its own words."""
    spec = CorpusSpec.resolve("t.csv", (1, 7), transcripts="w.csv", corrupt_words=0.1)
    assert spec.without_other_words() == CorpusSpec.resolve("t.csv", (1, 7))


@given(NUMBERS)
def test_numbers_are_printed_with_all_their_digits(number):
    """Whatever number it is."""
    assert float(exact(number)) == number
