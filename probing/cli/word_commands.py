"""The commands about words and one's own recordings: `probe transcribe`, `probe predict`."""

from __future__ import annotations

from pathlib import Path

import click

from probing.cli.options import CORPORA, corpus_options, say_left_out, usable


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
    from probing.asr import transcribe as run_transcribe
    from probing.asr.recogniser import Recogniser
    from probing.corpus.audit import leave_out_damaged
    from probing.corpus.scan import scan_audio
    from probing.encoders.speech import settle_device

    opened, left_out = usable(corpus, scale, allow_missing, audio=True, fold=fold)
    recogniser = Recogniser(asr, language, settle_device(device), revision)
    scan = scan_audio(opened.utterances)
    opened, left_out = leave_out_damaged(opened, scan, allow_missing, left_out)
    say_left_out(left_out)
    table = out or run_transcribe.default_table(opened, recogniser)
    click.echo(run_transcribe.run(opened, scan, recogniser, table, batch))


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--encoder", help="Of a fit: its encoder, where the run does not say how it is opened, or it has moved.")
@click.option("--text", help="What is said, for a system that reads.")
@click.option("--asr", help="Write down what is said on the way, with this Whisper.")
@click.option("--language", default="en", show_default=True, help="What is spoken, for --asr; two letters.")
@click.option("--window", type=float, metavar="SECONDS", help="Cut recordings into windows.  [the whole]")
@click.option("--hop", type=float, metavar="SECONDS", help="From one window to the next.  [a window]")
@click.option("--plot", type=click.Path(path_type=Path), metavar="PATH", help="Draw the estimates over time.")
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="Write the table here, not to stdout.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [the GPU if there is one]")
def predict(
    run: Path,
    files: tuple[str, ...],
    encoder: str | None,
    text: str | None,
    asr: str | None,
    language: str,
    window: float | None,
    hop: float | None,
    plot: Path | None,
    out: Path | None,
    device: str | None,
) -> None:
    """Estimate any recordings with a fine-tuned RUN or fitted probes, on the scale of the corpus they were trained on.

    FILE is an audio file, a folder or a pattern. The table is CSV: file, start, end (s), the dimensions, and the text
    where it reads. Of a fit the probes with learned layer weights are read, or, where it has none, those of the layer
    that is best on development. A file that cannot be decoded is named on stderr, the others are done, and the exit
    status is 1.

    \b
    Example: probe predict runs/finetune-demo-demo-hubert interview.flac --window 5 --hop 2.5 --plot interview.png
    """
    from probing.asr.recogniser import Recogniser
    from probing.audio.windows import windows
    from probing.encoders.speech import settle_device
    from probing.errors import ProbingError
    from probing.predict import recordings as run_predict
    from probing.predict.predictor import open_run

    if text is not None and asr:
        raise ProbingError("--text and --asr", "both say what is said", "give one of them")
    windows(1, window, hop)  # what cannot be cut is refused before any work
    if plot:
        run_predict.refuse_plot(plot)
    for path in (out, plot):
        if path:
            run_predict.refuse_place(path)
    device = settle_device(device)
    predictor = open_run(run, device, encoder)
    predictor.demand_words(text is not None or asr is not None)
    recogniser = Recogniser(asr, language, device) if asr else None
    named = run_predict.found_files(files)
    listen = recogniser.transcribe if recogniser else None
    table, refused = run_predict.run(predictor, named, text, window, hop, listen)
    written = table.to_csv(out, index=False, float_format="%.6g")
    click.echo(out if out else written, nl=bool(out))
    for error in refused:
        click.echo(f"left out: {error}", err=True)
    if plot and len(table):
        run_predict.draw(table, predictor, plot)
        click.echo(plot, err=not out)
    if refused:
        click.echo(f"{len(refused):,} of {len(named):,} files could not be used", err=True)
        raise SystemExit(1)
