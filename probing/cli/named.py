"""CORPUS and the encoder on a command line: what a user types becomes a `CorpusSpec` and an `EncoderSpec`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import click

from probing.cli.derive import options_of
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError
from probing.files import absolute
from probing.options import option

_Callback = Callable[..., Any]

CORPORA = """CORPUS is `demo` (built in); a table (path/to/table.csv, .tsv, .json, .jsonl or .parquet); a folder of
recordings whose names follow a --pattern, of a table for each partition (train.csv, test.csv), of Kaldi, audformat or
Hugging Face datasets; a release (msp-podcast:/path, iemocap:/path, msp-improv:/path); or a public corpus as it is
unpacked (crema-d:/path, emodb:/path, meld:/path, ravdess:/path, savee:/path, shemo:/path)."""
ENCODERS = """Encoders: hubert-base, distilhubert, wav2vec2-large-robust-12, wavlm-base-plus, data2vec-audio-base,
whisper-tiny, whisper-base and larger ones, w2v-bert-2.0, demo-hubert, demo-distilhubert; any HuBERT, wav2vec2 (XLS-R,
MMS), WavLM, data2vec-audio, conformer, UniSpeech, UniSpeech-SAT, Whisper, w2v-BERT 2.0, Parakeet, SEW, SEW-D or
Moonshine model of the Hugging Face hub (owner/name) or in a folder; and the folder of a finetune run, for its audio
encoder. tinybert, minilm-l6, demo-tinybert and any BERT, RoBERTa, XLM-R, DeBERTa, ModernBERT or other text encoder of
transformers read the transcripts instead. `@random` after a name gives the same architecture with random weights,
`@random:1`, `@random:2` … with others."""


@dataclass(frozen=True)
class CorpusOptions:
    """What opens a corpus, as it is typed."""

    scale: tuple[float, float] | None = option(
        None, "Lowest and highest possible rating in a table.", metavar="LOW HIGH", shown_default="0 1"
    )
    fold: int | None = option(
        None,
        "Fold to test on: of --split, or the session of iemocap (1 to 5) and msp-improv (1 to 6).",
        metavar="K",
        shown_default="the last",
    )


@dataclass(frozen=True)
class FoldsOptions:
    """Whether all folds of a corpus are tested, or one."""

    folds: str | None = option(
        None,
        "Test every fold in turn (`all`), and pool what they test; a fold whose run is there is not run again.",
        choices=("all",),
        shown_default="the fold that --fold names",
    )


@dataclass(frozen=True)
class WordsOptions:
    """What a system reads in place of the corpus's own words."""

    transcripts: str | None = option(
        None,
        "Table (columns id, text) whose transcripts replace the corpus's own (see probe transcribe).",
        metavar="FILE",
    )
    corrupt_words: float | None = option(
        None, "Corrupt the transcripts on purpose, at this word error rate (0 to 1).", metavar="RATE"
    )

    def __post_init__(self) -> None:
        rate = self.corrupt_words
        if rate is not None and not 0 <= rate <= 1:
            why = "it is not a share of the words"
            raise OptionError(f"--corrupt-words {rate:g}", why, "give a number from 0 to 1", code="option-bounds")


@dataclass(frozen=True)
class EncoderOptions:
    """What opens an encoder, as it is typed."""

    encoder: str = option("demo-hubert", "Name, hub id or folder of an encoder; see below.")
    encoder_layers: int | None = option(
        None, "Keep only the encoder's first K transformer layers.", metavar="K", shown_default="all"
    )
    revision: str | None = option(None, "Branch, tag or commit of a hub repository.")
    window: float | None = option(
        None,
        "Give a Whisper so many seconds at a time; it was trained with 30, and shorter windows change its answers.",
        metavar="SECONDS",
        shown_default="as trained",
    )
    convolution: bool = option(False, "Also keep the raw output of the convolutions, as layer C.")


def corpus_options(function: _Callback) -> _Callback:
    """CORPUS with --scale, --fold and how it is read; the callback takes a CorpusSpec, `corpus`."""

    @click.argument("corpus", default="demo")
    @options_of(CorpusOptions, "opened")
    @options_of(Reading, "reading")
    @wraps(function)
    def called(corpus: str, opened: CorpusOptions, reading: Reading, **values: Any) -> Any:
        return function(corpus=CorpusSpec.resolve(corpus, opened.scale, opened.fold, reading=reading), **values)

    return called


def corpus_and_words_options(function: _Callback) -> _Callback:
    """CORPUS with all that opens it and the words to read; the callback takes a CorpusSpec, `corpus`."""

    @corpus_options
    @options_of(WordsOptions, "words")
    @wraps(function)
    def called(corpus: CorpusSpec, words: WordsOptions, **values: Any) -> Any:
        table = None if words.transcripts is None else absolute(words.transcripts)
        return function(corpus=replace(corpus, transcripts=table, corrupt_words=words.corrupt_words), **values)

    return called


def transcripts_option(function: _Callback) -> _Callback:
    """--transcripts alone, below `corpus_options`; it becomes part of the CorpusSpec."""

    @options_of(WordsOptions, "words", without=("corrupt_words",))
    @wraps(function)
    def called(corpus: CorpusSpec, words: WordsOptions, **values: Any) -> Any:
        table = None if words.transcripts is None else absolute(words.transcripts)
        return function(corpus=replace(corpus, transcripts=table), **values)

    return called


def encoder_options(function: _Callback) -> _Callback:
    """--encoder with all that opens it; the callback takes an EncoderSpec, `encoder`."""
    return _encoder_options(function, old=False)


def encoder_options_of_old(function: _Callback) -> _Callback:
    """The same, where --encoder-layers was spelled --layers in version 0.1.0."""
    return _encoder_options(function, old=True)


def _encoder_options(function: _Callback, old: bool) -> _Callback:
    spellings = {"encoder_layers": "--layers"} if old else None

    @options_of(EncoderOptions, "typed", old=spellings)
    @wraps(function)
    def called(typed: EncoderOptions, **values: Any) -> Any:
        spec = EncoderSpec.resolve(typed.encoder, typed.encoder_layers, typed.revision, typed.convolution, typed.window)
        return function(encoder=spec, **values)

    return called
