"""`probe transcribe`: what is said in a corpus, written down by Whisper."""

from __future__ import annotations

from dataclasses import dataclass

import click

from probing.asr.options import TranscribeOptions, TranscribePlace, demand_recogniser
from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.named import CORPORA, corpus_options
from probing.cli.printing import say_left_out, transcribed
from probing.cli.there import demand_corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.importing import without_collector
from probing.options import option


@dataclass(frozen=True)
class _Asr:
    """Who listens."""

    asr: str = option(None, "Whisper model: openai/whisper-base, any other of the hub, or a folder.", required=True)


@command(epilog=CORPORA, resumes=True)
@corpus_options
@options_of(_Asr, "recogniser")
@options_of(TranscribeOptions, "options")
@options_of(TranscribePlace, "place")
def transcribe(corpus: CorpusSpec, recogniser: _Asr, options: TranscribeOptions, place: TranscribePlace) -> None:
    """Transcribe a corpus with Whisper.

    Word errors are counted against the corpus's own text. The table id,text that it writes is for --transcripts of
    probe check, finetune and evaluate. If it is killed, rerun the command to resume.

    \b
    Example: probe transcribe my/table.csv --scale 1 7 --asr openai/whisper-base
    """
    demand_corpus(corpus)
    demand_recogniser(recogniser.asr)
    with without_collector():
        from probing.asr.transcribe import transcribe as run

    found = run(corpus, recogniser.asr, options, place)
    say_left_out(found.left_out)
    click.echo(transcribed(found))
