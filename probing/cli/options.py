"""What the commands share: the options that name a corpus and an encoder, and how a user's mistake is printed."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from probing.errors import ProbingError

if TYPE_CHECKING:
    from probing.corpus.model import Corpus

_Command = TypeVar("_Command", bound=Callable[..., Any])


class MendedGroup(click.Group):
    """Prints a user's mistakes as one message, without a traceback, with exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a user can mend becomes a message."""
        try:
            return super().invoke(ctx)
        except ProbingError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as error:
            raise click.ClickException(
                "interrupted; an extraction or a training goes on where it was when it is typed again"
            ) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            remedy = "\n  What to do: name a folder that you may write to (--out, --runs)" if refused else ""
            raise click.ClickException(f"{where}{error.strerror or error}{remedy}") from error


def corpus_options(command: _Command) -> _Command:
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


def words_options(command: _Command) -> _Command:
    """What a system reads in place of the corpus's own words."""
    for option in (
        click.option(
            "--corrupt-words",
            "corrupt",
            type=float,
            metavar="RATE",
            help="Damage the transcripts on purpose: word errors per word, 0 to 1.",
        ),
        click.option(
            "--transcripts",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A table id,text in place of the corpus's own words (probe transcribe).",
        ),
    ):
        command = option(command)
    return command


def encoder_options(command: _Command) -> _Command:
    """Which encoder, and where it computes."""
    for option in (
        click.option("--convolution", is_flag=True, help="Also keep the raw convolution output, as index C."),
        click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [the GPU if there is one]"),
        click.option("--revision", default=None, help="Branch, tag or commit of a hub repository."),
        click.option("--encoder", default="demo-hubert", show_default=True, help="Name, hub id or folder; see below."),
    ):
        command = option(command)
    return command


def usable(
    spec: str,
    scale: tuple[float, float] | None,
    allow_missing: int,
    audio: bool = False,
    text: bool = False,
    dims: tuple[str, ...] = (),
    partitions: tuple[str, ...] = (),
    fold: int | None = None,
    transcripts: Path | None = None,
) -> tuple[Corpus, tuple[str, ...]]:
    """Open a corpus and make sure that what the command reads is there; also what was left out."""
    from probing.corpus.audit import require
    from probing.corpus.opening import open_corpus

    opened = open_corpus(spec, scale, transcripts, fold=fold)
    opened = opened.select(partitions) if partitions else opened
    return require(opened, dims=dimensions(opened, dims), audio=audio, text=text, allow_missing=allow_missing)


def dimensions(corpus: Corpus, dims: tuple[str, ...]) -> tuple[str, ...]:
    """`all` stands for those of arousal, valence and dominance that the corpus rates."""
    from probing.corpus.model import EMOTIONS

    rated = tuple(d for d in EMOTIONS if d in corpus.dimensions) or corpus.dimensions
    return tuple(dict.fromkeys(name for d in dims for name in (rated if d == "all" else (d,))))


def extract_command(
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


def say_left_out(ids: tuple[str, ...]) -> None:
    """Name on stderr what a command goes on without."""
    from probing.errors import first_names

    if ids:
        click.echo(f"left out as --allow-missing permits: {first_names(ids)}", err=True)


ENCODERS = """Encoders: hubert-base, distilhubert, wav2vec2-large-robust-12, wavlm-base-plus, data2vec-audio-base,
demo-hubert, demo-distilhubert; any HuBERT, wav2vec2, WavLM, data2vec-audio or wav2vec2-conformer of the model hub
(owner/name) or in a folder. tinybert, demo-tinybert and any BERT, RoBERTa, DistilBERT or ELECTRA read the transcripts
instead. `@random` after a name gives the same architecture with random weights."""
CORPORA = """CORPUS is `demo` (built in), a table (path/to/table.csv) or a release (msp-podcast:/path, iemocap:/path,
msp-improv:/path)."""
