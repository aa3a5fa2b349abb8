"""`probe evaluate`: a trained system scored on a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from probing.cli.command import command
from probing.cli.derive import given, options_of
from probing.cli.named import CORPORA, CorpusOptions, WordsOptions
from probing.cli.printing import evaluated
from probing.cli.there import demand_corpus, demand_run, typed_run
from probing.corpus.reading import Reading
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.errors import OptionError
from probing.options import option
from probing.training.options import EvaluateOptions, EvaluatePlace

_OWN = {"shown_default": "the run's own"}


@dataclass(frozen=True)
class _Other:
    """The corpus, where it is another than the run's own, and which version of a published model."""

    corpus: str | None = option(
        None, "Corpus to evaluate on; see below.", metavar="CORPUS", shown_default="the one that it was trained on"
    )
    revision: str | None = option(None, "Branch, tag or commit of a model on the hub.", shown_default="main")
    encoder: str | None = option(
        None, "Encoder of a fit run, if the run does not name it or it has moved.", metavar="NAME"
    )


@command(epilog=CORPORA, resumes=True)
@click.argument("run", callback=typed_run)
@options_of(_Other, "other")
@options_of(CorpusOptions, "opened", shown={"scale": _OWN, "fold": _OWN})
@options_of(Reading, "reading")
@options_of(WordsOptions, "words")
@options_of(EvaluateOptions, "options")
@options_of(EvaluatePlace, "place")
def evaluate(
    run: Path,
    other: _Other,
    opened: CorpusOptions,
    reading: Reading,
    words: WordsOptions,
    options: EvaluateOptions,
    place: EvaluatePlace,
) -> None:
    """Score a fine-tuned RUN, a fit's probes, or a published model, on every partition.

    Intervals are by speaker. On another corpus than its own, predictions are mapped through [0, 1] to that
    corpus's scale. The run is given the words that it was trained on, unless --transcripts names others, or `own` for
    the corpus's own. Predictions and scores go to RUN/evaluations/. Once it has finished, the same command prints its
    scores again.

    RUN may also be a fit: its probes with learned layer weights (or else of its best layer) read the hidden states of
    the corpus from a cache, which `probe extract` makes.

    RUN may also be a published emotion model, a folder or a hub id, of the layout of audEERING's
    (audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim) or of the Odyssey 2024 baseline's
    (3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes and those of one dimension). It needs --corpus; the evaluation is
    a run of its own in --runs. These models learned MSP-Podcast's ratings, 1 to 7, as 0 to 1. Code that comes with a
    model is never run.

    \b
    Example: probe evaluate runs/finetune-demo-demo-hubert
             probe evaluate runs/finetune-demo-demo-hubert --corpus my/table.csv --scale 1 7
             probe evaluate audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim --corpus my/table.csv --scale 1 7
    """
    demand_run(run, published=True, runs=place.runs)
    if other.corpus is not None:
        demand_corpus(CorpusSpec.resolve(other.corpus, opened.scale, opened.fold, reading=reading))
    with without_collector():
        from probing.runs.published import names_published
        from probing.training.evaluate import evaluate as score
        from probing.training.scored import read_trained
        from probing.training.scored_corpus import corpus_to_score

    published = names_published(run)
    needless = [] if published else given("runs")
    if needless:
        why = "a run's evaluations are kept with it"
        raise OptionError(f"{needless[0]} changes nothing", why, "leave it out", code="no-effect")
    trained = None if published else read_trained(run)
    heard = words.transcripts, words.corrupt_words
    corpus = corpus_to_score(trained, other.corpus, opened.scale, opened.fold, *heard, reading)
    click.echo(evaluated(score(run, corpus, options, place, other.revision, other.encoder), run))
