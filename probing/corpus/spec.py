"""What names a corpus: spec, scale, fold and the words read in place of its own; JSON in records, words on a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from probing.errors import CorpusError
from probing.files import absolute, shown

DEMO = "demo"
RELEASES = ("msp-podcast", "iemocap", "msp-improv")
SPLIT_BY_SESSION = ("iemocap", "msp-improv")
TABLES = (".csv", ".tsv")  # endings, whatever their case


@dataclass(frozen=True)
class CorpusSpec:
    """All that a user types to name a corpus, with paths that hold from every folder.

    Args:
        source: `demo`, the absolute path of a table, or a release with the absolute path of its folder
            (`msp-podcast:/data/MSP-PODCAST`).
        scale: Lowest and highest possible rating of a table; None: [0, 1], or the release's own.
        fold: The session that is test2, of a corpus that is split by session; None: its last.
        transcripts: Absolute path of a table `id,text` that replaces the corpus's own words.
        corrupt_words: Word errors made on purpose, per word.
    """

    source: str
    scale: tuple[float, float] | None = None
    fold: int | None = None
    transcripts: str | None = None
    corrupt_words: float | None = None

    @classmethod
    def resolve(
        cls,
        typed: str,
        scale: tuple[float, float] | None = None,
        fold: int | None = None,
        transcripts: str | Path | None = None,
        corrupt_words: float | None = None,
    ) -> Self:
        """What a user typed in the present folder.

        >>> CorpusSpec.resolve("demo").source, CorpusSpec.resolve("/data/x.csv", (1, 7)).words()
        ('demo', ['/data/x.csv', '--scale', '1', '7'])
        """
        prefix, colon, rest = typed.partition(":")
        if prefix in RELEASES and colon:
            source = f"{prefix}:{absolute(rest)}"
        else:
            source = absolute(typed) if Path(typed).suffix.lower() in TABLES else typed
        words = None if transcripts is None else absolute(transcripts)
        return cls(source, None if scale is None else (scale[0], scale[1]), fold, words, corrupt_words)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave.

        Raises:
            CorpusError: It is something else (code `damaged`).
        """
        try:
            scale = content["scale"]
            return cls(
                str(content["source"]),
                None if scale is None else (float(scale[0]), float(scale[1])),
                None if content["fold"] is None else int(content["fold"]),
                None if content["transcripts"] is None else str(content["transcripts"]),
                None if content["corrupt_words"] is None else float(content["corrupt_words"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorpusError(
                "a corpus's description in a record", f"it is damaged ({error})", code="damaged"
            ) from error

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        content = asdict(self)
        return content | {"scale": None if self.scale is None else list(self.scale)}

    @property
    def prefix(self) -> str:
        """`demo`, a release's prefix, or `table`."""
        prefix = self.source.partition(":")[0]
        return prefix if prefix in (DEMO, *RELEASES) else "table"

    @property
    def path(self) -> Path | None:
        """The table, or the release's folder; None of the built-in corpus."""
        if self.prefix == DEMO:
            return None
        return Path(self.source if self.prefix == "table" else self.source.partition(":")[2])

    @property
    def name(self) -> str:
        """Short name: `demo`, the release's, or the table's stem."""
        return self.path.stem if self.prefix == "table" and self.path else self.prefix

    def without_other_words(self) -> Self:
        """The same corpus with its own words."""
        return replace(self, transcripts=None, corrupt_words=None)

    def words(self) -> list[str]:
        """What a user types, CORPUS first; paths below the present folder are relative to it."""
        prefix, colon, rest = self.source.partition(":")
        source = f"{prefix}:{shown(rest)}" if colon and prefix in RELEASES else self.source
        typed = [shown(source) if self.prefix == "table" else source]
        typed += ["--scale", *(f"{end:g}" for end in self.scale)] if self.scale else []
        typed += ["--fold", str(self.fold)] if self.fold is not None else []
        typed += ["--transcripts", shown(self.transcripts)] if self.transcripts else []
        return typed + (["--corrupt-words", f"{self.corrupt_words:g}"] if self.corrupt_words is not None else [])
