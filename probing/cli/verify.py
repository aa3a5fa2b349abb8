"""`probe verify`: whether a cache is what the encoder gives."""

from __future__ import annotations

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, ENCODERS, corpus_options, encoder_options_of_old
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.extraction.options import CacheOptions, ExtractPlace, VerifyOptions


@command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options_of_old
@options_of(CacheOptions, "source", old={"cache": "--out"}, shown={"cache": {"metavar": "PATH"}})
@options_of(VerifyOptions, "options")
@options_of(ExtractPlace, "place")
def verify(
    corpus: CorpusSpec, encoder: EncoderSpec, source: CacheOptions, options: VerifyOptions, place: ExtractPlace
) -> None:
    """Check a cache against its encoder.

    Checks every part and checksum, and extracts a random sample again. Prints the relative error of each layer, so that
    the cost of the number format is known. The exit status is 1 if anything is wrong.

    \b
    Example: probe verify my/table.csv --scale 1 7 --encoder hubert-base --store pooled
    """
    from probing.extraction.verify import verify as run

    found = run(corpus, encoder, source, options, place)
    click.echo(found)
    if not found.passed:
        raise SystemExit(1)
