"""The command about words: `probe transcribe`."""

from __future__ import annotations

from pathlib import Path

import click

from probing.options import CORPORA, corpus_options, say_left_out, usable


@click.command(epilog=CORPORA)
@corpus_options
@click.option("--asr", required=True, help="A Whisper: openai/whisper-tiny, openai/whisper-base, any other, a folder.")
@click.option("--language", default="en", show_default=True, help="What is spoken, two letters.")
@click.option("--revision", default=None, help="Branch, tag or commit of a hub repository.")
@click.option("--batch", default=16, show_default=True, help="Pieces of audio in a batch; it changes no transcript.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [the GPU if there is one]")
@click.option("--out", type=click.Path(path_type=Path), help="Table to write.  [transcripts/<corpus>-<asr>.csv]")
def transcribe(
    corpus: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    asr: str,
    language: str,
    revision: str | None,
    batch: int,
    device: str | None,
    out: Path | None,
) -> None:
    """Write down what is said, with Whisper, and count its word errors against the corpus's own text.

    The table id,text is for --transcripts of probe check, finetune and evaluate. Killed at any instant, the same
    command goes on where it was.

    \b
    Example: probe transcribe my/table.csv --scale 1 7 --asr openai/whisper-base
    """
    from probing import run_transcribe
    from probing.corpus.check import leave_out_damaged, scan_audio
    from probing.encoders import settle_device
    from probing.recognise import Recogniser

    opened, left_out = usable(corpus, scale, allow_missing, audio=True, fold=fold)
    recogniser = Recogniser(asr, language, settle_device(device), revision)
    scan = scan_audio(opened.utterances)
    opened, left_out = leave_out_damaged(opened, scan, allow_missing, left_out)
    say_left_out(left_out)
    table = out or run_transcribe.default_table(opened, recogniser)
    click.echo(run_transcribe.run(opened, scan, recogniser, table, batch))
