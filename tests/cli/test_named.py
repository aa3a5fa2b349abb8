"""CORPUS and --encoder become specs with paths that hold from every folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from commands import typed

from probing.cli.command import command
from probing.cli.named import corpus_and_words_options, encoder_options_of_old
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec


@command()
@corpus_and_words_options
@encoder_options_of_old
def show(corpus: CorpusSpec, encoder: EncoderSpec) -> None:
    """Print both."""
    click.echo(json.dumps([corpus.to_json(), encoder.to_json()]))


def shown(*words: object) -> list[dict[str, Any]]:
    """What the command was given."""
    found: list[dict[str, Any]] = json.loads(typed(show, *words).stdout)
    return found


def test_the_built_in_world_is_the_default() -> None:
    """Nothing typed is the built-in corpus and its encoder."""
    assert shown() == [CorpusSpec("demo").to_json(), EncoderSpec("demo-hubert").to_json()]


def test_all_that_names_a_corpus_and_an_encoder_is_taken(here: Path) -> None:
    """A table with its scale, other words, and an encoder in a folder."""
    (here / "mine").mkdir()
    words = "x.csv --scale 1 7 --transcripts t.csv --corrupt-words .2 --encoder mine --encoder-layers 2 --convolution"
    corpus = CorpusSpec(str(here / "x.csv"), (1.0, 7.0), None, str(here / "t.csv"), 0.2)
    encoder = EncoderSpec(str(here / "mine"), 2, None, True)
    assert shown(*words.split()) == [corpus.to_json(), encoder.to_json()]
    release = shown("iemocap:release", "--fold", 3, "--encoder", "a/b", "--revision", "main")
    assert release == [
        CorpusSpec(f"iemocap:{here}/release", fold=3).to_json(),
        EncoderSpec("a/b", revision="main").to_json(),
    ]


def test_the_words_of_a_spec_can_be_typed_again(here: Path) -> None:
    """What a record says of a corpus and an encoder leads to the same specs."""
    corpus = CorpusSpec(str(here / "x.csv"), (1.0, 7.5), None, str(here / "t.csv"), 0.2)
    encoder = EncoderSpec("a/b", 3, "v1", True)
    assert shown(*corpus.words(), *encoder.words()) == [corpus.to_json(), encoder.to_json()]


def test_how_a_corpus_is_read_can_be_typed_again(here: Path) -> None:
    """Each option as often as it was typed, with folders that hold from everywhere; a map that ships stays a name."""
    reading = Reading(
        "speaker:5", (("path", "file"), ("speaker", "who")), ("code", "take"), str(here / "a b"), "{id}.wav", "shipped"
    )
    corpus = CorpusSpec(str(here / "x.parquet"), fold=2, reading=reading)
    assert shown(*corpus.words()) == [corpus.to_json(), EncoderSpec("demo-hubert").to_json()]
    words = "x.jsonl --column path=a=b --audio-root sounds --label-map maps/mine.csv"
    read = shown(*words.split())[0]["reading"]
    assert read == {
        "columns": [["path", "a=b"]],
        "audio_root": str(here / "sounds"),
        "label_map": str(here / "maps/mine.csv"),
    }


def test_the_number_of_layers_had_another_spelling() -> None:
    """`--layers K` of extract and verify still works, and says how it is spelled now."""
    result = typed(show, "--layers", 2)
    assert json.loads(result.stdout)[1]["layers"] == 2 and "--encoder-layers" in result.stderr
