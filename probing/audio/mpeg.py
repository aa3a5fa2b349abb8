"""The structure of MP3 files: frame after frame, and what the Xing, LAME or VBRI header says of their number.

A decoder silently skips anything that is not a frame, so a gap makes a recording shorter. Here all frames are counted.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from probing.audio.refusals import cut_short, damaged, unsupported
from probing.audio.source import Layout, Piece, Source

_V1_L3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s by MPEG version and layer
_BITRATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): _V1_L3,
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)  # Hz of MPEG-1; half of it in MPEG-2, a quarter in MPEG-2.5
_DIVISORS = {3: 1, 2: 2, 0: 4}  # two bits of the header
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")
_CHAIN = 3  # frames in a row that are no chance
_BLOCK = 1 << 20  # bytes read at a time
_ROOM = 1 << 12  # bytes; a frame is no longer
_LEAD = 1 << 16  # bytes in which the first frame is sought, as decoders do
_TAG_MOST = 1 << 28  # bytes


@dataclass(frozen=True)
class _Kind:
    """What all frames of a stream share: samples a frame, rate (Hz), and length in bytes by second and third byte."""

    samples: int
    rate: int
    lengths: Mapping[int, int]

    def length(self, raw: bytes, place: int = 0) -> int:
        """Length in bytes of the frame at an offset; 0 if there is no frame of this kind."""
        return self.lengths.get(raw[place + 1] << 8 | raw[place + 2], 0) if raw[place] == 0xFF else 0


@dataclass(frozen=True)
class _Count:
    """What a header in the first frame states: the number of frames, and samples that a decoder drops at both ends."""

    frames: int | None = None
    dropped: int = 0
    doubtful: bool = False


@dataclass
class _Walk:
    """Consecutive whole frames: how many, the offset behind the last one, and the length of an incomplete one there."""

    frames: int
    end: int
    next_length: int


def mpeg(source: Source) -> Layout:
    """Follow the frames of an MPEG file.

    Raises:
        AudioError: A frame is missing (code `audio-damaged`), or no frame states its bitrate (`audio-codec`).
    """
    start = after_tags(source)
    first = _next_frame(source, start, min(source.size, start + _LEAD))
    if first is None:
        if _is_of_free_bitrate(source, start):
            raise unsupported(source.path, "MPEG audio of free bitrate")
        raise damaged(source.path, "no frames follow its tags")
    at, kind = first
    if _next_frame(source, 10, start, kind):
        raise damaged(source.path, "there are frames in what its header calls a tag")
    notes = ["what stands before its first frame is left out"] * (at > start and any(source.read(start, at - start)))
    count = _counted(source, at, kind)
    walk = _walked(source, at, kind)
    pieces = (Piece(),)
    if walk.end < source.size:
        notes += _behind(source, walk, kind)
    if count.frames is not None:
        own = walk.frames - 1  # the first one holds the number and no audio
        if own < count.frames - 1:
            raise cut_short(source.path, f"its header states {count.frames:,} frames, it has {own:,}")
        if own > count.frames + 1:
            raise damaged(source.path, f"its header states {count.frames:,} frames, it has {own:,}")
        if own < count.frames and not walk.next_length:
            notes.append("a frame that its header counts is not there")
        expected = own * kind.samples - count.dropped
    else:
        expected = walk.frames * kind.samples
        if abs(walk.end - at - walk.frames * kind.length(source.read(at, 4))) > 4 * walk.frames:
            pieces = (Piece(at, walk.end, before=_count_of(source.read(at, 4), kind, walk.frames)),)
    if count.doubtful:
        notes.append("its Xing header is damaged: where its audio begins and ends may be wrong by up to 0.2 s")
    return Layout(pieces, tuple(notes), max(0, expected), slack=kind.samples, codec="MPEG audio")


def after_tags(source: Source) -> int:
    """The offset behind a file's ID3v2 tags.

    Raises:
        AudioError: A tag is longer than the file (code `audio-damaged`).
    """
    at = 0
    while (head := source.read(at, 10))[:3] == b"ID3" and len(head) == 10:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + size + (10 if head[5] & 0x10 else 0)
        if at > min(source.size, _TAG_MOST) or max(head[6:]) > 0x7F:
            raise damaged(source.path, "its ID3 tag states a size that it cannot have")
    return at


@cache
def _kinds(second: int, third: int) -> _Kind | None:
    """The kind of frames in a stream, from the second and third byte of one of them; None if they are not a frame's."""
    version, layer, place = second >> 3 & 3, 4 - (second >> 1 & 3), third >> 2 & 3
    if second & 0xE0 != 0xE0 or version == 1 or layer == 4 or place == 3 or third >> 4 in (0, 15):
        return None
    rate = _RATES[place] // _DIVISORS[version]
    bitrates = _BITRATES[1 if version == 3 else 2, layer]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    lengths = {}
    for code in range(1, 15):
        for padding in (0, 1):
            slots = samples // (32 if layer == 1 else 8) * bitrates[code] * 1000 // rate + padding
            for protected, private in product((0, 1), repeat=2):  # these two bits change nothing
                key = (second & 0xFE | protected) << 8 | code << 4 | place << 2 | padding << 1 | private
                lengths[key] = slots * 4 if layer == 1 else slots
    return _Kind(samples, rate, lengths)


def _is_of_free_bitrate(source: Source, at: int) -> bool:
    """Whether a frame at an offset has free bitrate (so that its length is unknown), and a similar one follows."""
    raw = source.read(at, _ROOM)
    if len(raw) < 4 or raw[0] != 0xFF or raw[2] >> 4:
        return False
    same = (raw[:2] + bytes([raw[2] & 0xFD | padding]) for padding in (0, 2))
    return _kinds(raw[1], raw[2] | 1 << 4) is not None and any(head in raw[4:] for head in same)


