"""How a corpus is read: what its columns are called, where its audio is, how it is split. Loads without NumPy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from probing.errors import OptionError
from probing.files import absolute, shown
from probing.options import option, validate


@dataclass(frozen=True)
class Reading:
    """What a user says of a corpus that its files do not say, or say otherwise."""

    split: str | None = option(
        None,
        "Split the corpus anew: speaker:K (K folds of speakers; the tested ones are unseen), leave-one-speaker-out, "
        "random:K (K folds of utterances; the speakers are seen) or column:NAME (its values are the folds). Of a fold "
        "k, fold k is tested on, fold k+1 is development, the rest is train.",
        metavar="HOW",
        shown_default="the corpus's own split",
    )
    columns: tuple[tuple[str, str], ...] = option(
        (),
        "What a column of ours (id, path, partition, speaker, text, sex, start, end or a dimension) is called in the "
        "corpus, for example path=file_id; may be repeated.",
        flag="--column",
        metavar="OURS=THEIRS",
    )
    categories: tuple[str, ...] = option(
        (),
        "Read a column as the names of classes even if it has numbers; may be repeated. Columns of names are found "
        "without it.",
        flag="--category",
        metavar="NAME",
    )
    audio_root: str | None = option(
        None,
        "Folder that audio paths are relative to.",
        metavar="DIR",
        shown_default="the table's folder",
    )
    pattern: str | None = option(
        None,
        "What the file names of a folder of audio say, for example '{speaker}_{emotion}_{id}.wav'.",
        metavar="PATTERN",
    )
    label_map: str | None = option(
        None,
        "Table that turns the names of a category into ratings (columns name, valence, arousal, dominance), or the "
        "name of one that ships; the ratings are proxies, and results say so.",
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        validate(self)
        twice = [ours for ours, count in Counter(ours for ours, _ in self.columns).items() if count > 1]
        if twice:
            remedy = "name one column of theirs for each of ours"
            raise OptionError(f"--column {twice[0]}=… is given twice", "", remedy, code="option-twice")

    def resolved(self) -> Self:
        """The same with paths that are valid from every folder."""
        root = None if self.audio_root is None else absolute(self.audio_root)
        mapped = self.label_map
        if mapped is not None and Path(mapped).suffix:  # a name without an ending is that of a table that ships
            mapped = absolute(mapped)
        return replace(self, audio_root=root, label_map=mapped)

    def words(self) -> list[str]:
        """What a user types in the present folder."""
        typed: list[str] = ["--split", self.split] if self.split else []
        for ours, theirs in self.columns:
            typed += ["--column", f"{ours}={theirs}"]
        for name in self.categories:
            typed += ["--category", name]
        typed += ["--audio-root", shown(self.audio_root)] if self.audio_root else []
        typed += ["--pattern", self.pattern] if self.pattern else []
        if self.label_map:
            named = Path(self.label_map).suffix
            typed += ["--label-map", shown(self.label_map) if named else self.label_map]
        return typed

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without what was not said, so that a record of a corpus read as it is stays as it was."""
        said = {
            "split": self.split,
            "columns": [list(pair) for pair in self.columns],
            "categories": list(self.categories),
            "audio_root": self.audio_root,
            "pattern": self.pattern,
            "label_map": self.label_map,
        }
        return {name: value for name, value in said.items() if value}
