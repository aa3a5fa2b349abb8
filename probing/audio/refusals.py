"""Why a sound file cannot be used: each reason with its code and a remedy that helps."""

from __future__ import annotations

from pathlib import Path

from probing.errors import AudioError

_AGAIN = "copy or export it again; it must not enter an analysis as a shorter utterance"


def cut_short(path: Path, why: str) -> AudioError:
    """The error of a file with less audio than it should have (code `audio-damaged`)."""
    return AudioError(f"{path}", f"cut short: {why}", _AGAIN, code="audio-damaged")


def damaged(path: Path, why: str) -> AudioError:
    """The error of a file whose contents contradict each other (code `audio-damaged`)."""
    remedy = "copy it again from its source; if that is the same, export it again"
    return AudioError(f"{path}", f"damaged: {why}", remedy, code="audio-damaged")


def unsupported(path: Path, codec: str) -> AudioError:
    """The error of a codec that is not supported; the file may be whole (code `audio-codec`)."""
    return AudioError(f"{path}", f"{codec} is not supported", converted(path), code="audio-codec")


def out_of_bounds(path: Path, why: str) -> AudioError:
    """The error of a rate or a number of channels that no recording of speech has (code `audio-bounds`)."""
    remedy = f"if the header is wrong, copy the file again; if it is right, {converted(path)}"
    return AudioError(f"{path}", why, remedy, code="audio-bounds")


def converted(path: Path) -> str:
    """Advice on how to convert a file to WAV."""
    name = path.name.replace('"', '\\"')
    quoted = f'"{name}"' if set(name) & set(" '\"()&;$`") else name
    return f"convert it first, for example: ffmpeg -i {quoted} -ar 16000 -ac 1 {path.stem}.16k.wav"