def _next_frame(source: Source, at: int, end: int, kind: _Kind | None = None) -> tuple[int, _Kind] | None:
    """Search for the first consecutive frames between two offsets: frames of one kind, or of any kind."""
    while at < end:
        block = source.read(at, min(_BLOCK, end - at) + _CHAIN * _ROOM)
        place = -1
        while (place := block.find(b"\xff", place + 1, end - at)) >= 0 and place < _BLOCK:
            if len(block) < place + 3:
                break
            own = kind or _kinds(block[place + 1], block[place + 2])
            if own and _chained(block, place, own, at + len(block) >= source.size):
                return at + place, own
        at += _BLOCK
    return None


def _chained(block: bytes, place: int, kind: _Kind, ends: bool) -> bool:
    """Whether several frames follow one another at an offset, or fewer if the file ends there."""
    for found in range(_CHAIN):
        if place + 3 > len(block):
            return ends and found > 0
        length = kind.length(block, place)
        if not length:
            return ends and found > 0 and block[place:].startswith(_TAGS)
        place += length
    return place <= len(block) or ends


def _walked(source: Source, at: int, kind: _Kind) -> _Walk:
    """Count the consecutive frames from an offset on."""
    frames, start, block = 0, at, b""
    get = kind.lengths.get
    while True:
        block = source.read(start, _BLOCK)
        place, most = 0, len(block) - _ROOM if start + len(block) < source.size else len(block)
        length = 0
        while place + 3 <= most:
            length = get(block[place + 1] << 8 | block[place + 2], 0) if block[place] == 0xFF else 0
            if not length or start + place + length > source.size:
                return _Walk(frames, start + place, length)
            frames += 1
            place += length
        start += place
        if start + 3 > source.size:
            return _Walk(frames, start, source.size - start)


def _behind(source: Source, walk: _Walk, kind: _Kind) -> list[str]:
    """Notes on what follows the last whole frame; a gap with frames behind it is refused.

    Recorded streams may end within a frame. Less than a frame of audio is then missing, which is a note.
    """
    rest = source.read(walk.end, 128)
    if _next_frame(source, walk.end + 1, source.size, kind):
        why = f"there is no frame at byte {walk.end:,}, {walk.frames * kind.samples / kind.rate:.2f} s on, but later"
        raise damaged(source.path, why)
    if rest.startswith(_TAGS) or not any(rest):
        return []
    if walk.next_length:
        return ["its last frame is incomplete, and left out"]
    return ["what follows its last frame is left out"]


def _counted(source: Source, at: int, kind: _Kind) -> _Count:
    """Read the first frame, if it holds a Xing, LAME or VBRI header instead of audio."""
    raw = source.read(at, 200)
    if len(raw) < 160:
        return _Count()
    if raw[36:40] == b"VBRI":
        return _Count(struct.unpack(">I", raw[50:54])[0])
    place = _behind_side_information(raw)
    if raw[place : place + 4] not in (b"Xing", b"Info"):
        return _Count(doubtful=raw[place + 120 : place + 124] in _ENCODERS)
    marks = struct.unpack(">I", raw[place + 4 : place + 8])[0]
    frames = struct.unpack(">I", raw[place + 8 : place + 12])[0] if marks & 1 else None
    lame = place + 8 + 4 * (marks & 1) + 2 * (marks & 2) + 100 * (marks >> 2 & 1) + (marks >> 1 & 4)
    tag = raw[lame : lame + 36]
    places = raw[place + 8 + 4 * (marks & 1) + 2 * (marks & 2) :][
        : 100 * (marks >> 2 & 1)
    ]  # where each hundredth begins
    if list(places) != sorted(places):
        return _Count(frames, 0, doubtful=True)
    if len(tag) < 36 or tag[:4] not in _ENCODERS:
        return _Count(frames, 0, any(name in raw for name in _ENCODERS))  # then what says where it is must be wrong
    dropped = (tag[21] << 4 | tag[22] >> 4) + ((tag[22] & 15) << 8 | tag[23])
    sum_ = struct.unpack(">H", tag[34:36])[0] if tag[:4] == b"LAME" else 0  # others take it of other bytes
    return _Count(frames, dropped, bool(sum_) and _crc16(raw[: lame + 34]) != sum_)


def _behind_side_information(head: bytes) -> int:
    """The offset of a Xing header in a frame: behind the frame header and the side information of layer 3."""
    stereo, first = head[3] >> 6 != 3, head[1] >> 3 & 3 == 3
    return 4 + {(True, True): 32, (True, False): 17, (False, True): 17, (False, False): 9}[first, stereo]


def _count_of(head: bytes, kind: _Kind, frames: int) -> bytes:
    """Make a frame with a Xing header that states the number of frames.

    Without one the decoder estimates the length from the first frame's bitrate and stops there, which may be in the
    middle of a recording of variable bitrate.
    """
    own = bytes([head[0], head[1] | 1, 8 << 4 | head[2] & 0x0C, head[3]])  # no checksum, a middling bitrate
    raw = own + bytes(_behind_side_information(own) - 4) + b"Xing" + struct.pack(">II", 1, frames)
    return raw.ljust(kind.length(own), b"\0")


def _crc16(raw: bytes) -> int:
    """The CRC-16 of a LAME header, x¹⁶ + x¹⁵ + x² + 1 from the lowest bit up."""
    crc = 0
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
