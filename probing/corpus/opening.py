"""Open a corpus by its spec.

demo                      the built-in corpus, written on first use
path/to/table.csv, …      a table id,path,partition,speaker,arousal,valence,dominance[,text]
path/to/folder            recordings whose names say what is in them (--pattern), or a folder that is a table
msp-podcast:/path         an MSP-Podcast release as it is unpacked
iemocap:/path             IEMOCAP, split by session: folds 1 to 5
msp-improv:/path          MSP-Improv, split by session: folds 1 to 6
crema-d:/path, …          a public corpus whose file names say what is in them

What is opened is a corpus as its source has it; then, where they are asked for, a label map gives it ratings, a split
new partitions, and a table of transcripts other words, each a step from a corpus to a corpus.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from probing.corpus.dealing import LEAVE_ONE_OUT, RANDOM, SPEAKER, Split
from probing.corpus.label_map import with_proxies
from probing.corpus.model import Corpus
from probing.corpus.readers import formats
from probing.corpus.readers.folders.guessed import refuse_without_pattern
from probing.corpus.readers.folders.pattern import listed
from probing.corpus.readers.releases import iemocap, msp_improv, msp_podcast
from probing.corpus.readers.tables import table
from probing.corpus.readers.tables.absent import without_absent
from probing.corpus.readers.tables.cells import Cells, read_cells
from probing.corpus.readers.tables.columns import KNOWN
from probing.corpus.reading import Reading
from probing.corpus.spec import DEMO, PREFIXES, PUBLIC, RELEASES, SPLIT_BY_SESSION, CorpusSpec
from probing.corpus.splits import split_anew
from probing.errors import CorpusError, number_of

_Reader = Callable[[Path, "int | None", bool, bool], Corpus]  # folder, fold, whether words and raters are read
_READERS: dict[str, _Reader] = {
    "msp-podcast": lambda folder, _, with_text, with_answers: msp_podcast.read(folder, with_text, with_answers),
    "iemocap": iemocap.read,
    "msp-improv": msp_improv.read,
}
_SCALES = {  # each release knows its own
    "msp-podcast": msp_podcast.SCALE,
    "iemocap": iemocap.SCALE,
    "msp-improv": msp_improv.SCALE,
    DEMO: (1.0, 7.0),
}
_COMPARED = 1_000  # names in a folder that a path is compared with
_KNOWN = (
    "corpora are: demo, path/to/table.csv (or .tsv, .json, .jsonl, .parquet), path/to/folder, "
    f"{', '.join(f'{prefix}:/path/to/release' for prefix in RELEASES)}, "
    f"{', '.join(f'{prefix}:/path/to/folder' for prefix in PUBLIC)}"
)


def open_corpus(
    spec: CorpusSpec | str,
    scale: tuple[float, float] | None = None,
    fold: int | None = None,
    demo_folder: Path = Path("cache/demo"),
    answers: bool = False,
) -> Corpus:
    """Open the corpus that a spec names.

    Args:
        spec: `demo`, the path of a table (`.csv`, `.tsv`, `.json`, `.jsonl`, `.parquet`) or of a folder that is one, or
            a known corpus (`msp-podcast:/path`, `crema-d:/path` …); or a `CorpusSpec`, whose label map,
            split and transcripts are then applied, in this order.
        scale: Lowest and highest rating that annotators could give; a table without it is taken to lie in [0, 1].
        fold: The fold that is tested on, of a corpus that is split into folds; None: its last.
        demo_folder: Where the built-in corpus is written when it is not there yet.
        answers: Whether a release's files of single raters are read, which takes seconds; a table's columns of raters
            always are.

    Returns:
        The corpus; nothing of its audio has been opened.

    Raises:
        CorpusError: The spec is unknown (code `corpus-unknown`), scale, fold or reading do not fit it (`scale`, `fold`,
            `reading`), or the corpus cannot be read as it stands.
    """
    if isinstance(spec, str):
        spec = CorpusSpec.resolve(spec, scale, fold)
    _refuse_unfit(spec)
    corpus = _read(spec, demo_folder, answers)
    if spec.reading.label_map is not None:
        corpus = with_proxies(corpus, spec.reading.label_map)
    if spec.reading.split is not None:
        _refuse_speakers_out_of_pattern(corpus, spec)
        corpus = split_anew(corpus, spec.reading.split, spec.fold)
    return corpus if spec.transcripts is None else table.with_transcripts(corpus, Path(spec.transcripts))


def every_fold(spec: CorpusSpec) -> list[CorpusSpec]:
    """The same corpus with each of its folds tested in turn, the first fold first.

    Raises:
        CorpusError: The spec names a fold (code `exclusive`), the corpus is not split into folds (`no-folds`), or it
            cannot be opened.
    """
    if spec.fold is not None:
        what, remedy = f"--fold {spec.fold} and --folds all", "leave one of them out"
        raise CorpusError(what, "one names a fold, the other all of them", remedy, code="exclusive")
    last = open_corpus(spec).fold
    if last is None:
        why = f"{spec.words()[0]} is not split into folds"
        raise CorpusError("--folds all", why, "split it, for example --split speaker:5", code="no-folds")
    return [replace(spec, fold=fold) for fold in range(1, last + 1)]


def _read(spec: CorpusSpec, demo_folder: Path, answers: bool) -> Corpus:
    """The corpus as its source has it, with its columns called as the spec says."""
    if spec.prefix in _READERS and spec.path:
        own_fold = spec.fold if spec.reading.split is None else None
        return _READERS[spec.prefix](spec.path, own_fold, spec.transcripts is None, answers)
    cells = None
    if spec.prefix == DEMO:
        from probing.demo.corpus import write_demo  # only here: nobody else pays for loading the synthesiser

        cells = read_cells(write_demo(demo_folder), KNOWN, ())
    elif spec.source and spec.path:
        public = formats.PUBLIC.get(spec.prefix)
        cells = formats.cells_of(spec.path, spec.reading.pattern) if public is None else public(spec.path)
    if cells is None:
        _refuse_recordings(spec)
        what = f"there is no corpus {spec.source!r}"
        raise CorpusError(what, _KNOWN, _nearest(spec.source), code="corpus-unknown")
    corpus = table.corpus_of(cells, _SCALES.get(spec.prefix, spec.scale), spec.name, spec.reading)
    return _with_values(corpus, cells, spec.reading)


def _with_values(corpus: Corpus, cells: Cells, reading: Reading) -> Corpus:
    """The same with what the column has that it is to be split by, verbatim, whatever else that column is read as."""
    name = Split.resolve(reading.split).column if reading.split else None
    if name is None:
        return corpus
    theirs = dict(reading.columns).get(name, name)
    alike = [column for column in cells.columns if column.lower() == theirs.lower()]
    if theirs not in cells and len(alike) != 1:
        return corpus
    column = theirs if theirs in cells else alike[0]
    cells.demand_printable(column)
    own, _ = without_absent(replace(cells, columns={column: cells.column(column)}))
    values = {u.id: value for u, value in zip(corpus.utterances, own.column(column), strict=True)}
    unused = {own: why for own, why in corpus.unused.items() if own != column}
    return replace(corpus, values=values, unused=unused)


def _refuse_speakers_out_of_pattern(corpus: Corpus, spec: CorpusSpec) -> None:
    """Raise a CorpusError (code `split`) where speakers are to be split by, and a pattern of names has none."""
    kind, pattern = Split.resolve(spec.reading.split or "").kind, spec.reading.pattern
    if pattern is None or kind not in (SPEAKER, LEAVE_ONE_OUT) or any(u.speaker for u in corpus.utterances):
        return
    why = f"--pattern {pattern!r} says of no recording who speaks"
    remedy = f"write {{speaker}} in the pattern where a name says it, or type --split {RANDOM}:5"
    raise CorpusError(f"--split {spec.reading.split}", why, remedy, code="split")


def _refuse_unfit(spec: CorpusSpec) -> None:
    """Raise a CorpusError where scale, fold or reading make no sense, or do not fit the corpus."""
    typed = spec.words()[0]
    _refuse_reading(spec, typed)
    if spec.fold is not None and spec.prefix not in SPLIT_BY_SESSION and spec.reading.split is None:
        why = f"only {' and '.join(SPLIT_BY_SESSION)} have folds"
        remedy = "leave --fold out, or split the corpus: --split speaker:5"
        raise CorpusError(f"--fold {spec.fold} does not fit {typed}", why, remedy, code="fold")
    if spec.scale is None:
        return
    low, high = spec.scale
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        what = f"--scale {low:g} {high:g}"
        raise CorpusError(what, "LOW must be less than HIGH", "for example --scale 1 7", code="scale")
    own = _SCALES.get(spec.prefix)
    if own is not None and spec.scale != own:
        raise CorpusError(
            f"--scale {low:g} {high:g} does not fit {typed}",
            f"its scale is {own[0]:g} to {own[1]:g}",
            "leave --scale out",
            code="scale",
        )


def _refuse_reading(spec: CorpusSpec, typed: str) -> None:
    """Raise a CorpusError where a known corpus is to be read otherwise than it is known to be."""
    said = {
        "--pattern": spec.reading.pattern,
        "--column": spec.reading.columns,
        "--category": spec.reading.categories,
        "--audio-root": spec.reading.audio_root,
    }
    fitting = {"table": tuple(said), **dict.fromkeys(RELEASES, ())}.get(spec.prefix, ("--column", "--category"))
    unfit = [flag for flag, value in said.items() if value and flag not in fitting]
    if unfit:
        what, why = f"{', '.join(unfit)} does not fit {typed}", "its files and columns are known"
        raise CorpusError(what, why, f"leave {', '.join(unfit)} out", code="reading")


def _refuse_recordings(spec: CorpusSpec) -> None:
    """Raise a CorpusError (code `corpus-unknown`) where a folder holds recordings, and nothing says what they are."""
    folder = Path(spec.source)
    if not spec.source or not folder.is_dir():
        return
    found, known = listed(folder), formats.known_as(folder)
    if found and known:
        why = f"it holds {number_of(len(found), 'recording')}, whose names are those of {known}"
        raise CorpusError(f"folder {folder}", why, f"type {known}:{spec.source}", code="corpus-unknown")
    refuse_without_pattern(folder, found, f"or type {_as_known(spec.source, RELEASES)}")


def _as_known(folder: str, prefixes: Iterable[str]) -> str:
    """What may be typed for a folder that is none by itself."""
    named = " or ".join(f"{prefix}:{folder}" for prefix in prefixes)
    return f"the path of a table in that folder, or {named} if it is that corpus"


def _nearest(source: str) -> str:
    """What the user may have meant by an unknown spec."""
    if source and Path(source).is_dir():
        return f"type {_as_known(source, PREFIXES)}"
    prefix, colon, rest = source.partition(":")
    near = difflib.get_close_matches(prefix.lower(), [DEMO, *PREFIXES], n=1)
    if not near:
        return _nearest_path(Path(source)) or "type one of those"
    path = f":{rest if colon else '/path/to/release'}" if near[0] in PREFIXES else ""
    return f"did you mean {near[0]}{path}?"


def _nearest_path(path: Path) -> str:
    """The file or folder that may be meant by a path at which there is none; nothing where it is no such path."""
    if path.exists() or len(path.parts) < 2 or not path.parent.is_dir():
        return ""
    found = difflib.get_close_matches(
        path.name, islice((entry.name for entry in path.parent.iterdir()), _COMPARED), n=1
    )
    there = f"there is no such file or folder in {path.parent}"
    return f"{there}: did you mean {path.parent / found[0]}?" if found else f"{there}: correct the path"
