"""`probe layers`: what each layer contains, words or sound, and which of them carries the emotion."""

from __future__ import annotations

import click

from probing.analysis.options import NONE, LayersOptions
from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, ENCODERS, corpus_options, encoder_options
from probing.cli.printing_layers import analysed
from probing.cli.there import demand_corpus, demand_encoder, demand_run
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.encoders.spec import EncoderSpec
from probing.extraction.options import CacheOptions
from probing.probes.options import ProbesPlace


@command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options
@options_of(LayersOptions, "options")
@options_of(CacheOptions, "source", without=("store",))
@options_of(ProbesPlace, "place")
def layers(
    corpus: CorpusSpec,
    encoder: EncoderSpec,
    options: LayersOptions,
    source: CacheOptions,
    place: ProbesPlace,
) -> None:
    """Analyse what each layer contains: words or sound, and which of them carries the emotion.

    Splits the R² of every layer into what it has in common with a text encoder (words), with acoustic measures (sound)
    and with both; says what else a layer tells (pitch, rate, channel, speaker …); erases words, sound and speaker from
    each layer and probes again; compares layers with one another and with those of other encoders; and measures with
    how few ratings a layer gives a dimension.

    Reads the caches of the encoder, of the text encoder and of those beside, which `probe extract --store pooled`
    makes, and measures the recordings once. Prints the findings; contents.csv in the run's folder holds every number
    (docs/contents.md says what its columns are), and `probe figure contents RUN` draws them.

    \b
    Example: probe layers demo
             probe layers my/table.csv --scale 1 7 --encoder hubert-base --text minilm-l6 --beside distilhubert
             probe layers demo --encoder runs/finetune-demo-demo-hubert --system runs/finetune-demo-demo-hubert
    """
    demand_corpus(corpus)
    text = () if options.text in (None, NONE) else (options.text,)
    for one in (encoder, *text, *options.beside):
        demand_encoder(one)
    if options.system is not None:
        demand_run(options.system)
    with without_collector():
        from probing.analysis.layers import layers as run

    click.echo(analysed(run(corpus, encoder, options, source, place)))
