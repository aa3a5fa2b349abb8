"""Options of `probe transcribe`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import allow_missing_option, cache_option, device_option, option, validate


@dataclass(frozen=True)
class TranscribeOptions:
    """What settles the transcripts, beside the recogniser, and how many are made at a time."""

    language: str = option("en", "Spoken language, two letters.")
    revision: str | None = option(None, "Branch, tag or commit of the recogniser's hub repository.")
    batch: int = option(16, "Chunks of audio in a batch; transcripts do not depend on it.", at_least=1)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class TranscribePlace:
    """Where the transcripts go, and where they are computed."""

    out: Path | None = option(
        None, "Table to write, .csv.", metavar="FILE", shown_default="transcripts/<corpus>-<asr>.csv"
    )
    device: str | None = device_option()
    cache: Path = cache_option()
    allow_missing: int = allow_missing_option()

    def __post_init__(self) -> None:
        validate(self)
        if self.out is not None and self.out.suffix.lower() != ".csv":
            raise OptionError(f"--out {self.out}", "it is not a .csv", "give it that ending", code="table-ending")
