"""`probe predict`: a finished run on any recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import click

from probing.asr.options import demand_recogniser
from probing.cli.command import command
from probing.cli.derive import options_of
from probing.cli.there import demand_run, typed_run
from probing.encoders.importing import without_collector
from probing.errors import AudioError, OptionError
from probing.files import write_text
from probing.options import device_option, option, validate


@dataclass(frozen=True)
class PredictOptions:
    """What the run or model is given, and where its predictions go."""

    encoder: str | None = option(
        None, "Encoder of a fit run, if the run does not name it or it has moved.", metavar="NAME"
    )
    revision: str | None = option(None, "Branch, tag or commit of a model on the hub.", shown_default="main")
    text: str | None = option(None, "What is said, for a run that takes text.")
    asr: str | None = option(
        None, "Whisper model that transcribes the recordings, for a run that takes text.", metavar="NAME"
    )
    language: str = option("en", "Spoken language, two letters, for --asr.")
    window: float | None = option(
        None, "Length of a window.", above=0, metavar="SECONDS", shown_default="the whole recording"
    )
    hop: float | None = option(
        None, "Time from one window to the next.", above=0, metavar="SECONDS", shown_default="one window"
    )
    plot: Path | None = option(None, "Plot the predictions over time into this file: .pdf, .png or .svg.")
    out: Path | None = option(None, "Write the table to this file.", shown_default="stdout")
    device: str | None = device_option()

    def __post_init__(self) -> None:
        validate(self)
        if self.text is not None and self.asr is not None:
            raise OptionError("--text and --asr", "both say what is said", "give one of them", code="exclusive")
        if self.hop is not None and self.window is None:
            remedy = "add --window SECONDS"
            raise OptionError(f"--hop {self.hop:g}", "there are no windows to hop between", remedy, code="no-effect")


@command()
@click.argument("run", callback=typed_run)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options_of(PredictOptions, "options")
def predict(run: Path, files: tuple[str, ...], options: PredictOptions) -> None:
    """Estimate emotion in any recordings with a finished RUN or a published model.

    RUN is the folder of a `probe finetune` or `probe fit` run; predictions are on the scale of its corpus. Or it is a
    published emotion model, a folder or a hub id, of audEERING's layout or of the Odyssey 2024 baseline's: its outputs
    0 to 1 become predictions from 1 to 7, MSP-Podcast's scale. FILE is an audio file, a folder of them or a pattern.
    The table is CSV: file, start and end (s), the dimensions, the class of each category with the probability of every
    class (emotion, emotion=angry …), and the text if the run takes text. Of a fit, the probes with learned layer
    weights are used or, if it has none, those of the layer that is best on development. A file that cannot be decoded
    is named on stderr, the others are processed, and the exit status is 1.

    \b
    Example: probe predict runs/finetune-demo-demo-hubert interview.flac --window 5 --hop 2.5 --plot interview.png
             probe predict audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim interview.flac --window 5
    """
    from probing.audio.windows import windows

    windows(1, options.window, options.hop)  # what cannot be cut, drawn or written is refused before any work
    if options.plot:
        from probing.report.over_time import refuse_ending

        refuse_ending(options.plot)
    for path in (options.out, options.plot):
        if path:
            _refuse_place(path)
    demand_run(run, published=True)
    if options.asr:
        demand_recogniser(options.asr)
    from probing.predict.found import found_files, refusals

    named = found_files(files)
    _end(refusals(named), len(named))
    with without_collector():
        from probing.encoders.device import settle_device
        from probing.files.cells import to_csv
        from probing.predict.predictor import open_run
        from probing.predict.recordings import predict_files

    device = settle_device(options.device)
    predictor = open_run(run, device, options.encoder, options.revision)
    predictor.demand_words(options.text is not None or options.asr is not None)
    recognise = None
    if options.asr:
        from probing.asr.recogniser import Recogniser

        recognise = Recogniser(options.asr, options.language, device).transcribe
    found = predict_files(predictor, named, options.text, options.window, options.hop, recognise)
    written = StringIO()
    to_csv(found.table, written, "%.6g")
    table = written.getvalue()
    if options.out:
        _write(options.out, table)
    click.echo(options.out if options.out else table, nl=bool(options.out))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if options.plot and len(found.table):
        from probing.report.over_time import over_time

        over_time(found.table, *predictor.drawn, predictor.title, options.plot)
        click.echo(options.plot, err=not options.out)
    _end(found.refused, len(named))


def _end(refused: Sequence[AudioError], count: int) -> None:
    """Name the files, of so many, that could not be used, if there are any, and end with exit status 1."""
    for error in refused:
        click.echo(f"left out: {error}", err=True)
    if refused:
        click.echo(f"{len(refused):,} of {count:,} files could not be used", err=True)
        raise SystemExit(1)


def _refuse_place(path: Path) -> None:
    """Raise an OSError where no file can be written: long work must not end without a place for its result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.open("ab").close()
    else:
        tempfile.TemporaryFile(dir=path.parent).close()  # it has no name, so a kill leaves nothing


def _write(path: Path, table: str) -> None:
    """Write the table whole or not at all, unless what is named is no file: a pipe or a terminal is written to."""
    if path.exists() and not path.is_file():
        path.write_text(table, "utf-8")
    else:
        write_text(path.resolve(), table)  # a link stays one
