"""Whether what a user names is there at all, asked before a command loads PyTorch, transformers or pandas.

What is not there is handed to the very function that refuses it, so that it is said in one way wherever it is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from probing.corpus.spec import TABLES, CorpusSpec
from probing.encoders.spec import EncoderSpec, taken_apart
from probing.files import absolute
from probing.options import RUNS


def demand_corpus(spec: CorpusSpec) -> None:
    """Make sure that a corpus is there, with the tables that its spec names.

    Raises:
        CorpusError: As `open_corpus`.
    """
    path, named = spec.path, (spec.transcripts, spec.reading.label_map)
    if path is not None and not path.is_dir() and (not path.is_file() or path.suffix.lower() not in TABLES):
        from probing.corpus.opening import open_corpus

        open_corpus(spec)
    for table in named:
        if table is not None and Path(table).suffix and not Path(table).is_file():
            from probing.corpus.readers.tables import table_file

            table_file.read(Path(table))


def demand_encoder(spec: EncoderSpec | str) -> None:
    """Make sure that an encoder is known, there, or may be on the model hub; of a system's name every part.

    Raises:
        EncoderError: As `open_encoder`.
    """
    from probing.encoders.sources import source_of

    for part in (spec.name,) if isinstance(spec, EncoderSpec) else spec.split("+"):
        stem, _ = taken_apart(part)
        if not Path(stem).expanduser().is_dir():  # what is in a folder is for whoever opens it to say
            source_of(stem)


def demand_cache(path: Path) -> None:
    """Make sure that a cache file is there, if one is named, and not the folder of all caches.

    Raises:
        CacheError: As `open_cache`.
    """
    if path.suffix == ".h5" and not path.is_file():
        from probing.cache.reader import open_cache

        open_cache(path)


def typed_run(_context: object, _parameter: object, value: str) -> Path:
    """What a user typed for a run; of `./owner/name` the `./`, which a `Path` loses, says that it is no hub id."""
    return Path(absolute(value) if value.startswith("./") and not Path(value).exists() else value)


def demand_run(run: Path, published: bool = False, runs: Path = RUNS) -> None:
    """Make sure that a folder holds a finished run.

    Args:
        run: The folder.
        published: Whether it may also be a published model.
        runs: Folder of all runs: what would lie in it is no hub id.

    Raises:
        RunError: As `read_record`.
    """
    from probing.runs.published import names_published
    from probing.runs.there import demand_record

    if not (published and names_published(run)) or (absolute(run.parent) == absolute(runs) and not run.exists()):
        demand_record(run)


def demand_latest(command: str, runs: Path) -> None:
    """Make sure that a folder of runs is not empty, where the latest run of a command is meant.

    Raises:
        RunError: As `latest`.
    """
    from probing.runs.there import demand_any

    demand_any(command, runs)


def demand_folders(runs: Iterable[Path | None]) -> None:
    """Make sure that runs' folders are there; what is in them, or is still being written, is for their reader to say.

    Args:
        runs: Folders, or None where no run is named.

    Raises:
        RunError: One is not there (code `no-run`).
    """
    for run in runs:
        if run is not None and not run.exists():
            demand_run(run)
