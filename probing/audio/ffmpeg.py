"""Formats that libsndfile does not read (M4A, MP4, WebM, WMA, AAC, AMR), through the program ffmpeg where there is one.

ffmpeg is told the format, reads the one file and no other, and hands over samples at the file's own rate as an AU
stream, whose header states rate and channels. Where audio is lost it ends with an error, or says that the file ends too
early; whatever else it says, for example of a picture beside the audio, is a note.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from probing.audio.refusals import converted, damaged
from probing.errors import AudioError

_MATROSKA, _ASF = b"\x1aE\xdf\xa3", bytes.fromhex("3026b2758e66cf11")
_TALK = 1 << 12  # bytes of messages kept
_PATIENCE = 60.0  # seconds without any output after which ffmpeg is ended
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+")
_LOST = re.compile(r"premature|partial|truncat|corrupt", re.IGNORECASE)  # Matroska's cuts end with no error


@dataclass(frozen=True)
class Foreign:
    """A format: its name for users, and ffmpeg's name of its demuxer."""

    name: str
    demuxer: str


def foreign(head: bytes) -> Foreign | None:
    """The format of a file that libsndfile does not read, by its first 12 bytes."""
    if head[4:8] == b"ftyp":
        return Foreign("MPEG-4 audio (m4a, mp4)", "mov")
    if head[:4] == _MATROSKA:
        return Foreign("WebM or Matroska audio", "matroska")
    if head[:8] == _ASF:
        return Foreign("Windows Media audio", "asf")
    if head[:5] == b"#!AMR":
        return Foreign("AMR audio", "amr")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return Foreign("AAC audio", "aac")
    return None


def program() -> str | None:
    """Where ffmpeg is: on the path, or in the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        bundled = import_module("imageio_ffmpeg")
    except ImportError:
        return None
    try:
        return str(bundled.get_ffmpeg_exe())
    except RuntimeError:  # the package is there, the program is not
        return None


class Stream:
    """The samples of a file as ffmpeg decodes them.

    Args:
        path: The file.
        kind: Its format.

    Raises:
        AudioError: There is no ffmpeg (code `audio-undecodable`), or it decodes nothing or does not come to an end
            (`audio-damaged`).
    """

    def __init__(self, path: Path, kind: Foreign) -> None:
        self._path, self._kind = path, kind
        own = program()
        if own is None:
            remedy = f"install ffmpeg (pip install imageio-ffmpeg brings one), or {converted(path)}"
            why = f"{kind.name} needs ffmpeg, which is not here"
            raise AudioError(f"{path}", why, remedy, code="audio-undecodable")
        self._talk = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        command = [own, "-nostdin", "-hide_banner", "-v", "error", "-xerror", "-protocol_whitelist", "file,pipe"]
        command += ["-f", kind.demuxer, "-i", f"file:{path}", "-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "-"]
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._talk)
        self.notes: list[str] = []
        with ExitStack() as failed:
            failed.callback(self.close)
            head = self._read(24)
            if len(head) < 24:
                self._ended()
                said = self._said()
                raise damaged(path, said[0] if said else "ffmpeg decodes nothing of it")
            _, start, _, _, self.rate, self.channels = struct.unpack(">6I", head)
            self._read(start - 24)
            failed.pop_all()

    @property
    def _out(self) -> IO[bytes]:
        assert self._child.stdout is not None  # it is a pipe
        return self._child.stdout

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples [S, channels], up to so many at a time.

        Raises:
            AudioError: ffmpeg found damage, or does not come to an end (code `audio-damaged`).
        """
        while raw := self._read(4 * self.channels * frames):
            whole = len(raw) // (4 * self.channels) * self.channels
            yield np.frombuffer(raw, ">f4", whole).astype(np.float32).reshape(-1, self.channels)
        failed, said = self._ended(), self._said()
        lost = [line for line in said if failed or _LOST.search(line)]
        if failed or lost:
            raise damaged(self._path, lost[0] if lost else "ffmpeg failed")
        self.notes += [f"ffmpeg says: {_NUMBER.sub('…', line)}" for line in said[:1]]  # the same of like files

    def close(self) -> None:
        """End ffmpeg, even if it has not finished."""
        self._out.close()
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._talk.close()

    def _read(self, count: int) -> bytes:
        """Read so many bytes of ffmpeg's output; fewer at its end."""
        found = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._out, selectors.EVENT_READ)
            while len(found) < count:
                if not ready.select(_PATIENCE):
                    raise self._endless()
                block = os.read(self._out.fileno(), count - len(found))
                if not block:
                    break
                found += block
        return bytes(found)

    def _ended(self) -> int:
        """Wait until ffmpeg ends, and return its exit status."""
        try:
            return self._child.wait(_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise self._endless() from error

    def _endless(self) -> AudioError:
        return damaged(self._path, f"ffmpeg decoded nothing more of it in {_PATIENCE:g} s")

    def _said(self) -> list[str]:
        """The messages of ffmpeg, line by line, without the memory addresses in front of them."""
        self._talk.seek(0)
        lines = self._talk.read(_TALK).decode("utf-8", "replace").strip().splitlines()
        return [line.rpartition("] ")[2] for line in lines]
