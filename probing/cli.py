"""The command `probe`: each subcommand parses, makes one call and prints what was written.

Results and paths go to stdout, progress to stderr. Heavy modules are imported inside the commands, so that
`probe --help` answers at once.
"""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from probing import __version__
from probing.errors import ProbingError

if TYPE_CHECKING:
    from probing.corpus.model import Corpus

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Mended(click.Group):
    """Prints a user's mistakes as one message, without a traceback, with exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProbingError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as error:
            raise click.ClickException(
                "interrupted; an extraction goes on where it was when it is typed again"
            ) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            remedy = "\n  What to do: name a folder that you may write to (--out, --runs)" if refused else ""
            raise click.ClickException(f"{where}{error.strerror or error}{remedy}") from error


def _corpus_options(command: _Command) -> _Command:
    """CORPUS and what opens it."""
    for option in (
        click.option(
            "--allow-missing",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Leave out up to N unusable utterances.",
        ),
        click.option("--fold", type=int, metavar="K", help="Session to test on: iemocap 1-5, msp-improv 1-6.  [last]"),
        click.option("--scale", nargs=2, type=float, metavar="LOW HIGH", help="Range of a table's labels.  [0 1]"),
        click.argument("corpus", default="demo"),
    ):
        command = option(command)
    return command


def _encoder_options(command: _Command) -> _Command:
    """Which encoder, and where it computes."""
    for option in (
        click.option("--convolution", is_flag=True, help="Also keep the raw convolution output, as index C."),
        click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [the GPU if there is one]"),
        click.option("--revision", default=None, help="Branch, tag or commit of a hub repository."),
        click.option("--encoder", default="demo-hubert", show_default=True, help="Name, hub id or folder; see below."),
    ):
        command = option(command)
    return command


def _usable(
    spec: str,
    scale: tuple[float, float] | None,
    allow_missing: int,
    audio: bool = False,
    dims: tuple[str, ...] = (),
    partitions: tuple[str, ...] = (),
    fold: int | None = None,
) -> tuple[Corpus, tuple[str, ...]]:
    """Open a corpus and make sure that what the command reads is there; also what was left out."""
    from probing.corpus import open_corpus
    from probing.corpus.check import require

    opened = open_corpus(spec, scale, fold=fold)
    opened = opened.select(partitions) if partitions else opened
    return require(opened, dims=_dimensions(opened, dims), audio=audio, allow_missing=allow_missing)


def _dimensions(corpus: Corpus, dims: tuple[str, ...]) -> tuple[str, ...]:
    """`all` stands for those of arousal, valence and dominance that the corpus rates."""
    from probing.corpus.model import EMOTIONS

    rated = tuple(d for d in EMOTIONS if d in corpus.dimensions) or corpus.dimensions
    return tuple(dict.fromkeys(name for d in dims for name in (rated if d == "all" else (d,))))


def _extract_command(
    corpus: str,
    scale: tuple[float, float] | None,
    encoder: str,
    layers: int | None,
    convolution: bool,
    revision: str | None,
    dtype: str,
    cache: Path,
) -> str:
    """The command that makes a cache, as the user would type it."""
    words = ["probe", "extract", corpus]
    words += ["--scale", *(f"{end:g}" for end in scale)] if scale else []
    words += ["--encoder", encoder]
    words += ["--layers", str(layers)] if layers else []
    words += ["--convolution"] if convolution else []
    words += ["--revision", revision] if revision else []
    words += ["--dtype", dtype] if dtype != "float16" else []
    words += ["--out", str(cache)] if cache != Path("cache") and cache.suffix != ".h5" else []
    return shlex.join(words)


def _say_left_out(ids: tuple[str, ...]) -> None:
    from probing.errors import first_names

    if ids:
        click.echo(f"left out as --allow-missing permits: {first_names(ids)}", err=True)


_ENCODERS = """Encoders: hubert-base, distilhubert, wav2vec2-large-robust-12, wavlm-base-plus, data2vec-audio-base,
demo-hubert; any HuBERT, wav2vec2, WavLM, data2vec-audio or wav2vec2-conformer of the model hub (owner/name) or in a
folder. `@random` after a name gives the same architecture with random weights."""
_CORPORA = """CORPUS is `demo` (built in), a table (path/to/table.csv) or a release (msp-podcast:/path, iemocap:/path,
msp-improv:/path)."""


@click.group(cls=_Mended, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
@_corpus_options
def check(corpus: str, scale: tuple[float, float] | None, fold: int | None, allow_missing: int) -> None:
    """Audit a corpus before any work: partitions, hours, speakers, labels, and every problem.

    Exit status 1 if there is a problem.

    \b
    Example: probe check my/table.csv --scale 1 7
    """
    from probing.corpus import open_corpus
    from probing.corpus.check import scan_audio
    from probing.corpus.report import report

    opened = open_corpus(corpus, scale, fold=fold)
    text, problems = report(opened, scan_audio(opened.utterances))
    click.echo(text)
    if problems > allow_missing:
        raise SystemExit(1)


@main.command(epilog=f"{_CORPORA} {_ENCODERS}")
@_corpus_options
@_encoder_options
@click.option("--layers", type=int, metavar="K", help="Keep only the encoder's first K transformer layers.")
@click.option(
    "--store",
    default="frames",
    show_default=True,
    help="frames (every frame), pooled (70 times smaller) or latents (the front end).",
)
@click.option("--dtype", default="float16", show_default=True, help="Number format on disk: float16 or float32.")
@click.option("--partition", "partitions", multiple=True, help="Only this partition; may be repeated.")
@click.option("--batch-seconds", type=float, help="Audio in a batch, with padding.  [CPU: 1, GPU: 240]")
@click.option("--part-seconds", type=float, help="Audio in a part file: what a kill can lose.  [600]")
@click.option("--shard", metavar="I/N", help="Only every N-th part, from the I-th: for file systems without locks.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("cache"), show_default=True, help="Cache folder.")
@click.option("--dry-run", is_flag=True, help="Only print hours, frames, bytes and free disk.")
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
    from probing.cache import slug
    from probing.corpus.check import leave_out_damaged, scan_audio
    from probing.encoders import open_encoder, settle_device
    from probing.estimate import ExtractOptions, estimate
    from probing.extract import extract as run
    from probing.sharing import claim, parse_shard

    device = settle_device(device)
    own = parse_shard(shard) if shard else None
    options = ExtractOptions(store, dtype, batch_seconds, part_seconds, shard=own, root=out)
    opened, left_out = _usable(corpus, scale, allow_missing, audio=True, partitions=partitions, fold=fold)
    memory = out / slug(opened.name) / "audio.json"
    with nullcontext() if own or dry_run else claim(memory, wait=True):  # one process decodes, the others wait
        scan = scan_audio(opened.utterances, memory=memory, remember=not dry_run)
    opened, left_out = leave_out_damaged(opened, scan, allow_missing, left_out)
    _say_left_out(left_out)
    opened_encoder = open_encoder(encoder, layers, revision, device, convolution)
    click.echo(estimate(opened, scan.samples, opened_encoder, options), err=not dry_run)
    if not dry_run:
        path = run(opened, scan, opened_encoder, options)
        click.echo(path or "other processes are still writing parts; the last of them to end completes the cache")


@main.command(epilog=f"{_CORPORA} {_ENCODERS}")
@_corpus_options
@_encoder_options
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
    from probing import run_fit
    from probing.encoders import open_encoder, settle_device
    from probing.estimate import ExtractOptions
    from probing.fit import FitOptions, refuse_unfit

    device = settle_device(device)
    ExtractOptions(store or "pooled", dtype)
    opened, left_out = _usable(corpus, scale, allow_missing, dims=dims, fold=fold)
    options = FitOptions(dims=_dimensions(opened, dims), **choices)
    refuse_unfit(opened, options.dims)
    again = _extract_command(corpus, scale, encoder, encoder_layers, convolution, revision, dtype, cache)
    if cache.suffix == ".h5":
        given = click.get_current_context().get_parameter_source
        for option in ("encoder", "encoder_layers", "store", "dtype", "revision"):
            if given(option) is ParameterSource.COMMANDLINE:
                raise ProbingError(
                    f"--cache {cache} and --{option.replace('_', '-')}",
                    "a cache file settles what was extracted and how",
                    "name the file alone, or the cache folder with the options",
                )
        found = run_fit.open_file(cache)
    else:
        found = run_fit.open_store(
            opened,
            open_encoder(encoder, encoder_layers, revision, convolution=convolution),
            options,
            store,
            dtype,
            cache,
            again,
        )
    click.echo(run_fit.run(opened, found, options, device, again, left_out, runs))


@main.command(epilog=f"{_CORPORA} {_ENCODERS}")
@_corpus_options
@_encoder_options
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
    from probing.cache import find_cache
    from probing.encoders import open_encoder, settle_device
    from probing.estimate import ExtractOptions, layout_of
    from probing.verify import verify as run

    ExtractOptions(store, dtype)
    opened, _ = _usable(corpus, scale, allow_missing, audio=True, fold=fold)
    again = _extract_command(corpus, scale, encoder, layers, convolution, revision, dtype, out)
    opened_encoder = open_encoder(encoder, layers, revision, settle_device(device), convolution)
    cache = find_cache(layout_of(opened, opened_encoder, store, dtype).path(out), f"{again} --store {store}")
    found = run(opened, cache, opened_encoder, sample, seed)
    click.echo(found)
    if not found.passed:
        raise SystemExit(1)


@main.command()
@click.argument("which", type=click.Choice(["2"]))
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("figures"), show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Runs folder.")
def figure(which: str, run: Path | None, out: Path, runs: Path) -> None:
    """Draw a figure of the paper from a RUN's folder, by default the latest.

    2: layer importance, from a `probe fit` run.

    \b
    Example: probe figure 2
    """
    from probing import figures, records

    record = records.read_record(run) if run else records.latest("fit", runs)
    for path in figures.figure2(record, out):
        click.echo(path)


@main.command()
@click.option("--runs", "root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def runs(root: Path) -> None:
    """List all runs, newest last: command, corpus, encoder, scores, date.

    \b
    Example: probe runs
    """
    from probing import records

    found = records.all_records(root)
    if not found:
        click.echo(f"no runs in {root} yet; `probe fit` makes one")
    for record in found:
        click.echo(records.line(record))
