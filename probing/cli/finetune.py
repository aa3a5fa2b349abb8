"""`probe finetune`: a full system trained end to end."""

from __future__ import annotations

from dataclasses import dataclass

import click

from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, FoldsOptions, corpus_and_words_options
from probing.cli.printing import system_sizes, trained
from probing.cli.there import demand_corpus, demand_encoder
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.options import option
from probing.training.options import FinetuneOptions, FinetunePlace

_SYSTEMS = """A system is an encoder, or an audio and a text encoder joined by +: distilhubert, hubert-base+tinybert,
path/to/a+path/to/b. `@random` after a part gives it random weights."""


@dataclass(frozen=True)
class _What:
    """What is trained, if anything."""

    system: str = option("demo-hubert", "System to train; see below.")
    list: bool = option(False, "Only print the six systems of Table 1 with their parameter counts.")
    dry_run: bool = option(
        False, "Only take three training steps, and print the time, memory and disk space that training will need."
    )


@command(epilog=f"{_SYSTEMS} {CORPORA}", resumes=True)
@corpus_and_words_options
@options_of(FoldsOptions, "over")
@options_of(_What, "what")
@options_of(FinetuneOptions, "options")
@options_of(FinetunePlace, "place")
def finetune(
    corpus: CorpusSpec, over: FoldsOptions, what: _What, options: FinetuneOptions, place: FinetunePlace
) -> None:
    """Fine-tune a full system: audio, text or both.

    The run's folder is named after corpus and system. If the command is killed, rerun it to resume from the last
    checkpoint; with other options it needs another --name. Once it has finished, it prints its scores again, and with
    more --seeds it adds trainings.

    \b
    Example: probe finetune my/table.csv --scale 1 7 --system distilhubert+tinybert --seeds 3
             probe finetune my/table.csv --split speaker:5 --folds all
             torchrun --nproc-per-node 4 -m probing finetune my/table.csv --scale 1 7 --system hubert-base
    """
    if what.list:
        from probing.systems.build import parameter_table

        click.echo(system_sizes(parameter_table()))
        return
    demand_corpus(corpus)
    demand_encoder(what.system)
    with without_collector():
        from probing.corpus.opening import every_fold
        from probing.training.finetune import finetune as one_fold
        from probing.training.finetune import forecast
        from probing.training.over_folds import finetune_folds

    if what.dry_run:
        found = forecast(corpus, what.system, options, place)
        click.echo(found)
        if over.folds:
            click.echo(found.all_of(len(every_fold(corpus))))
        return
    run = finetune_folds if over.folds else one_fold
    if record := run(corpus, what.system, options, place):  # None in all but the first of several processes
        click.echo(trained(record))
