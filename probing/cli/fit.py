"""`probe fit`: probes fitted to a cache."""

from __future__ import annotations

import click

from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.cli.named import CORPORA, ENCODERS, corpus_options, encoder_options
from probing.cli.printing import fitted
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError
from probing.extraction.options import CacheOptions
from probing.probes.options import FitOptions, FitPlace

_SETTLED = ("encoder", "encoder_layers", "revision", "convolution", "store", "dtype")  # by a cache file


@command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options
@options_of(FitOptions, "options")
@options_of(CacheOptions, "source", shown={"cache": {"metavar": "PATH"}})
@options_of(FitPlace, "place")
def fit(corpus: CorpusSpec, encoder: EncoderSpec, options: FitOptions, source: CacheOptions, place: FitPlace) -> None:
    """Fit probes to cached hidden states.

    Prints the CCC of the weighted sum of layers, of the single layer that is best on development and of a control, with
    intervals by speaker; the run's folder holds the weight and the CCC of every layer.

    \b
    Example: probe fit --dim valence
             probe fit my/table.csv --scale 1 7 --encoder hubert-base --dim all --layers both --seeds 5
    """
    named = source.cache.suffix == ".h5"
    if named and (others := given(*_SETTLED)):
        raise OptionError(
            f"--cache {source.cache} and {others[0]}",
            "a cache file settles what was extracted and how",
            "name the file alone, or the folder of all caches with the options",
            code="exclusive",
        )
    from probing.probes.fit import fit as run

    click.echo(fitted(run(corpus, None if named else encoder, options, source, place)))
