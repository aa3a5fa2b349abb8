"""The structure of WAV files: RIFF and RIFX (32-bit sizes), RF64 (EBU Tech 3306) and Wave64.

The format chunk is redundant: BlockAlign is channels × bytes of a sample, ByteRate is BlockAlign × rate. They reveal a
wrong rate or number of channels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from probing.audio.refusals import damaged, unsupported
from probing.audio.sizes import USUAL_RATES, Stated, doubts, measured
from probing.audio.source import Layout, Source

UNKNOWN_SIZE = 0x7FFFF000  # from here on a size means "unknown": it was written by a program that could not seek back
_MOST_CHUNKS = 10_000
_PCM, _ADPCM, _FLOAT, _ALAW, _ULAW, _IMA, _GSM, _EXTENSIBLE = 1, 2, 3, 6, 7, 0x11, 0x31, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64), _ALAW: (8,), _ULAW: (8,)}  # of a sample
_CODECS = {_PCM: "PCM", _ADPCM: "Microsoft ADPCM", _FLOAT: "floating point", _ALAW: "A-law", _ULAW: "µ-law"} | {
    _IMA: "IMA ADPCM",
    _GSM: "GSM 6.10",
    0x14: "G.723 ADPCM",
    0x22: "TrueSpeech",
    0x40: "G.721 ADPCM",
    0x42: "G.723.1",
    0x45: "G.726 ADPCM",
    0x50: "MPEG audio in WAV",
    0x55: "MP3 in WAV",
    0x83: "G.729",
    0xFF: "AAC in WAV",
    0x161: "Windows Media Audio",
    0x2000: "AC-3 in WAV",
    0x674F: "Vorbis in WAV",
    0xF1AC: "FLAC in WAV",
}
_W64_TAIL = {name: bytes.fromhex("f3acd3118cd100c04f8edb8a") for name in (b"wave", b"fmt ", b"data", b"fact")}


@dataclass(frozen=True)
class Chunk:
    """A named part of a file.

    Args:
        name: Four characters.
        start: Where its content begins.
        size: Bytes of its content, as its head states.
    """

    name: bytes
    start: int
    size: int

    @property
    def end(self) -> int:
        """The offset behind its content."""
        return self.start + self.size


@dataclass(frozen=True)
class _Format:
    """The format chunk: codec, channels, rate (Hz), bytes a second, bytes of a block, bits, samples of a block."""

    codec: int
    channels: int
    rate: int
    second: int
    block: int
    bits: int
    samples: int

    @property
    def name(self) -> str:
        """The codec's name for users."""
        if self.codec in (_PCM, _FLOAT):
            return f"{self.bits}-bit {_CODECS[self.codec]}"
        return _CODECS.get(self.codec, f"the codec {self.codec:#06x}")


def wav(source: Source) -> Layout:
    """Follow a RIFF, RIFX or RF64 file.

    Raises:
        AudioError: Its parts contradict each other or the file (code `audio-damaged`), or nothing decodes its codec
            (`audio-codec`).
    """
    order = ">" if source.head[:4] == b"RIFX" else "<"
    whole = 8 + struct.unpack(f"{order}I", source.head[4:8].ljust(4, b"\0"))[0]
    found: dict[bytes, Chunk] = {}
    for chunk in _riff_chunks(source, 12, order):
        found.setdefault(chunk.name, chunk)
        if chunk.name == b"data":
            break
    data = _present(source, found, b"data")
    form = _format(source, _present(source, found, b"fmt "), order)
    size: int | None = data.size
    if source.head[:4] == b"RF64" and b"ds64" in found:
        whole, wide, *_ = struct.unpack("<3Q", source.read(found[b"ds64"].start, 24).ljust(24, b"\0"))
        whole, size = whole + 8, wide if data.size == 0xFFFFFFFF else data.size
    elif data.size >= UNKNOWN_SIZE and data.end > source.size:
        size = None
    field = (data.start - 4, f"{order}I", 0)
    stated = Stated(data.start, size, form.second or form.rate * form.block, _width(form), field)
    follows = "" if size is None else _follows(source, data.start + size, whole, order)
    return _with_format(source, measured(source, stated, follows), form)


