"""Why a sound file cannot be used: each reason with its code and a remedy that helps."""

from __future__ import annotations

from pathlib import Path

from probing.errors import AudioError

_AGAIN = "copy or export it again; it must not enter an analysis as a shorter utterance"


def cut_short(path: Path, why: str) -> AudioError:
    """Less audio than there should be (code `audio-damaged`)."""
    return AudioError(f"{path}", f"cut short: {why}", _AGAIN, code="audio-damaged")


def damaged(path: Path, why: str) -> AudioError:
    """What the file says of itself does not hold together (code `audio-damaged`)."""
    remedy = "copy it again from its source; if that is the same, export it again"
    return AudioError(f"{path}", f"damaged: {why}", remedy, code="audio-damaged")


def unsupported(path: Path, codec: str) -> AudioError:
    """The file may be whole, but nothing here decodes it (code `audio-codec`)."""
    return AudioError(f"{path}", f"{codec} is not supported", converted(path), code="audio-codec")


def out_of_bounds(path: Path, why: str) -> AudioError:
    """A rate or a number of channels that no recording of speech has (code `audio-bounds`)."""
    remedy = f"if the header is wrong, copy the file again; if it is right, {converted(path)}"
    return AudioError(f"{path}", why, remedy, code="audio-bounds")


def converted(path: Path) -> str:
    """How to make a WAV of a file."""
    name = path.name.replace('"', '\\"')
    quoted = f'"{name}"' if set(name) & set(" '\"()&;$`") else name
    return f"convert it first, for example: ffmpeg -i {quoted} -ar 16000 -ac 1 {path.stem}.16k.wav"
