"""The structure of AIFF and AIFF-C, AU, CAF and NIST SPHERE files.

Of these formats' numbers only the sizes are redundant. Nothing confirms the rate, so an unusual one is noted.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator

from probing.audio.refusals import cut_short, damaged
from probing.audio.riff import Chunk
from probing.audio.sizes import Stated, agreed, doubts, measured
from probing.audio.source import Layout, Source

_MOST_CHUNKS = 10_000
_AIFF_WIDTH = {b"fl32": 4, b"FL32": 4, b"fl64": 8, b"FL64": 8, b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1}
_AIFF_PCM = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"42ni", b"23ni", b"raw ")
_AU_CODECS = {  # encoding → name, bytes of a sample
    1: ("µ-law", 1),
    2: ("8-bit PCM", 1),
    3: ("16-bit PCM", 2),
    4: ("24-bit PCM", 3),
    5: ("32-bit PCM", 4),
    6: ("32-bit floating point", 4),
    7: ("64-bit floating point", 8),
    23: ("G.721 ADPCM", 0),
    25: ("G.723 ADPCM", 0),
    27: ("A-law", 1),
}
_NIST_FIELD = re.compile(rb"(channel_count|sample_rate|sample_n_bytes|sample_count) -i (\d{1,15})")
_NIST_CODING = re.compile(rb"sample_coding -s\d+ (\S+)")


def aiff(source: Source) -> Layout:
    """Follow an AIFF or AIFF-C file: COMM has the number of samples, SSND the bytes.

    Raises:
        AudioError: Its parts contradict each other or the file (code `audio-damaged`).
    """
    chunks = list(_chunks(source, 12, ">4sI"))
    found = {chunk.name: chunk for chunk in reversed(chunks)}
    common, sound = (_present(source, found, name) for name in (b"COMM", b"SSND"))
    raw = source.read(common.start, min(common.size, 22))
    if len(raw) < 18:
        raise damaged(source.path, "its COMM chunk is incomplete")
    channels, samples, bits = struct.unpack(">HIH", raw[:8])
    codec = raw[18:22] if source.head[8:12] == b"AIFC" else b"NONE"
    if codec in _AIFF_PCM:
        width, name = channels * ((bits + 7) // 8), f"{bits}-bit PCM"
    else:
        width, name = channels * _AIFF_WIDTH.get(codec, 0), f"the AIFF-C codec {codec.decode('latin-1').strip()!r}"
    rate = _extended(raw[8:18])
    offset = struct.unpack(">I", source.read(sound.start, 4).ljust(4, b"\0"))[0]
    start, size = sound.start + 8 + offset, max(0, sound.size - 8 - offset)
    unknown = sound.size >= 0x7FFFF000 and sound.end > source.size
    stated = Stated(start, None if unknown else size, rate * (width or 1), width, (sound.start - 4, ">I", 8 + offset))
    differs = () if unknown else agreed(source, stated, samples)
    last, whole = chunks[-1], 8 + struct.unpack(">I", source.head[4:8])[0]
    end = last.end + last.end % 2
    layout = measured(source, stated, _behind(source, end, whole) if end <= source.size + 1 or last == sound else None)
    return Layout(layout.pieces, (*layout.notes, *differs, *doubts(rate, channels)), codec=name)


def au(source: Source) -> Layout:
    """Follow an AU file, which ends with its audio.

    Raises:
        AudioError: As `aiff`.
    """
    order = ">" if source.head[:4] == b".snd" else "<"
    raw = source.head[4:24]
    if len(raw) < 20:
        raise damaged(source.path, "its header is incomplete")
    start, size, encoding, rate, channels = struct.unpack(f"{order}5I", raw)
    name, sample = _AU_CODECS.get(encoding, (f"the AU encoding {encoding:,}", 0))
    width = sample * channels
    unknown = size == 0xFFFFFFFF or (size >= 0x7FFFF000 and start + size > source.size)
    stated = Stated(start, None if unknown else size, rate * (width or 1), width, (8, f"{order}I", 0))
    if width and (source.size - start) % width and not unknown:
        raise damaged(source.path, f"its audio is no whole number of samples of {width} bytes")
    layout = measured(source, stated, "" if start + size == source.size else None)
    return Layout(layout.pieces, (*layout.notes, *doubts(rate, channels)), codec=name)


def caf(source: Source) -> Layout:
    """Follow an Apple Core Audio file.

    Raises:
        AudioError: As `aiff`.
    """
    chunks = list(_chunks(source, 8, ">4sq"))
    found = {chunk.name: chunk for chunk in reversed(chunks)}
    about, sound = (_present(source, found, name) for name in (b"desc", b"data"))
    raw = source.read(about.start, 32)
    if about.size != 32 or len(raw) < 32:
        raise damaged(source.path, "its desc chunk is incomplete")
    rate, codec, _, packet, per_packet, channels, bits = struct.unpack(">d4s5I", raw)
    linear = codec in (b"lpcm", b"ulaw", b"alaw")
    if linear and (packet != channels * ((bits + 7) // 8) or per_packet != 1):
        why = f"its header states {channels} channels of {bits} bits in {packet} bytes, which contradict each other"
        raise damaged(source.path, why)
    name = f"{bits}-bit PCM" if codec == b"lpcm" else f"the CAF codec {codec.decode('latin-1').strip()!r}"
    size = None if sound.size == -1 else max(0, sound.size - 4)
    width = packet if linear else 0
    second = rate * (width or 1) if math.isfinite(rate) else 0.0
    stated = Stated(sound.start + 4, size, second, width, (sound.start - 8, ">q", 4))
    last = chunks[-1]
    follows = _behind(source, last.end, source.size) if last.end <= source.size or last == sound else None
    layout = measured(source, stated, follows)
    frames = None
    if not linear:
        table = _present(source, found, b"pakt")
        frames = struct.unpack(">qq", source.read(table.start, 16).ljust(16, b"\0"))[1]
    return Layout(layout.pieces, (*layout.notes, *doubts(rate, channels)), frames, codec=name)


def nist(source: Source) -> Layout:
    """Follow a NIST SPHERE file, whose header is text and has the number of samples.

    Raises:
        AudioError: As `aiff`.
    """
    lines = source.head[:1024].split(b"\n", 2)
    length = lines[1].strip() if len(lines) == 3 else b""
    if not length.isdigit() or not 16 <= int(length) <= 1 << 16:
        raise damaged(source.path, "its header does not state its own length")
    head = source.read(0, int(length))
    fields = {name: int(number) for name, number in _NIST_FIELD.findall(head)}
    coding = _NIST_CODING.search(head)
    named = coding[1].decode("latin-1") if coding else "pcm"
    if len(fields) < 4 or named.split(",")[0] not in ("pcm", "ulaw", "alaw", "mu-law") or "," in named:
        return Layout(frames=fields.get(b"sample_count"), codec=f"the NIST coding {named!r}", walked=False)
    width = fields[b"channel_count"] * fields[b"sample_n_bytes"]
    there, stated = source.size - int(length), fields[b"sample_count"] * width
    if there < stated:
        raise cut_short(source.path, f"its header states {stated:,} bytes of audio, the file has {there:,}")
    if there > stated:
        raise damaged(source.path, f"its header states {stated:,} bytes of audio, but {there - stated:,} more follow")
    return Layout(frames=fields[b"sample_count"], codec=named, notes=doubts(fields[b"sample_rate"], 1))


def _chunks(source: Source, at: int, head: str) -> Iterator[Chunk]:
    """Iterate over chunks from an offset; `head` is the `struct` format of name and size. AIFF pads to even bytes."""
    length = struct.calcsize(head)
    for _ in range(_MOST_CHUNKS):
        raw = source.read(at, length)
        if len(raw) < length or not all(0x20 <= letter < 0x7F for letter in raw[:4]):
            return
        chunk = Chunk(raw[:4], at + length, struct.unpack(head, raw)[1])
        yield chunk
        if chunk.size < 0:  # audio to the end of the file
            return
        at = chunk.end + (chunk.size % 2 if length == 8 else 0)


def _present(source: Source, found: dict[bytes, Chunk], name: bytes) -> Chunk:
    if name not in found:
        raise damaged(source.path, f"its header leads to no chunk {name.decode()!r}")
    return found[name]


def _behind(source: Source, end: int, whole: int) -> str | None:
    """What follows the last chunk: the argument `follows` of `probing.audio.sizes.measured`."""
    if end == source.size or end > source.size:
        return ""
    return "what follows the end of its audio is left out" if whole == end else None


def _extended(raw: bytes) -> float:
    """Read an 80-bit number (IEEE 754 extended precision); 0 if it cannot be a rate."""
    exponent, mantissa = struct.unpack(">HQ", raw)
    power = exponent - 16383 - 63
    return math.ldexp(mantissa, power) if -80 < power < 0 else 0.0
