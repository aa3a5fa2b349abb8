"""The commands about full systems: `probe finetune`, `probe evaluate`, `probe compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probing.cli.options import CORPORA, corpus_options, dimensions, say_left_out, usable, words_options
from probing.errors import FitError

if TYPE_CHECKING:
    from probing.corpus.model import Corpus
    from probing.corpus.scan import AudioScan

_SYSTEMS = """A system is an encoder, or an audio and a text encoder joined by +: distilhubert, hubert-base+tinybert,
path/to/a+path/to/b. `@random` behind a part gives it random weights."""
_RUNS = click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Runs folder."
)
_CACHE = click.option(
    "--cache", type=click.Path(path_type=Path), default=Path("cache"), show_default=True, help="Cache folder."
)
_DEVICE = click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [the GPU if there is one]")


@click.command(epilog=f"{_SYSTEMS} {CORPORA}")
@corpus_options
@words_options
@click.option("--system", default="demo-hubert", show_default=True, help="What to train; see below.")
@click.option("--dim", "dims", multiple=True, default=("all",), show_default=True, help="A dimension; may be repeated.")
@click.option("--seeds", default=1, show_default=True, help="Trainings from other random states.")
@click.option("--lr", type=float, help="Adam's learning rate.  [1e-5; head alone 1e-4; more below 768 units]")
@click.option("--batch", default=16, show_default=True, help="Utterances in a step, and in each CCC of the loss.")
@click.option("--epochs", default=30, show_default=True, help="Most passes over train.")
@click.option("--max-steps", type=int, help="Most steps.")
@click.option("--evaluate-every", type=int, metavar="STEPS", help="Score development, save a checkpoint.  [one pass]")
@click.option("--patience", default=5, show_default=True, help="Scores without a better development CCC.")
@click.option("--dropout", default=0.1, show_default=True, help="Throughout the system.")
@click.option("--fusion", default="sum", show_default=True, help="Of average and maximum over time: sum or concat.")
@click.option("--spec-augment", is_flag=True, help="Mask spans of frames in training.")
@click.option("--freeze", default="", metavar="PARTS", help="Encoders that do not learn: audio, text or audio,text.")
@click.option(
    "--init",
    "init",
    multiple=True,
    metavar="PART=RUN",
    help="Start from RUN's fine-tuned encoder: audio=RUN, text=RUN.",
)
@click.option("--shuffled", is_flag=True, help="A control: permute the labels of train and development.")
@click.option("--truncate-text", is_flag=True, help="Cut transcripts off that are too long for the text encoder.")
@click.option("--gradient-checkpointing", is_flag=True, help="Less memory for more time.")
@click.option("--precision", help="bf16 or float32.  [GPU: bf16, CPU: float32]")
@click.option("--workers", type=int, help="Processes that read ahead.  [GPU: 4, CPU: 0]")
@_DEVICE
@click.option("--latents/--no-latents", default=True, show_default=True, help="Read the front end's output if cached.")
@_CACHE
@click.option("--data-licence", help="Licence of the corpus, as you know it, for the model card.")
@click.option("--name", help="The run's folder in the runs folder.  [from corpus and system]")
@_RUNS
@click.option("--list", "listing", is_flag=True, help="Only print the six systems of Table 1 with their parameters.")
@click.option("--dry-run", is_flag=True, help="Only make three steps and print time, memory and disk of the whole.")
def finetune(
    corpus: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    transcripts: Path | None,
    corrupt: float | None,
    system: str,
    dims: tuple[str, ...],
    freeze: str,
    init: tuple[str, ...],
    device: str | None,
    latents: bool,
    cache: Path,
    data_licence: str | None,
    name: str | None,
    runs: Path,
    listing: bool,
    dry_run: bool,
    **choices: Any,
) -> None:
    """Fine-tune a full system: audio, text or both.

    The run's folder comes from corpus and system. Killed at any instant, the same command goes on from the last
    checkpoint; with other options it is refused. When it has ended, the same command prints its scores again, and
    more --seeds add trainings.

    \b
    Example: probe finetune my/table.csv --scale 1 7 --system distilhubert+tinybert --seeds 3
             torchrun --nproc-per-node 4 -m probing finetune my/table.csv --scale 1 7 --system hubert-base
    """
    if listing:
        click.echo(_list())
        return
    from probing.encoders.speech import settle_device
    from probing.systems.build import kinds_of
    from probing.training import finetune as run_finetune
    from probing.training.train import FinetuneOptions

    device = settle_device(device)
    kinds = kinds_of(system)
    opened, scan, left_out, words = _readable(
        corpus, scale, fold, allow_missing, kinds, dims, cache, transcripts, corrupt
    )
    options = FinetuneOptions(
        dims=dimensions(opened, dims),
        freeze=tuple(sorted(part.strip() for part in freeze.split(",") if part.strip())),
        init=tuple(sorted(_pair(text) for text in init)),
        **choices,
    )
    again = _extract(corpus, scale, system, cache)
    if dry_run:
        click.echo(run_finetune.look_ahead(opened, scan, system, options, device, runs))
        return
    folder = runs / (name or run_finetune.default_name(opened, system, options, words))
    used = cache if latents else None
    said = run_finetune.run(opened, scan, system, options, folder, device, used, left_out, again, words, data_licence)
    if said:  # by one of several processes
        click.echo(said)


@click.command(epilog=CORPORA)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--corpus", "corpus", metavar="SPEC", help="Another corpus than the one it was trained on.")
@click.option("--scale", nargs=2, type=float, metavar="LOW HIGH", help="Range of a table's labels.  [0 1]")
@click.option("--fold", type=int, metavar="K", help="Session to test on: iemocap 1-5, msp-improv 1-6.  [last]")
@click.option("--allow-missing", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out up to N.")
@words_options
@click.option("--snr", type=float, metavar="DB", help="Put the audio into a room and pink noise at this ratio.")
@click.option("--batch", default=16, show_default=True, help="Utterances in a batch; it changes no estimate.")
@_DEVICE
@_CACHE
def evaluate(
    run: Path,
    corpus: str | None,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    transcripts: Path | None,
    corrupt: float | None,
    snr: float | None,
    batch: int,
    device: str | None,
    cache: Path,
) -> None:
    """Score a fine-tuned RUN on every partition, with intervals by speaker.

    On another corpus than its own, the estimates are mapped through [0, 1] to that corpus's scale. It reads the words
    that it was trained on, unless --transcripts names others, or `own` for the corpus's own. Estimates and scores go
    to RUN/evaluations/.

    \b
    Example: probe evaluate runs/finetune-demo-demo-hubert
             probe evaluate runs/finetune-demo-demo-hubert --corpus my/table.csv --scale 1 7
    """
    from probing.encoders.speech import settle_device
    from probing.runs.records import read_record
    from probing.training import evaluate as run_evaluate

    record = read_record(run)
    kinds, wanted = run_evaluate.needs(record)
    if snr is not None and "audio" not in kinds:
        raise FitError(f"--snr {snr:g} changes nothing", "this system hears no audio", "leave --snr out")
    spec, fold = (corpus, fold) if corpus else run_evaluate.own_corpus(record)
    scale = scale or (None if corpus else run_evaluate.own_scale(record))
    if not corpus and "text" in kinds:
        transcripts, corrupt = run_evaluate.own_words(record, transcripts, corrupt)
    opened, scan, left_out, words = _readable(spec, scale, fold, allow_missing, kinds, (), cache, transcripts, corrupt)
    click.echo(run_evaluate.run(record, opened, scan, wanted, settle_device(device), batch, left_out, words, snr))


@click.command()
@click.argument("found", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--against", type=click.Path(path_type=Path), metavar="RUN", help="Differences to it.  [largest, audio]")
@click.option(
    "--fit", type=click.Path(path_type=Path), metavar="RUN", help="A fit run for the comparison figure.  [latest]"
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("figures"), show_default=True)
@_RUNS
def compare(found: tuple[Path, ...], against: Path | None, fit: Path | None, out: Path, runs: Path) -> None:
    """Set finetune RUNs on one corpus against each other.

    Writes Table 1 with intervals, paired differences and the fall from seen to unseen; which of the paper's findings
    hold among these runs; Figure 3 (what text adds to valence); and, with a fit run on the same corpus and a 12-layer
    encoder or any other, layer importance beside the systems.

    \b
    Example: probe compare runs/finetune-demo-*
    """
    from probing.report import compare as run_compare
    from probing.runs import records

    chosen = records.read_record(fit) if fit else run_compare.latest_fit(records.read_record(found[0]), runs)
    click.echo(run_compare.run(found, out, against, chosen))


def _readable(
    spec: str,
    scale: tuple[float, float] | None,
    fold: int | None,
    allow_missing: int,
    kinds: tuple[str, ...],
    dims: tuple[str, ...],
    cache: Path,
    transcripts: Path | None = None,
    corrupt: float | None = None,
) -> tuple[Corpus, AudioScan, tuple[str, ...], dict[str, Any]]:
    """A corpus with all that a system reads, its audio decoded once, and what a record says of its words."""
    from probing.corpus.audit import leave_out_damaged
    from probing.corpus.opening import open_corpus
    from probing.corpus.scan import AudioScan, scan_audio
    from probing.corpus.transcripts import reworded
    from probing.files import claim, slug

    if "text" not in kinds and (transcripts is not None or corrupt is not None):
        option = "--transcripts" if transcripts is not None else "--corrupt-words"
        raise FitError(f"{option} changes nothing", "this system reads no text", f"leave {option} out")
    hears, reads = "audio" in kinds, "text" in kinds
    opened, left_out = usable(spec, scale, allow_missing, hears, reads, dims, fold=fold, transcripts=transcripts)
    replaced = transcripts is not None or corrupt is not None
    own = open_corpus(spec, scale, fold=fold) if replaced else opened
    opened, words = reworded(opened, own, transcripts, corrupt)
    scan = AudioScan()
    if "audio" in kinds:
        memory = cache / slug(opened.name) / "audio.json"
        with claim(memory, wait=True):  # one process decodes, the others wait
            scan = scan_audio(opened.utterances, memory=memory)
        opened, left_out = leave_out_damaged(opened, scan, allow_missing, left_out)
    say_left_out(left_out)
    return opened, scan, left_out, words


def _pair(text: str) -> tuple[str, str]:
    part, equals, origin = text.partition("=")
    if not (part and equals and origin):
        raise FitError(
            f"--init {text}", "it is not PART=RUN", "for example --init audio=runs/finetune-demo-demo-hubert"
        )
    return part, origin


def _extract(corpus: str, scale: tuple[float, float] | None, system: str, cache: Path) -> str:
    """The command that makes the latents of a system's audio encoder."""
    from probing.cli.options import extract_command
    from probing.systems.build import kinds_of, parts_of

    audio = next((part for part in parts_of(system) if kinds_of(part) == ("audio",)), None)
    return extract_command(corpus, scale, audio, None, False, None, "float16", cache) if audio else ""


def _list() -> str:
    """The six systems of Table 1: all parameters, those that learn, and their ratio to the largest."""
    from probing.systems.build import SYSTEMS, count_parameters

    counts = {name: count_parameters(name) for name in SYSTEMS}
    largest = max(trainable for _, trainable in counts.values())
    lines = [f"{'system':38s}{'parameters':>14s}{'trainable':>14s}{'of the largest':>18s}"]
    lines += [
        f"{name:38s}{total / 1e6:12.1f} M{trainable / 1e6:12.1f} M{trainable / largest:17.1%}"
        for name, (total, trainable) in counts.items()
    ]
    return "\n".join(lines)
