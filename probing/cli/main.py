"""The command `probe`: each subcommand parses, makes one call and prints what was written.

Results and paths go to stdout, progress to stderr. Heavy modules are imported inside the commands, so that
`probe --help` answers at once.
"""

from __future__ import annotations

import shlex
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from probing import __version__
from probing.cli import system_commands, word_commands
from probing.cli.options import (
    CORPORA,
    ENCODERS,
    MendedGroup,
    corpus_options,
    dimensions,
    encoder_options,
    extract_command,
    say_left_out,
    usable,
)
from probing.errors import ProbingError

if TYPE_CHECKING:
    from probing.runs.records import Record


@click.group(cls=MendedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="probe")
def main() -> None:
    """Which layers of a speech model carry arousal, valence and dominance?

    \b
    probe check                       what is in the built-in corpus, and whether it can be used
    probe extract --store pooled      the hidden states of its utterances into cache/
    probe fit --dim all --layers both fit probes to them
    probe figure 2                    draw the layers' importance
    """


@main.command()
@corpus_options
@click.option(
    "--transcripts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A table id,text in place of the corpus's own words.",
)
def check(
    corpus: str, scale: tuple[float, float] | None, fold: int | None, allow_missing: int, transcripts: Path | None
) -> None:
    """Audit a corpus before any work: partitions, hours, speakers, labels, and every problem.

    Exit status 1 if there is a problem. Of the built-in corpus it also prints what is known to be true: the best
    score that any listener could reach by prosody, by words, by both.

    \b
    Example: probe check my/table.csv --scale 1 7
    """
    from probing.corpus.opening import open_corpus
    from probing.corpus.overview import report
    from probing.corpus.scan import scan_audio
    from probing.corpus.transcripts import notes_on, reworded
    from probing.demo import script, truth

    opened = open_corpus(corpus, scale, transcripts, fold=fold)
    text, problems = report(opened, scan_audio(opened.utterances))
    click.echo(text)
    if transcripts is not None:
        _, words = reworded(opened, open_corpus(corpus, scale, fold=fold), transcripts, rate=None)
        click.echo("\n".join(notes_on(words)))
    if corpus == "demo":
        click.echo(f"\n{truth.report(script.plan())}")
    if problems > allow_missing:
        raise SystemExit(1)


