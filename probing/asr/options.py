"""Options of `probe transcribe`, and what may name a recogniser. Loads without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probing.encoders.presets import PRESETS
from probing.errors import EncoderError, OptionError
from probing.files import hub_owner
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


def demand_recogniser(name: str) -> None:
    """Make sure that a recogniser is a folder that is there, or may be on the model hub.

    Raises:
        EncoderError: It is neither (code `asr-unknown`).
    """
    if Path(name).is_dir() or hub_owner(name):
        return
    preset = PRESETS.get(name)
    meant = f"did you mean {preset.source}? " if preset and preset.model_type == "whisper" else ""
    why = "it is no folder here and not of the form owner/name"
    remedy = f"{meant}name a Whisper of the model hub, for example openai/whisper-base, or its folder"
    raise EncoderError(f"unknown recogniser {name!r}", why, remedy, code="asr-unknown")
