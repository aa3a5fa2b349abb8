"""`probe extract`: corpus × encoder → cache."""

from __future__ import annotations

from dataclasses import dataclass

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, ENCODERS, corpus_options, encoder_options_of_old
from probing.cli.printing import say_left_out
from probing.cli.there import demand_corpus, demand_encoder
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.encoders.spec import EncoderSpec
from probing.extraction.options import ExtractOptions, ExtractPlace
from probing.options import option


@dataclass(frozen=True)
class _Forecast:
    """Whether anything is extracted."""

    dry_run: bool = option(
        False, "Only print hours, frames or tokens, bytes, free disk and, by a short timing, how long it will take."
    )


@command(epilog=f"{CORPORA} {ENCODERS}", resumes=True)
@corpus_options
@encoder_options_of_old
@options_of(ExtractOptions, "options")
@options_of(ExtractPlace, "place", old={"cache": "--out"})
@options_of(_Forecast, "forecast")
def extract(
    corpus: CorpusSpec, encoder: EncoderSpec, options: ExtractOptions, place: ExtractPlace, forecast: _Forecast
) -> None:
    """Run a frozen encoder over a corpus and cache all hidden states.

    If it is killed, rerun the command to resume. Several processes that run the same command at once share the work:
    each takes the next part that no other is writing.

    \b
    Example: probe extract my/table.csv --scale 1 7 --encoder hubert-base --store pooled
             torchrun --nproc-per-node 4 -m probing extract my/table.csv --scale 1 7 --encoder hubert-base
    """
    demand_corpus(corpus)
    demand_encoder(encoder)
    with without_collector():
        from probing.extraction.extract import prepare

    prepared = prepare(corpus, encoder, options, place, dry=forecast.dry_run)
    say_left_out(prepared.checked.left_out)
    click.echo(prepared.forecast, err=not forecast.dry_run)
    if forecast.dry_run:
        from probing.extraction.timing import timed

        click.echo(timed(prepared))
        return
    whole = prepared.path.is_file() and not prepared.forecast.n_bytes_left
    cache = prepared.run()
    if whole:
        click.echo("the cache was complete already; nothing was extracted", err=True)
    waiting = "other processes are still writing parts; the last of them to finish completes the cache"
    click.echo(cache.path if cache else waiting)
