"""What names a corpus: source, scale, fold, reading and other words than its own.

It is JSON in records, and options on a command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from probing.corpus.reading import Reading
from probing.files import absolute, shown

DEMO = "demo"
RELEASES = ("msp-podcast", "iemocap", "msp-improv")
PUBLIC = ("crema-d", "emodb", "meld", "ravdess", "savee", "shemo")  # read as tables, most from their file names
PREFIXES = (*RELEASES, *PUBLIC)
SPLIT_BY_SESSION = ("iemocap", "msp-improv")
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")  # endings, whatever their case


@dataclass(frozen=True)
class CorpusSpec:
    """All that a user types to name a corpus, with paths that are valid from every folder.

    Args:
        source: `demo`, the absolute path of a table or a folder, or a known corpus with the absolute path of its folder
            (`msp-podcast:/data/MSP-PODCAST`).
        scale: Lowest and highest possible rating of a table; None: [0, 1], or the release's own.
        fold: The fold that is tested on, for a corpus that is split into folds; None: its last.
        transcripts: Absolute path of a table `id,text` that replaces the corpus's own words.
        corrupt_words: Word errors made on purpose, per word.
    """

    source: str
    scale: tuple[float, float] | None = None
    fold: int | None = None
    transcripts: str | None = None
    corrupt_words: float | None = None
    reading: Reading = field(default_factory=Reading)

    @classmethod
    def resolve(
        cls,
        typed: str,
        scale: tuple[float, float] | None = None,
        fold: int | None = None,
        transcripts: str | Path | None = None,
        corrupt_words: float | None = None,
        reading: Reading | None = None,
    ) -> Self:
        """What a user typed in the present folder.

        Args:
            typed: `demo`, the path of a table or a folder, or a known corpus's prefix with the path of its folder;
                anything else is kept as it is, for `open_corpus` to refuse.
            scale: As in the class.
            fold: As in the class.
            transcripts: Path of a table `id,text`.
            corrupt_words: As in the class.
            reading: How it is read; its paths may be relative to the present folder.

        >>> CorpusSpec.resolve("demo").source, CorpusSpec.resolve("/data/x.csv", (1, 7)).words()
        ('demo', ['/data/x.csv', '--scale', '1', '7'])
        """
        prefix, colon, rest = typed.partition(":")
        if prefix in PREFIXES and colon:
            source = f"{prefix}:{absolute(rest)}"
        else:
            is_path = typed not in ("", DEMO) and (Path(typed).suffix.lower() in TABLES or Path(typed).is_dir())
            source = absolute(typed) if is_path else typed
        words = None if transcripts is None else absolute(transcripts)
        # Two integers and two floats must be one scale: its digest is part of the corpus's identity.
        ends = None if scale is None else (float(scale[0]), float(scale[1]))
        return cls(source, ends, fold, words, corrupt_words, (reading or Reading()).resolved())

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "source": self.source,
            "scale": None if self.scale is None else list(self.scale),
            "fold": self.fold,
            "transcripts": self.transcripts,
            "corrupt_words": self.corrupt_words,
            "reading": self.reading.to_json(),
        }

    @property
    def prefix(self) -> str:
        """`demo`, a known corpus's prefix, or `table`: a path, of a table or of a folder that is read as one."""
        prefix, colon, _ = self.source.partition(":")
        known = self.source == DEMO or (colon and prefix in PREFIXES)
        return prefix if known else "table"

    @property
    def path(self) -> Path | None:
        """The table, or the corpus's folder; None of the built-in corpus."""
        if self.prefix == DEMO:
            return None
        return Path(self.source if self.prefix == "table" else self.source.partition(":")[2])

    @property
    def name(self) -> str:
        """Short name: `demo`, the prefix, the folder's name, or the table's without its ending."""
        if self.prefix != "table" or self.path is None:
            return self.prefix
        return self.path.stem if self.path.suffix.lower() in TABLES else self.path.name

    def without_other_words(self) -> Self:
        """The same corpus with its own words."""
        return replace(self, transcripts=None, corrupt_words=None)

    def words(self) -> list[str]:
        """What a user types in the present folder, CORPUS first: `resolve` makes this very spec of it again."""
        typed = [self._typed_source()]
        typed += ["--scale", *map(exact, self.scale)] if self.scale else []
        typed += ["--fold", str(self.fold)] if self.fold is not None else []
        typed += self.reading.words()
        typed += ["--transcripts", shown(self.transcripts)] if self.transcripts else []
        return typed + (["--corrupt-words", exact(self.corrupt_words)] if self.corrupt_words is not None else [])

    def _typed_source(self) -> str:
        """The source as a user types it; paths below the present folder are relative to it."""
        prefix, _, rest = self.source.partition(":")
        if self.prefix == DEMO:
            return self.source
        if self.prefix in PREFIXES:
            return f"{prefix}:{shown(rest)}"
        path = shown(self.source)
        return f"./{path}" if path.partition(":")[0] in PREFIXES else path  # a table `iemocap:x.csv` is no release


def exact(number: float) -> str:
    """A number as a user types it, with as many digits as it needs.

    >>> exact(7.0), exact(0.222), exact(1 / 3)
    ('7', '0.222', '0.3333333333333333')
    """
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
