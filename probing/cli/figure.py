"""`probe figure`: a figure of the paper, drawn from finished runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probing.cli.command import command
from probing.cli.compare import name_option, out_option
from probing.cli.derive import given, options_of, typed_options
from probing.errors import OptionError
from probing.options import option, runs_option
from probing.probes.options import FitOptions

if TYPE_CHECKING:
    from probing.runs.records import FitRecord

_LAYERS = "2"
_ALONE = {"control": False, "no_control": False, "dim": True, "name": True}  # option → whether it is one of the curves'


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn beside the runs, and where the figure goes."""

    control: Path | None = option(
        None,
        "Figure 2 only: the same fit on random weights.",
        metavar="RUN",
        shown_default="the latest, if there is one",
    )
    no_control: bool = option(False, "Figure 2 only: leave the fit on random weights out.")
    dim: str = option("valence", "Dimension to plot (wer, snr).", metavar="NAME")
    out: Path = out_option()
    name: str | None = name_option()
    runs: Path = runs_option()

    def __post_init__(self) -> None:
        if self.control is not None and self.no_control:
            why = "one names what the other leaves out"
            raise OptionError("--control and --no-control", why, "give one of them", code="exclusive")


@command()
@click.argument("which", type=click.Choice([_LAYERS, "wer", "snr"]))
@click.argument("drawn", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@options_of(FigureOptions, "options")
def figure(which: str, drawn: tuple[Path, ...], options: FigureOptions) -> None:
    """Draw a figure of the paper.

    It is drawn from the folders of RUNs, by default from the latest run.

    2: the importance of each layer, from a `probe fit` run. Beside it stands the latest run with the same corpus and
    options on the same encoder with random weights (`@random`), if there is one.

    wer: a dimension's CCC over the word error rate, from `probe finetune` RUNs trained on other words, and from the
    evaluations of each (probe evaluate RUN --corrupt-words RATE, --transcripts FILE). snr: CCC over the noise in the
    audio, from evaluations (--snr DB).

    \b
    Example: probe figure 2
             probe figure wer runs/finetune-demo-demo-distilhubert+demo-tinybert*
    """
    for flag in given(*(name for name, of_curves in _ALONE.items() if of_curves is (which == _LAYERS))):
        why, remedy = f"figure {which} does not depend on it", f"leave {flag} out"
        raise OptionError(f"{flag} changes nothing", why, remedy, code="no-effect")
    if which == _LAYERS:
        if len(drawn) > 1:
            raise OptionError("figure 2", "it is drawn from one RUN", "name one fit run", code="one-run")
        paths = _layers(drawn[0] if drawn else None, options)
    else:
        paths = _curve(which, drawn, options)
    for path in paths:
        click.echo(path)


def _layers(run: Path | None, options: FigureOptions) -> list[Path]:
    """Draw Figure 2, with its control if there is one, and say how to make one if there is none."""
    from probing.report.controls import find_control, require_control
    from probing.report.figure2 import figure2
    from probing.runs.records import FitRecord
    from probing.runs.store import latest, read_kind

    record = read_kind(run, FitRecord) if run else latest(FitRecord, options.runs)
    beside = None if options.no_control else find_control(record, options.runs)
    if options.control:
        beside = require_control(record, read_kind(options.control, FitRecord))
    paths = figure2(record, options.out, beside)
    if not (beside or options.no_control or record.encoder.random):
        commands = ", ".join(f"`{line}`" for line in [*control_commands(record), f"probe figure 2 {record.folder}"])
        click.echo(f"no random-weights control found; to create one: {commands}", err=True)
    return paths


def control_commands(record: FitRecord) -> list[str]:
    """The two commands that make a fit's control."""
    encoder = record.encoder.spec
    if encoder is None:  # only its cache was known
        return ["probe extract … --encoder NAME@random", "probe fit … --encoder NAME@random"]
    from probing.extraction.commands import extract_command

    known = {one.name for one in fields(FitOptions)}
    chosen: dict[str, Any] = {name: value for name, value in record.options.items() if name in known}
    options = FitOptions(**chosen)
    random, spec, cache = encoder.on_random_weights(), record.corpus.spec, Path(record.cache.path).parent.parent
    dtype = record.cache.dtype
    left_out = len(record.corpus.left_out)
    missing = ["--allow-missing", str(left_out)] * bool(left_out)
    fit = ["probe", "fit", *spec.words(), *random.words(), *typed_options(options)]
    fit += ["--dtype", dtype] * (dtype != "float16")
    fit += ["--cache", str(cache)] * (cache.absolute() != Path("cache").absolute()) + missing
    runs = record.folder.parent
    fit += ["--runs", str(runs)] * (runs.absolute() != Path("runs").absolute())
    extract = extract_command(spec, random, record.cache.store, dtype, cache)
    return [" ".join([extract, *missing]), shlex.join(fit)]


def _curve(which: str, drawn: tuple[Path, ...], options: FigureOptions) -> list[Path]:
    """Draw CCC over word errors or noise."""
    from probing.report.curves import curve
    from probing.runs.records import FinetuneRecord
    from probing.runs.store import latest, read_kind

    records = [read_kind(run, FinetuneRecord) for run in drawn] or [latest(FinetuneRecord, options.runs)]
    return curve(records, which, options.out, options.dim, options.name)
