"""`probe check`: what is in a corpus, and whether it can be used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, corpus_options, transcripts_option
from probing.cli.there import demand_corpus
from probing.corpus.spec import CorpusSpec
from probing.options import option, validate

if TYPE_CHECKING:
    from probing.corpus.overview import Overview


@dataclass(frozen=True)
class CheckOptions:
    """What counts as a failure, and how the answer is printed."""

    dims: tuple[str, ...] = option(
        ("all",),
        "Dimension or category that is to be learned, so that what a fit needs of it is asked for; may be repeated. "
        "`all` stands for those of arousal, valence and dominance that the corpus rates or, where nothing is rated, "
        "for its emotion.",
        flag="--dim",
        metavar="NAME",
    )
    allow_missing: int = option(0, "Exit with status 0 if there are up to N problems.", at_least=0, metavar="N")
    json: bool = option(False, "Print JSON for a program.")

    def __post_init__(self) -> None:
        validate(self)


@command(epilog=CORPORA)
@corpus_options
@transcripts_option
@options_of(CheckOptions, "options")
def check(corpus: CorpusSpec, options: CheckOptions) -> None:
    """Audit a corpus before any work.

    Prints partitions, seconds, speakers, labels, how far raters agree, and every problem: what is missing, damaged or
    constant, recordings that a test partition shares with train or development, and speakers of test2 (unseen) who are
    there. The exit status is 1 if there are more problems than --allow-missing. Of the built-in corpus it also prints
    what is known to be true: the best score that any listener could reach from prosody, from words and from both.

    \b
    Example: probe check my/table.csv --scale 1 7
    """
    demand_corpus(corpus)
    from probing.corpus.overview import check as audit

    found = audit(corpus, options.dims)
    click.echo(json.dumps(_content(found), indent=2, ensure_ascii=False) if options.json else found)
    if corpus.prefix == "demo" and not options.json:
        from probing.demo import script, truth

        click.echo(f"\n{truth.report(script.plan())}")
    if found.count > options.allow_missing:
        raise SystemExit(1)


def _content(found: Overview) -> dict[str, Any]:
    """What is in a corpus, JSON-ready."""
    from probing.corpus.histograms import agreement, class_counts, seconds_of, speakers_of

    partitions = {}
    for name, group in found.corpus.partitions.items():
        seconds = float(seconds_of(group, found.scan).sum())
        partitions[name] = {
            "utterances": len(group),
            "hours": round(seconds / 3600, 4),
            "seconds": round(seconds, 3),
            "speakers": speakers_of(group),
        }
    raters = agreement(found.corpus)
    return {
        "corpus": found.corpus.title,
        "scale": list(found.corpus.scale),
        "dimensions": list(found.corpus.dimensions),
        "categories": class_counts(found.corpus),
        "partitions": partitions,
        "agreement": {target: None if own.alpha != own.alpha else own.alpha for target, own in raters.items()},
        "seen": {partition: list(numbers) for partition, numbers in found.leaks.seen.items()},
        "leaks": list(found.leaks.stated),
        "notes": list(found.notes),
        "problems": list(found.problems),
        "count": found.count,
    }
