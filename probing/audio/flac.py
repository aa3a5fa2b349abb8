"""The structure of FLAC files (RFC 9639): STREAMINFO compared with the frames, and the MD5 of the samples.

Each frame repeats rate and channels and has its position. The last frame tells the number of samples if the header does
not state it, or states it wrongly.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probing.audio.refusals import cut_short, damaged
from probing.audio.source import Layout, Source

_RATES = {1: 88_200, 2: 176_400, 3: 192_000, 4: 8000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100}
_RATES |= {10: 48_000, 11: 96_000}
_BITS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
_MOST_BLOCKS = 1000  # of metadata
_MOST_CANDIDATES = 20
_TAIL = 1 << 20  # bytes in which the last frame is looked for; a frame is rarely longer than 64 KiB


@dataclass(frozen=True)
class _Info:
    """STREAMINFO: samples of a block (fewest, most), rate in Hz, channels, bits, samples in all, digest."""

    block: tuple[int, int]
    rate: int
    channels: int
    bits: int
    samples: int
    digest: bytes


@dataclass(frozen=True)
class _Frame:
    """A frame's header: its first sample, its number of samples, rate, channels and bits; 0: as STREAMINFO says."""

    first: int
    samples: int
    rate: int
    channels: int
    bits: int


class Digest:
    """The MD5 of all samples, which libsndfile does not verify."""

    def __init__(self, digest: bytes, bits: int) -> None:
        self._digest, self._bits, self._heard = digest, bits, hashlib.md5(usedforsecurity=False)

    def hear(self, block: NDArray[np.float32]) -> None:
        """Take the next samples [S, channels], whose float32 holds up to 24 bits exactly."""
        whole = block * np.float32(1 << (self._bits - 1))
        if self._bits == 24:
            self._heard.update(whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
        else:
            self._heard.update(whole.astype("<i2" if self._bits == 16 else np.int8).data)

    def verdict(self) -> str:
        """A note if the MD5 differs; otherwise empty."""
        same = self._heard.digest() == self._digest
        return "" if same else "its samples are not those that its MD5 was taken of"


def flac(source: Source, start: int = 0) -> Layout:
    """Follow a FLAC file.

    Args:
        source: The file.
        start: Where the stream begins, behind a tag.

    Raises:
        AudioError: Header and frames contradict each other (code `audio-damaged`).
    """
    info, at = _metadata(source, start + 4)
    first = _frame(source.read(at, 16), info)
    if first is None:
        raise damaged(source.path, "its header does not lead to its first frame")
    for name, mine, own in (
        ("a rate of {} Hz", info.rate, first.rate),
        ("{} channels", info.channels, first.channels),
        ("{} bits", info.bits, first.bits),
    ):
        if own not in (0, mine):
            raise damaged(source.path, f"its header states {name.format(mine)}, its frames {own}")
    last = _last(source, info, first, at)
    there = last.first + last.samples if last else None
    if there is not None and info.samples not in (0, there):
        refusal = cut_short if there < info.samples else damaged
        raise refusal(source.path, f"its header states {info.samples:,} samples, its frames {there:,}")
    notes = () if info.samples else ("its header states no length, as of a recording written as a stream",)
    witness = Digest(info.digest, info.bits) if any(info.digest) and info.bits in (8, 16, 24) else None
    return Layout(notes=notes, frames=info.samples or there, witness=witness, codec=f"{info.bits}-bit FLAC")


def _metadata(source: Source, at: int) -> tuple[_Info, int]:
    """STREAMINFO, and where the frames begin."""
    info = None
    for _ in range(_MOST_BLOCKS):
        head = source.read(at, 4)
        if len(head) < 4:
            break
        kind, size = head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind == 0 and size >= 34 and len(raw := source.read(at + 4, 34)) == 34:
            low, high = struct.unpack(">HH", raw[:4])
            packed = int.from_bytes(raw[10:18], "big")
            rate, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
            info = _Info((low, high), rate, channels, bits, packed & (1 << 36) - 1, raw[18:])
        at += 4 + size
        if head[0] & 0x80:
            break
    if info is None:
        raise damaged(source.path, "it has no STREAMINFO")
    return info, at


def _frame(raw: bytes, info: _Info) -> _Frame | None:
    """Parse a frame's header; None if there is none, or its CRC-8 is wrong."""
    if len(raw) < 6 or raw[0] != 0xFF or raw[1] & 0xFE != 0xF8:
        return None
    variable, block, rate, channels, bits = raw[1] & 1, raw[2] >> 4, raw[2] & 15, raw[3] >> 4, raw[3] >> 1 & 7
    number, at = _coded_number(raw)
    if number is None or block == 0 or rate == 15 or channels > 10 or bits == 3:
        return None
    more = {6: 1, 7: 2}.get(block, 0)
    samples = int.from_bytes(raw[at : at + more], "big") + 1 if more else _block_samples(block)
    at += more
    own = _RATES.get(rate, 0)
    if rate >= 12:
        width = 1 if rate == 12 else 2
        own = int.from_bytes(raw[at : at + width], "big") * {12: 1000, 13: 1, 14: 10}[rate]
        at += width
    if at >= len(raw) or _crc8(raw[:at]) != raw[at]:
        return None
    place = number if variable else number * info.block[1]
    return _Frame(place, samples, own, channels + 1 if channels < 8 else 2, _BITS.get(bits, 0))


def _block_samples(code: int) -> int:
    """Samples of a block by its code."""
    if code == 1:
        return 192
    return 576 << (code - 2) if code < 6 else 256 << (code - 8)


def _coded_number(raw: bytes) -> tuple[int | None, int]:
    """Decode a frame's number (as UTF-8, extended to 36 bits), and return it with the offset behind it."""
    first = raw[4]
    if first < 0x80:
        return first, 5
    following = 7 - (first ^ 0xFF).bit_length()
    tail = raw[5 : 5 + following]
    if not 1 <= following <= 6 or len(tail) < following or any(byte & 0xC0 != 0x80 for byte in tail):
        return None, 0
    number = first & (0x3F >> following)
    for byte in tail:
        number = number << 6 | byte & 0x3F
    return number, 5 + following


def _last(source: Source, info: _Info, first: _Frame, at: int) -> _Frame | None:
    """Search backwards from the end of the file for the last frame; None if there is none.

    Compressed samples may look like a frame's header, so a frame that confirms the number of samples is preferred.
    """
    start = max(at, source.size - _TAIL)
    tail = source.read(start, source.size - start)
    place, sync = len(tail), source.read(at, 2)
    found: list[_Frame] = []
    while (place := tail.rfind(sync, 0, place)) >= 0 and len(found) < _MOST_CANDIDATES:
        frame = _frame(tail[place : place + 16], info)
        if frame and (frame.rate, frame.bits) == (first.rate, first.bits):
            if frame.first + frame.samples == info.samples:
                return frame
            found.append(frame)
    return found[0] if found else None


def _crc8(raw: bytes) -> int:
    """The CRC-8 of a frame's header, x⁸ + x² + x + 1."""
    crc = 0
    for byte in raw:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc8_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1 ^ (0x07 if byte & 0x80 else 0)) & 0xFF
    return byte


_CRC8 = tuple(_crc8_of(byte) for byte in range(256))
