"""`probe evaluate`: a trained system scored on a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, CorpusOptions, WordsOptions
from probing.cli.printing import evaluated
from probing.options import option
from probing.training.options import EvaluateOptions, EvaluatePlace

_OWN = {"shown_default": "the run's own"}


@dataclass(frozen=True)
class _Other:
    """The corpus, where it is another than the run's own."""

    corpus: str | None = option(
        None, "Corpus to evaluate on; see below.", metavar="CORPUS", shown_default="the one that it was trained on"
    )


@command(epilog=CORPORA, resumes=True)
@click.argument("run", type=click.Path(path_type=Path))
@options_of(_Other, "other")
@options_of(CorpusOptions, "opened", shown={"scale": _OWN, "fold": _OWN})
@options_of(WordsOptions, "words")
@options_of(EvaluateOptions, "options")
@options_of(EvaluatePlace, "place")
def evaluate(
    run: Path,
    other: _Other,
    opened: CorpusOptions,
    words: WordsOptions,
    options: EvaluateOptions,
    place: EvaluatePlace,
) -> None:
    """Score a fine-tuned RUN on every partition.

    Intervals are by speaker. On another corpus than its own, predictions are mapped through [0, 1] to that
    corpus's scale. The run is given the words that it was trained on, unless --transcripts names others, or `own` for
    the corpus's own. Predictions and scores go to RUN/evaluations/. Once it has finished, the same command prints its
    scores again.

    \b
    Example: probe evaluate runs/finetune-demo-demo-hubert
             probe evaluate runs/finetune-demo-demo-hubert --corpus my/table.csv --scale 1 7
    """
    from probing.runs.records import FinetuneRecord
    from probing.runs.store import read_kind
    from probing.training.evaluate import corpus_to_score
    from probing.training.evaluate import evaluate as score

    trained = read_kind(run, FinetuneRecord)
    corpus = corpus_to_score(trained, other.corpus, opened.scale, opened.fold, words.transcripts, words.corrupt_words)
    click.echo(evaluated(score(run, corpus, options, place), run))
