"""`probe figure`: a figure of the paper, drawn from finished runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probing.cli.command import command
from probing.cli.compare import name_option, out_option
from probing.cli.derive import given, options_of, typed_options
from probing.cli.there import demand_folders, demand_latest
from probing.errors import OptionError
from probing.options import option, runs_option
from probing.probes.options import FitOptions

if TYPE_CHECKING:
    from probing.encoders.spec import EncoderSpec
    from probing.runs.records import FitRecord

_LAYERS, _ATLAS, _CONTENTS, _CONFUSION = "2", "atlas", "contents", "confusion"
_CURVES = ("wer", "snr")
_LATEST = {_LAYERS: "fit", _CONTENTS: "layers", **dict.fromkeys(_CURVES, "finetune")}  # drawn if no run is named
_DIMENSION = "valence"  # whose curve is drawn if none is named
_SUGGESTED = 3  # random encoders, of which a spread can be seen
_OF_CONTROLS = ("dims", "class_weights", "normalize", "pooling")  # options that a control shares with its fit
_MEANT_FOR = {
    "control": (_LAYERS,),
    "no_control": (_LAYERS,),
    "folds": (_LAYERS, _CONFUSION),
    "dim": (*_CURVES, _CONFUSION),
    "name": (*_CURVES, _ATLAS, _CONTENTS, _CONFUSION),
}


@dataclass(frozen=True)
class FigureOptions:
    """What is drawn beside the runs, and where the figure goes."""

    control: tuple[Path, ...] = option(
        (),
        "Figure 2 only: a fit on a random encoder (`@random`, `@random:1` …); may be repeated.",
        metavar="RUN",
        shown_default="the latest of each, if there are any",
    )
    no_control: bool = option(False, "Figure 2 only: leave fits on random encoders out.")
    folds: str | None = option(
        None,
        "Figure 2, confusion: draw the run over all folds (`all`) that RUN is a part of; without RUN, the latest.",
        choices=("all",),
        shown_default="RUN itself",
    )
    dim: str | None = option(
        None,
        "Dimension to plot (wer, snr), or category (confusion).",
        metavar="NAME",
        shown_default="valence, or the run's first category",
    )
    out: Path = out_option()
    name: str | None = name_option()
    runs: Path = runs_option()

    def __post_init__(self) -> None:
        if self.control and self.no_control:
            why = "one names what the other leaves out"
            raise OptionError("--control and --no-control", why, "give one of them", code="exclusive")


@command()
@click.argument("which", type=click.Choice([_LAYERS, _CONFUSION, _ATLAS, _CONTENTS, *_CURVES]))
@click.argument("drawn", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@options_of(FigureOptions, "options")
def figure(which: str, drawn: tuple[Path, ...], options: FigureOptions) -> None:
    """Draw a figure of the paper.

    It is drawn from the folders of RUNs, by default from the latest run; an atlas from all that are named.

    2: what each layer tells of each dimension, from a `probe fit` run, with a caption and the findings in words. Beside
    it stand the latest fits of the same corpus on the same encoder with random weights (`@random`, `@random:1` …).

    confusion: the confusion matrices of a category on the test partitions, from a run of `probe fit`,
    `finetune` or `evaluate`.

    atlas: which layer of which encoder, from `probe fit` RUNs on one corpus: every encoder's curve over relative depth
    and over its layers, above those of its random twins where each encoder has some; a map of all encoders; and tables:
    each one's best layer, the layers that may be the best, what they score, and whether encoders agree. Encoders of
    speech and of text can stand side by side.

    contents: what each layer contains, from a `probe layers` run: the parts of its R² that it shares with words and
    with sound, what erasing either takes, what else a layer tells, how easily it tells a dimension, and which layers
    are alike; with a caption and the findings in words.

    wer: a dimension's CCC over the word error rate, from `probe finetune` RUNs trained on other words, and from the
    evaluations of each (probe evaluate RUN --corrupt-words RATE, --transcripts FILE). snr: CCC over the noise in the
    audio, from evaluations (--snr DB).

    \b
    Example: probe figure 2
             probe figure confusion --dim emotion
             probe figure atlas runs/fit-demo-*
             probe figure contents runs/layers-demo-*
             probe figure wer runs/finetune-demo-demo-distilhubert+demo-tinybert*
    """
    for flag in given(*(name for name, figures in _MEANT_FOR.items() if which not in figures)):
        why, remedy = f"figure {which} does not depend on it", f"leave {flag} out"
        raise OptionError(f"{flag} changes nothing", why, remedy, code="no-effect")
    if which in _OF_ONE and len(drawn) > 1:
        kind, _ = _OF_ONE[which]
        raise OptionError(f"figure {which}", "it is drawn from one RUN", f"name one {kind}run", code="one-run")
    demand_folders((*drawn, *options.control))
    if not drawn and which in _LATEST:
        demand_latest(_LATEST[which] + " --folds all" * bool(options.folds), options.runs)
    if which in _OF_ONE:
        _, draw = _OF_ONE[which]
        paths = draw(drawn[0] if drawn else None, options)
    elif which == _ATLAS:
        paths = _atlas(drawn, options)
    else:
        paths = _curve(which, drawn, options)
    for path in paths:
        click.echo(path)


def _layers(run: Path | None, options: FigureOptions) -> list[Path]:
    """Draw Figure 2 beside its controls, print its caption, and say how to make controls if there are none."""
    from probing.report.controls import find_controls, require_controls
    from probing.report.figure2 import figure2
    from probing.runs.pooling import whole_of
    from probing.runs.records import FitRecord
    from probing.runs.store import latest, read_kind

    record = read_kind(run, FitRecord) if run else latest(FitRecord, options.runs, bool(options.folds))
    if options.folds:
        record = whole_of(record)
    beside = [] if options.no_control else find_controls(record, options.runs)
    if options.control:
        beside = require_controls(record, [read_kind(control, FitRecord) for control in options.control])
    paths = figure2(record, options.out, beside)
    click.echo(paths[-1].read_text("utf-8").replace("**", ""))
    if not (beside or options.no_control or record.encoder.random):
        commands = [*control_commands(record), f"probe figure 2 {shlex.quote(str(record.folder))}"]
        click.echo("there is no fit on random encoders to compare with; to make some, type:", err=True)
        for line in commands:
            click.echo(f"  {line}", err=True)
    return paths


def _contents(run: Path | None, options: FigureOptions) -> list[Path]:
    """Draw what layers contain, and print the caption."""
    from probing.report.contents import figure_contents
    from probing.runs.records import LayersRecord
    from probing.runs.store import latest, read_kind

    record = read_kind(run, LayersRecord) if run else latest(LayersRecord, options.runs)
    paths = figure_contents(record, options.out, options.name)
    click.echo(paths[-1].read_text("utf-8").replace("**", ""))
    return paths


def _confusion(run: Path | None, options: FigureOptions) -> list[Path]:
    """Draw confusion matrices, and print the caption."""
    from probing.errors import RunError
    from probing.runs.store import all_records, read_record

    known = [] if run else [own for own in all_records(options.runs) if own.category_scores]
    found = [read_record(run)] if run else [own for own in known if own.members or not options.folds]
    if not found:
        over, typed = " over all folds" * bool(options.folds), " --folds all" * bool(options.folds)
        remedy = f"run `probe fit{typed}` or `probe finetune{typed}` with --dim CATEGORY first, or name --runs DIR"
        raise RunError(f"there is no run of a category{over} in {options.runs}", "", remedy, code="no-run")
    from probing.report.confusion import figure_confusion  # only here: what draws loads slowly
    from probing.runs.pooling import whole_of

    record = whole_of(found[-1]) if options.folds else found[-1]
    paths = figure_confusion(record, options.out, options.dim, options.name)
    click.echo(paths[-1].read_text("utf-8").replace("**", ""))
    return paths


# Figures that are drawn from one run: which kind it is, in an error, and what draws it.
_OF_ONE = {_LAYERS: ("fit ", _layers), _CONTENTS: ("layers ", _contents), _CONFUSION: ("", _confusion)}


def _atlas(drawn: tuple[Path, ...], options: FigureOptions) -> list[Path]:
    """Draw the atlas of some fits, and print its tables."""
    from probing.report.atlas import atlas
    from probing.runs.records import FitRecord
    from probing.runs.store import read_kind

    if not drawn:
        remedy = "name the folders of `probe fit` runs, for example runs/fit-*"
        raise OptionError("figure atlas", "it is drawn from the runs that are named", remedy, code="no-run")
    paths = atlas([read_kind(run, FitRecord) for run in drawn], options.out, options.name, options.runs)
    click.echo(paths[-1].read_text("utf-8").replace("**", ""))
    return paths


def control_commands(record: FitRecord) -> list[str]:
    """The commands that make a fit's controls, two for each random encoder."""
    encoder = record.encoder.spec
    if encoder is None:  # only its cache was known
        return [
            "probe extract … --encoder NAME@random",
            "probe fit … --encoder NAME@random --head ridge --permutations 0",
        ]
    return [line for seed in range(_SUGGESTED) for line in _control(record, encoder.on_random_weights(seed))]


