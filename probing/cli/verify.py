"""`probe verify`: whether a cache is what the encoder gives."""

from __future__ import annotations

from dataclasses import replace
from shlex import join

import click

from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.cli.named import CORPORA, ENCODERS, corpus_options, encoder_options_of_old
from probing.cli.there import demand_cache, demand_corpus, demand_encoder
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.encoders.spec import EncoderSpec, resolved
from probing.errors import OptionError
from probing.extraction.options import CacheOptions, ExtractPlace, VerifyOptions

_OF_CACHES = "corpus scale fold encoder convolution store dtype cache sample allow_missing".split()


@command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options_of_old
@click.option(
    "--padding", metavar="ENCODER", help="Measure how far padded batches of this encoder are off; needs no corpus."
)
@options_of(CacheOptions, "source", old={"cache": "--out"}, shown={"cache": {"metavar": "PATH"}})
@options_of(VerifyOptions, "options")
@options_of(ExtractPlace, "place")
def verify(
    corpus: CorpusSpec,
    encoder: EncoderSpec,
    padding: str | None,
    source: CacheOptions,
    options: VerifyOptions,
    place: ExtractPlace,
) -> None:
    """Check a cache against its encoder, or an encoder's padded batches.

    Checks every part and checksum, and extracts a random sample again. Prints the relative error of each layer, so that
    the cost of the number format is known. The exit status is 1 if anything is wrong.

    With --padding ENCODER no cache is read. A few made-up utterances of different lengths are run by transformers' own
    model, each alone and all in an ordinary padded batch, with an attention mask and without, and in a batch as
    `probe extract` runs them. Prints how far each layer of a batch is from the utterance alone; with --window also how
    far a Whisper's states are from those with the window that it was trained with. The exit status is 1 if a batch
    of `probe extract` is off by more than 1e-5.

    \b
    Example: probe verify my/table.csv --scale 1 7 --encoder hubert-base --store pooled
             probe verify --padding hubert-base@random
             probe verify --padding whisper-base --window 10
    """
    if padding is not None:
        _verify_padding(replace(encoder, name=resolved(padding)), options.seed, place.device)
        return
    demand_corpus(corpus)
    demand_encoder(encoder)
    demand_cache(source.cache)
    with without_collector():
        from probing.extraction.verify import verify as run

    found = run(corpus, encoder, source, options, place)
    click.echo(found)
    if encoder.window is not None:
        words = replace(encoder, convolution=False).words()[1:]
        click.echo(f"how far this window is from the trained one: {join(['probe', 'verify', '--padding', *words])}")
    if not found.passed:
        raise SystemExit(1)


def _verify_padding(encoder: EncoderSpec, seed: int, device: str | None) -> None:
    """Print how far an encoder's padded batches are off.

    Raises:
        OptionError: An option of caches was typed (code `no-effect`).
    """
    if idle := given(*_OF_CACHES):
        what = f"{' and '.join(word if word.startswith('-') else word.upper() for word in idle)} beside --padding"
        why = "--padding measures the encoder that it names, on utterances of its own, and reads no cache"
        raise OptionError(what, why, "leave it out", code="no-effect")
    demand_encoder(encoder)
    with without_collector():
        from probing.extraction.padding import measure_padding

    found = measure_padding(encoder, device, seed)
    click.echo(found)
    if not found.passed:
        raise SystemExit(1)
