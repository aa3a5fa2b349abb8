"""Decode a file in blocks with libsndfile, and refuse it if there is less audio than its structure states."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import soundfile
from numpy.typing import NDArray

from probing.audio.bounds import at_a_time, demand_bounds
from probing.audio.complaints import Complaints
from probing.audio.refusals import converted, cut_short, damaged, unsupported
from probing.audio.riff import UNKNOWN_SIZE
from probing.audio.source import Layout, Piece, Source, Window
from probing.errors import AudioError

# libsndfile corrects the length of a truncated file and says so only in its log: "data : 768000 (should be 19956)". Of
# formats whose structure is not followed here, this is all that tells.
_CUT_SHORT = re.compile(r"^\s*[A-Za-z][\w ]*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


class Decoded:
    """A file decoded by libsndfile, piece by piece."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self._source, self._layout = source, layout
        self._frames = 0
        self._complaints = Complaints()
        self.notes: list[str] = []

    def pieces(self) -> Iterator[tuple[Iterator[NDArray[np.float32]], int]]:
        """Iterate over pieces: samples [S, channels] in blocks, and rate. A piece must be read before the next one."""
        path, layout = self._source.path, self._layout
        for piece in layout.pieces:
            with self._open(piece) as file:
                demand_bounds(path, file.samplerate, file.channels)
                yield self._blocks(file), file.samplerate
        if layout.frames is not None and self._frames < layout.frames - layout.slack:
            raise cut_short(path, f"it should have {layout.frames:,} samples, {self._frames:,} could be decoded")
        if layout.frames is not None and self._frames > layout.frames + layout.slack:
            raise damaged(path, f"it should have {layout.frames:,} samples, {self._frames:,} were decoded")
        if not layout.walked:
            self.notes.append("nothing tells whether a file of its format is whole")
        if self._frames == 0:
            raise AudioError(f"{path}", "it has no samples", "leave it out", code="audio-empty")
        if self._complaints.undecoded:
            self.notes.append("some of its frames could not be decoded: they are silent, or sound wrong")
        if layout.witness and (wrong := layout.witness.verdict()):
            self.notes.append(wrong)

    def _open(self, piece: Piece) -> soundfile.SoundFile:
        """Open a piece; a whole file by its descriptor, so that libsndfile does not see its name."""
        source = self._source
        try:
            with self._complaints:
                if piece == Piece():
                    source.file.seek(0)
                    return _Forward(source.file.fileno(), closefd=False)
                return _Forward(Window(source, piece))
        except soundfile.LibsndfileError as error:
            raise self._undecodable(error) from error

    def _blocks(self, file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
        """The samples [S, channels] of a piece."""
        most, there, stated = at_a_time(file.samplerate, file.channels), 0, file.frames
        try:
            while there < stated:
                with self._complaints:
                    block = file.read(min(most, stated - there), dtype="float32", always_2d=True)
                if not len(block):
                    break
                there += len(block)
                if self._layout.witness:
                    self._layout.witness.hear(block)
                yield block
        except soundfile.LibsndfileError as error:
            raise self._undecodable(error) from error
        if not self._layout.walked:
            self._demand_whole(file.extra_info)
        if self._layout.frames is None and there < stated:
            why = f"its header states {stated:,} samples, {there:,} could be decoded"
            raise cut_short(self._source.path, why)
        self._frames += there

    def _demand_whole(self, log: str) -> None:
        """Refuse a file whose length libsndfile has corrected, as its log says."""
        for stated, there in _CUT_SHORT.findall(log):
            if int(there) < int(stated) < UNKNOWN_SIZE:
                why = f"its header states {stated} bytes of audio, the file has {there}"
                raise cut_short(self._source.path, why)

    def _undecodable(self, error: soundfile.LibsndfileError) -> AudioError:
        """The error of a file that libsndfile refused."""
        path, layout = self._source.path, self._layout
        said = error.error_string.rstrip(". \n") or "no reason given"
        if not layout.walked and not layout.codec:
            why = "it is not an audio file that libsndfile reads"
            return AudioError(f"{path}", why, converted(path), code="audio-undecodable")
        if "unimplemented" in said or "unknown format" in said or "not supported" in said:
            return unsupported(path, layout.codec)
        return damaged(path, f"decoding failed ({said})")


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
    """A sound file read from start to end; soundfile otherwise seeks after each block, which costs time."""

    def seekable(self) -> bool:
        """Claim that it is not, so that soundfile does not seek."""
        return False