def _control(record: FitRecord, random: EncoderSpec) -> list[str]:
    """What makes one of them: its hidden states, and its ridge probes."""
    from probing.extraction.commands import extract_command

    chosen: dict[str, Any] = {name: record.options[name] for name in _OF_CONTROLS if name in record.options}
    options = FitOptions(**chosen, head="ridge", permutations=0)
    spec, cache, dtype = record.corpus.spec, Path(record.cache.path).parent.parent, record.cache.dtype
    left_out = len(record.corpus.left_out)
    missing = ["--allow-missing", str(left_out)] * bool(left_out)
    fit = ["probe", "fit", *spec.words(), *random.words(), *typed_options(options, without=("layers",))]
    fit += ["--dtype", dtype] * (dtype != "float16")
    fit += ["--cache", str(cache)] * (cache.absolute() != Path("cache").absolute()) + missing
    runs = record.folder.parent
    fit += ["--folds", "all"] * bool(record.members)
    fit += ["--runs", str(runs)] * (runs.absolute() != Path("runs").absolute())
    extract = extract_command(spec, random, record.cache.store, dtype, cache)
    return [" ".join([extract, *missing]), shlex.join(fit)]


def _curve(which: str, drawn: tuple[Path, ...], options: FigureOptions) -> list[Path]:
    """Draw CCC over word errors or noise."""
    from probing.report.curves import curve
    from probing.runs.records import FinetuneRecord
    from probing.runs.store import latest, read_kind

    records = [read_kind(run, FinetuneRecord) for run in drawn] or [latest(FinetuneRecord, options.runs)]
    return curve(records, which, options.out, options.dim or _DIMENSION, options.name)
