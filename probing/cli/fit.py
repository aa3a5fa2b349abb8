"""`probe fit`: probes fitted to a cache."""

from __future__ import annotations

from dataclasses import dataclass, fields

import click

from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.cli.named import CORPORA, ENCODERS, FoldsOptions, corpus_options, encoder_options
from probing.cli.printing_fit import fitted
from probing.cli.there import demand_cache, demand_corpus, demand_encoder
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError
from probing.extraction.options import CacheOptions
from probing.options import option
from probing.probes.options import FitOptions, FitPlace, paper_words


@dataclass(frozen=True)
class _Forecast:
    """Whether anything is fitted."""

    dry_run: bool = option(
        False, "Only print, by a short timing, how long it will take; with --extract also to extract."
    )


_SETTLED = ("encoder", "encoder_layers", "revision", "convolution", "store", "dtype", "extract")  # by a cache file


@command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@options_of(FoldsOptions, "over")
@encoder_options
@click.option("--paper", is_flag=True, help=f"The paper's own settings where it states them: {paper_words()}.")
@options_of(FitOptions, "options")
@options_of(CacheOptions, "source", shown={"cache": {"metavar": "PATH"}})
@options_of(FitPlace, "place")
@options_of(_Forecast, "forecast")
def fit(
    corpus: CorpusSpec,
    over: FoldsOptions,
    encoder: EncoderSpec,
    paper: bool,
    options: FitOptions,
    source: CacheOptions,
    place: FitPlace,
    forecast: _Forecast,
) -> None:
    """Fit probes to cached hidden states.

    Every fit begins with ridge probes of every layer: which of them tells of a dimension, by cross-validated R² with
    intervals over speakers, is the importance to quote. Then come probes that are trained: a learned sum of all layers,
    single layers, and the same sum on permuted labels and on resampled speakers. Prints scores with intervals, where
    each dimension is, and the findings; the run's folder holds every number.

    Frames are read batch by batch, but ridge probes need the pooled states of all utterances in memory: utterances ×
    layers × hidden size × 4 bytes, about 40 KB an utterance with 13 layers of 768 units.

    \b
    Example: probe fit --dim valence
             probe fit --head ridge (a first look, in seconds)
             probe fit my/table.csv --scale 1 7 --encoder hubert-base --dim all --layers both --seeds 5
             probe fit my/table.csv --split speaker:5 --folds all
             probe fit my/recordings --pattern '{speaker}_{emotion}_{id}.wav' --split speaker:5 --extract
    """
    named = source.cache.suffix == ".h5"
    if named and (others := given(*_SETTLED)):
        raise OptionError(
            f"--cache {source.cache} and {others[0]}",
            "a cache file settles what was extracted and how",
            "name the file alone, or the folder of all caches with the options",
            code="exclusive",
        )
    typed = [one.name for one in fields(FitOptions) if given(one.name)]
    if paper:
        options = FitOptions.paper(**{name: getattr(options, name) for name in typed})
    if idle := given(*(name for name in typed if name in options.without_effect)):
        raise OptionError(
            " and ".join(idle),
            f"with --head {options.head} --layers {options.layers} it changes nothing",
            "leave it out",
            code="no-effect",
        )
    demand_corpus(corpus)
    demand_encoder(encoder)
    demand_cache(source.cache)
    opened = None if named else encoder
    if forecast.dry_run:
        with without_collector():
            from probing.probes.cost import forecast as measure

        click.echo(measure(corpus, opened, options, source, place, over.folds is not None))
        return
    with without_collector():
        if over.folds:
            from probing.probes.over_folds import fit_folds as run
        else:
            from probing.probes.fit import fit as run

    click.echo(fitted(run(corpus, opened, options, source, place)))