@main.command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options
@click.option("--layers", type=int, metavar="K", help="Keep only the encoder's first K transformer layers.")
@click.option(
    "--store",
    default="frames",
    show_default=True,
    help="frames (every frame), pooled (70 times smaller) or latents (the front end).",
)
@click.option("--dtype", default="float16", show_default=True, help="Number format on disk: float16 or float32.")
@click.option("--partition", "partitions", multiple=True, help="Only this partition; may be repeated.")
@click.option(
    "--batch-seconds",
    type=float,
    help="Audio in a batch, with padding; a token of text counts as 0.02 s.  [CPU: 1, GPU: 240; text: 20, 1200]",
)
@click.option("--part-seconds", type=float, help="Audio in a part file: what a kill can lose.  [600]")
@click.option("--shard", metavar="I/N", help="Only every N-th part, from the I-th: for file systems without locks.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("cache"), show_default=True, help="Cache folder.")
@click.option("--dry-run", is_flag=True, help="Only print hours, frames or tokens, bytes, free disk.")
def extract(
    corpus: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    encoder: str,
    revision: str | None,
    device: str | None,
    convolution: bool,
    layers: int | None,
    store: str,
    dtype: str,
    partitions: tuple[str, ...],
    batch_seconds: float | None,
    part_seconds: float | None,
    shard: str | None,
    out: Path,
    dry_run: bool,
) -> None:
    """Run a frozen encoder over a corpus and cache all hidden states.

    Killed at any instant, the same command goes on where it was. Typed several times at once it shares the work:
    each process takes the next part that no other is writing.

    \b
    Example: probe extract my/table.csv --scale 1 7 --encoder hubert-base --store pooled
             torchrun --nproc-per-node 4 -m probing extract my/table.csv --scale 1 7 --encoder hubert-base
    """
    from probing.corpus.audit import leave_out_damaged
    from probing.encoders.speech import open_encoder, settle_device
    from probing.extraction.cost import ExtractOptions, estimate
    from probing.extraction.extract import extract as run
    from probing.extraction.inputs import scan_inputs
    from probing.extraction.sharing import parse_shard
    from probing.files import claim, slug

    device = settle_device(device)
    own = parse_shard(shard) if shard else None
    options = ExtractOptions(store, dtype, batch_seconds, part_seconds, shard=own, root=out)
    opened_encoder = open_encoder(encoder, layers, revision, device, convolution)
    text = opened_encoder.reads
    opened, left_out = usable(corpus, scale, allow_missing, not text, text, partitions=partitions, fold=fold)
    memory = out / slug(opened.name) / "audio.json"
    alone = own or dry_run or text
    with nullcontext() if alone else claim(memory, wait=True):  # one process decodes, the others wait
        scan = scan_inputs(opened, opened_encoder, memory, remember=not dry_run)
    opened, left_out = leave_out_damaged(opened, scan, allow_missing, left_out)
    say_left_out(left_out)
    click.echo(estimate(opened, scan.samples, opened_encoder, options), err=not dry_run)
    if not dry_run:
        path = run(opened, scan, opened_encoder, options)
        click.echo(path or "other processes are still writing parts; the last of them to end completes the cache")


@main.command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options
@click.option("--encoder-layers", type=int, metavar="K", help="The encoder was extracted with --layers K.")
@click.option("--dim", "dims", multiple=True, default=("all",), show_default=True, help="A dimension; may be repeated.")
@click.option("--layers", default="weighted", show_default=True, help="weighted sum, each single layer, or both.")
@click.option("--seeds", default=1, show_default=True, help="Initialisations of every probe.")
@click.option("--normalize", default="none", show_default=True, help="none, or layer: layer norm of every state first.")
@click.option("--pooling", default="mean", show_default=True, help="Over time: mean, max or mean+max.")
@click.option("--hidden", type=int, help="Units of the head's hidden layer.  [the encoder's hidden size]")
@click.option("--lr", type=float, help="Learning rate of the heads.  [1e-4 at 768 units, inversely with the width]")
@click.option("--layer-lr", default=1e-2, show_default=True, help="Learning rate of the layer weights.")
@click.option("--batch", default=32, show_default=True, help="Utterances in a step, and in each CCC of the loss.")
@click.option("--epochs", default=100, show_default=True, help="Most passes over train.")
@click.option("--patience", default=15, show_default=True, help="Passes without a better development CCC.")
@click.option("--shuffled/--no-shuffled", default=True, show_default=True, help="The shuffled-label control.")
@click.option("--store", help="Read frames or pooled.  [what is exact, pooled first]")
@click.option("--dtype", default="float16", show_default=True, help="Number format of the cache.")
@click.option("--workers", default=0, show_default=True, help="Processes that read frames ahead.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=Path("cache"),
    show_default=True,
    help="Cache folder, or one cache file, then read without opening the encoder.",
)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Runs folder.")
def fit(
    corpus: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    encoder: str,
    revision: str | None,
    device: str | None,
    convolution: bool,
    encoder_layers: int | None,
    dims: tuple[str, ...],
    store: str | None,
    dtype: str,
    cache: Path,
    runs: Path,
    **choices: Any,
) -> None:
    """Fit probes to cached hidden states: layer weights and the CCC of every layer.

    \b
    Example: probe fit --dim valence
             probe fit my/table.csv --scale 1 7 --encoder hubert-base --dim all --layers both --seeds 5
    """
    from probing.encoders.speech import open_encoder, settle_device
    from probing.extraction.cost import ExtractOptions
    from probing.probes import fit as run_fit
    from probing.probes.train import FitOptions, refuse_unfit

    device = settle_device(device)
    ExtractOptions(store or "pooled", dtype)
    opened, left_out = usable(corpus, scale, allow_missing, dims=dims, fold=fold)
    options = FitOptions(dims=dimensions(opened, dims), **choices)
    refuse_unfit(opened, options.dims)
    again = extract_command(corpus, scale, encoder, encoder_layers, convolution, revision, dtype, cache)
    if cache.suffix == ".h5":
        given = click.get_current_context().get_parameter_source
        for option in ("encoder", "encoder_layers", "store", "dtype", "revision"):
            if given(option) is ParameterSource.COMMANDLINE:
                raise ProbingError(
                    f"--cache {cache} and --{option.replace('_', '-')}",
                    "a cache file settles what was extracted and how",
                    "name the file alone, or the cache folder with the options",
                )
        found, reopened = run_fit.open_file(cache), None
    else:
        named = str(Path(encoder).resolve()) if Path(encoder).is_dir() else encoder
        reopened = {"name": named, "revision": revision}
        found = run_fit.open_store(
            opened,
            open_encoder(encoder, encoder_layers, revision, convolution=convolution),
            options,
            store,
            dtype,
            cache,
            again,
        )
    click.echo(run_fit.run(opened, found, options, device, again, left_out, runs, reopened))


@main.command(epilog=f"{CORPORA} {ENCODERS}")
@corpus_options
@encoder_options
@click.option("--layers", type=int, metavar="K", help="The cache was extracted with --layers K.")
@click.option("--store", default="frames", show_default=True, help="frames, pooled or latents.")
@click.option("--dtype", default="float16", show_default=True, help="Number format of the cache.")
@click.option("--sample", default=10, show_default=True, help="Utterances to extract again, one by one.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("cache"), show_default=True, help="Cache folder.")
def verify(
    corpus: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    encoder: str,
    revision: str | None,
    device: str | None,
    convolution: bool,
    layers: int | None,
    store: str,
    dtype: str,
    sample: int,
    seed: int,
    out: Path,
) -> None:
    """Check a cache: every part and checksum, and a random sample extracted again.

    Prints the relative error of each layer, so that the cost of the number format is known. Exit status 1 if
    anything is wrong.

    \b
    Example: probe verify my/table.csv --scale 1 7 --encoder hubert-base --store pooled
    """
    from probing.cache.reader import find_cache
    from probing.encoders.speech import open_encoder, settle_device
    from probing.extraction.cost import ExtractOptions, layout_of
    from probing.extraction.verify import verify as run

    ExtractOptions(store, dtype)
    opened_encoder = open_encoder(encoder, layers, revision, settle_device(device), convolution)
    text = opened_encoder.reads
    opened, _ = usable(corpus, scale, allow_missing, not text, text, fold=fold)
    again = extract_command(corpus, scale, encoder, layers, convolution, revision, dtype, out)
    cache = find_cache(layout_of(opened, opened_encoder, store, dtype).path(out), f"{again} --store {store}")
    found = run(opened, cache, opened_encoder, sample, seed)
    click.echo(found)
    if not found.passed:
        raise SystemExit(1)


@main.command()
@click.argument("which", type=click.Choice(["2", "wer", "snr"]))
@click.argument("found", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path))
@click.option(
    "--control", type=click.Path(path_type=Path), metavar="RUN", help="The same fit on random weights.  [the latest]"
)
@click.option("--no-control", is_flag=True, help="Leave the fit on random weights out.")
@click.option("--dim", "dimension", default="valence", show_default=True, help="Of wer and snr: what is scored.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("figures"), show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Runs folder.")
def figure(
    which: str,
    found: tuple[Path, ...],
    control: Path | None,
    no_control: bool,
    dimension: str,
    out: Path,
    runs: Path,
) -> None:
    """Draw a figure of the paper from a RUN's folder, by default the latest.

    2: layer importance, from a `probe fit` run. Beside it stands the latest run with the same corpus and options on
    the same encoder with random weights (`@random`), where there is one.

    wer: valence over the word error rate, from `probe finetune` RUNs trained on other words, and from evaluations of
    each (probe evaluate RUN --corrupt-words RATE, --transcripts FILE). snr: valence over the noise in the audio, from
    evaluations (--snr DB).

    \b
    Example: probe figure 2
             probe figure wer runs/finetune-demo-demo-distilhubert+demo-tinybert*
    """
    from probing.report import controls
    from probing.report import figure2 as figures
    from probing.runs import records

    if which != "2":
        from probing.report import curves

        chosen = [records.read_record(folder) for folder in found] or [records.latest("finetune", runs)]
        for path in curves.curve(chosen, which, out, dimension):
            click.echo(path)
        return
    if len(found) > 1:
        raise click.UsageError("figure 2 is drawn from one RUN")
    run = found[0] if found else None

    if control and no_control:
        raise click.UsageError("--control and --no-control exclude each other")
    record = records.read_record(run) if run else records.latest("fit", runs)
    beside = None if no_control else controls.find_control(record, runs)
    if control:
        beside = controls.require_control(record, records.read_record(control))
    paths = figures.figure2(record, out, beside)
    if not (beside or no_control or controls.on_random_weights(record)):
        click.echo(f"drawn without random weights beside it; to make them: {_control_commands(record)}", err=True)
    for path in paths:
        click.echo(path)


def _control_commands(record: Record) -> str:
    """The two commands that make a run's control, from the one that made the run."""
    words = shlex.split(record.content.get("typed", ""))
    values: dict[str, Any] = {}
    with suppress(click.UsageError):  # typed to a version with other options
        values = fit.make_context("fit", words[2:]).params if words[:2] == ["probe", "fit"] else {}
    if not values or values["cache"].suffix == ".h5":  # then the encoder is not in the command
        return "`probe extract` and `probe fit` as for this run, with @random behind the encoder's name"
    if "--encoder" in words:
        place = words.index("--encoder")
        del words[place : place + 2]
    values["encoder"] += "@random"
    parts = ("corpus", "scale", "encoder", "encoder_layers", "convolution", "revision", "dtype", "cache")
    first = f"{extract_command(*(values[part] for part in parts))} --store {record['configuration']['store']}"
    first += f" --allow-missing {values['allow_missing']}" if values["allow_missing"] else ""
    return f"`{first}` and `{shlex.join([*words, '--encoder', values['encoder']])}`"


@main.command()
@click.option("--runs", "root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def runs(root: Path) -> None:
    """List all runs, newest last: command, corpus, encoder, scores, date.

    \b
    Example: probe runs
    """
    from probing.runs import records

    found = records.all_records(root)
    if not found:
        click.echo(f"no runs in {root} yet; `probe fit` makes one")
    for record in found:
        click.echo(records.line(record))


for command in (
    system_commands.finetune,
    system_commands.evaluate,
    system_commands.compare,
    word_commands.transcribe,
    word_commands.predict,
):
    main.add_command(command)