def wave64(source: Source) -> Layout:
    """Follow a Sony Wave64 file, whose chunks have names of 16 bytes and sizes of 8, multiples of 8.

    Raises:
        AudioError: As `wav`.
    """
    at, found = 40, dict[bytes, Chunk]()
    whole = struct.unpack("<Q", source.read(16, 8).ljust(8, b"\0"))[0]
    for _ in range(_MOST_CHUNKS):
        if at + 24 > source.size or b"data" in found:
            break
        name, size = struct.unpack("<16sQ", source.read(at, 24))
        if size < 24 or _W64_TAIL.get(name[:4], name[4:]) != name[4:]:
            raise damaged(source.path, f"a chunk of its header is broken at byte {at:,}")
        found.setdefault(name[:4], Chunk(name[:4], at + 24, size - 24))
        at += (size + 7) // 8 * 8
    data, form = _present(source, found, b"data"), _format(source, _present(source, found, b"fmt "), "<")
    stated = Stated(
        data.start, data.size, form.second or form.rate * form.block, _width(form), (data.start - 8, "<Q", 24)
    )
    ends = (data.end, (data.end + 7) // 8 * 8)
    follows = None
    if source.size in ends or (whole == source.size and _wave64_chunks(source, ends[1], whole)):
        follows = ""
    elif whole in ends:
        follows = "what follows the end of its audio is left out"
    return _with_format(source, measured(source, stated, follows), form)


def _wave64_chunks(source: Source, at: int, end: int) -> bool:
    """Whether the file consists of whole chunks from an offset to an end."""
    for _ in range(_MOST_CHUNKS):
        if at + 24 > end:
            return at == end
        size = struct.unpack("<Q", source.read(at + 16, 8))[0]
        if size < 24 or at + size > source.size:
            return False
        at += (size + 7) // 8 * 8
    return False


def _riff_chunks(source: Source, at: int, order: str) -> Iterator[Chunk]:
    """Iterate over the chunks from an offset to the first invalid name; the last one may reach beyond the file."""
    for _ in range(_MOST_CHUNKS):
        head = source.read(at, 8)
        if len(head) < 8 or not _is_name(head[:4]):
            return
        chunk = Chunk(head[:4], at + 8, struct.unpack(f"{order}I", head[4:])[0])
        yield chunk
        at = chunk.end
        if chunk.size % 2 and not (_is_name(source.read(at, 4)) and not _is_name(source.read(at + 1, 4))):
            at += 1  # a chunk begins at an even byte, though some programs forget it


def _is_name(name: bytes) -> bool:
    """Whether four bytes may name a chunk: they are printable."""
    return len(name) == 4 and all(0x20 <= letter < 0x7F for letter in name)


def _present(source: Source, found: dict[bytes, Chunk], name: bytes) -> Chunk:
    if name not in found:
        raise damaged(source.path, f"its header leads to no chunk {name.decode().strip()!r}")
    return found[name]


def _format(source: Source, chunk: Chunk, order: str) -> _Format:
    """Read the format chunk and compare its numbers with each other."""
    raw = source.read(chunk.start, min(chunk.size, 40))
    if len(raw) < 14:
        raise damaged(source.path, "its format chunk is incomplete")
    codec, channels, rate, second, block = struct.unpack(f"{order}HHIIH", raw[:14])
    bits, _, samples = struct.unpack(f"{order}3H", raw[14:20].ljust(6, b"\0"))
    if codec == _EXTENSIBLE and len(raw) >= 26:
        codec = struct.unpack(f"{order}H", raw[24:26])[0]
    if codec in (_ALAW, _ULAW):
        bits = 8  # others write 0, or the 16 that a sample has once it is decoded
    form = _Format(codec, channels, rate, second, block, bits, 320 if codec == _GSM else samples)
    if codec in _BITS:
        width = (bits + 7) // 8
        if block == channels * width and 8 * width not in _BITS[codec]:
            raise unsupported(source.path, form.name)
        if block != channels * width and not (bits == 24 and block == 4 * channels):
            why = f"its header states {channels} channels of {bits} bits in {block} bytes, which contradict each other"
            raise damaged(source.path, why)
    if not _rate_agrees(form) and rate not in USUAL_RATES:
        why = f"its header states a rate of {rate:,} Hz, but {second:,} bytes a second: one of them is wrong"
        raise damaged(source.path, why)
    return form


def _rate_agrees(form: _Format) -> bool:
    """Whether ByteRate agrees with the rate; true if the samples of a block are unknown."""
    if form.codec in _BITS:
        return form.second == form.rate * form.block
    return not form.samples or abs(form.second - form.rate * form.block / form.samples) <= 2


def _width(form: _Format) -> int:
    return form.block if form.codec in _BITS else 0


def _follows(source: Source, at: int, whole: int, order: str) -> str | None:
    """What follows the audio: the argument `follows` of `probing.audio.sizes.measured`.

    Args:
        source: The file.
        at: The byte behind the audio.
        whole: The length of the file that its header states.
        order: Of bytes, for `struct`.
    """
    ends = (at, at + at % 2)
    if source.size in ends or at > source.size:
        return ""
    behind = "what follows the end of its audio is left out"
    if whole in ends:
        return behind
    for chunk in _riff_chunks(source, at + at % 2, order):
        if chunk.end in (source.size, source.size - 1):
            return ""
        if chunk.end > source.size:
            return None
        if chunk.end in (whole, whole - 1):
            return behind
    return None


def _with_format(source: Source, layout: Layout, form: _Format) -> Layout:
    """Add the codec and notes on the format to a layout."""
    odd = () if _rate_agrees(form) else ("its header states a wrong number of bytes a second; its rate is believed",)
    unconfirmed = () if form.codec in _BITS else doubts(form.rate, form.channels)  # where a second's bytes are rounded
    return Layout(layout.pieces, (*layout.notes, *odd, *unconfirmed), codec=form.name)
