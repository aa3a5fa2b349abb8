"""The structure of Ogg files (RFC 3533): streams of numbered pages, each with a checksum.

The decoder silently skips pages that it cannot use, so that a recording becomes shorter. Here every page is checked.
Chained streams (one after another, as web radios send them) are decoded one by one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from probing.audio.refusals import cut_short, damaged
from probing.audio.source import Layout, Piece, Source

_CONTINUED, _FIRST, _LAST = 1, 2, 4  # marks of a page
_NO_EOS = "the end mark of its stream is missing: read to its last page"
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_CODECS = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC in Ogg", b"Speex   ": "Speex"}
_STEP = 1 << 16  # bytes in which a page's head is sought
_MOST_LINKS = 10_000
_MOST_STREAMS = 100  # at the same time; a recording has one
_MOST_HEADS = 100  # of possible pages whose checksum is wrong


@dataclass(frozen=True)
class _Page:
    """A page: offset, flags, stream, number, whether its last packet continues on the next page, and all its bytes."""

    start: int
    marks: int
    stream: int
    number: int
    goes_on: bool
    raw: bytes

    @property
    def end(self) -> int:
        """The offset behind the page."""
        return self.start + len(self.raw)


@dataclass
class _Link:
    """A link of a chain, which holds streams that begin together: offset, last page of each, and streams that ended."""

    start: int
    latest: dict[int, _Page]
    ended: set[int]
    begun: bool = False


def ogg(source: Source, start: int = 0) -> Layout:
    """Follow the pages of an Ogg file.

    Args:
        source: The file.
        start: Where the first page is, behind a tag.

    Raises:
        AudioError: A page is missing, damaged or incomplete (code `audio-damaged`).
    """
    links: list[_Link] = []
    at = start
    for page in _pages(source, start):
        if page.marks & _FIRST and (not links or links[-1].begun):
            if len(links) == _MOST_LINKS:
                raise damaged(source.path, f"it chains more than {_MOST_LINKS:,} streams")
            links.append(_Link(page.start, {}, set()))
        if not links:
            raise damaged(source.path, "its first page does not begin a stream")
        _take(source, links[-1], page)
        at = page.end
    if not links:
        raise damaged(source.path, "its first page is damaged")
    notes, pieces = [], []
    for link, stop in zip(links, [*(link.start for link in links[1:]), at], strict=True):
        pieces.append(Piece(link.start, stop, _with_end_mark(source, link)))
        notes += [_NO_EOS] * bool(pieces[-1].patches)
    if at < source.size:
        if pieces[-1].patches or _begins(source, at):
            raise cut_short(source.path, f"its last page is incomplete ({source.size - at:,} bytes of it)")
        notes.append("what follows the end of its audio is left out")
    if len(links) > 1:
        notes.append(f"{len(links):,} streams one after another, all of them read")
    whole = len(links) == 1 and at == source.size and not pieces[0].patches and start == 0
    head = source.read(start, 128)
    codec = next((name for mark, name in _CODECS.items() if mark in head), "its codec")
    return Layout((Piece(),) if whole else tuple(pieces), tuple(dict.fromkeys(notes)), codec=codec, verified=True)


def _take(source: Source, link: _Link, page: _Page) -> None:
    """Add a page to its stream, in which it must be the next one."""
    before = link.latest.get(page.stream)
    if page.marks & _FIRST:
        if before is not None:
            raise damaged(source.path, f"a stream begins twice (page at byte {page.start:,})")
        if len(link.latest) == _MOST_STREAMS:
            raise damaged(source.path, f"it has more than {_MOST_STREAMS:,} streams at the same time")
    else:
        link.begun = True
        if before is None or page.stream in link.ended:
            raise damaged(source.path, f"a page belongs to no stream (at byte {page.start:,})")
        if page.number != before.number + 1 or bool(page.marks & _CONTINUED) != before.goes_on:
            raise damaged(source.path, f"a page is missing before byte {page.start:,}")
    link.latest[page.stream] = page
    if page.marks & _LAST:
        link.ended.add(page.stream)


def _with_end_mark(source: Source, link: _Link) -> dict[int, bytes]:
    """Patches that set the missing end marks of streams, without which the decoder refuses them."""
    found = {}
    for stream, page in link.latest.items():
        if page.goes_on:
            raise cut_short(source.path, "its last packet goes on in a page that is not there")
        if stream not in link.ended:
            raw = bytearray(page.raw)
            raw[5] |= _LAST
            raw[22:26] = bytes(4)
            raw[22:26] = struct.pack("<I", _checksum(bytes(raw)))
            found[page.start - link.start] = bytes(raw[:27])
    return found


def _pages(source: Source, at: int) -> Iterator[_Page]:
    """Iterate over consecutive pages. Junk may follow the last one, but no further page."""
    while True:
        page = _page(source, at)
        if page is None:
            if _page_follows(source, at + 1):
                raise damaged(source.path, f"there is no whole page at byte {at:,}, and what looks like pages follows")
            return
        yield page
        at = page.end


def _page(source: Source, at: int) -> _Page | None:
    """The page at an offset; None if there is no whole one with a correct checksum."""
    head = source.read(at, 27)
    if len(head) < 27 or head[:5] != b"OggS\0":
        return None
    marks, stream, number, sum_ = head[5], *struct.unpack("<III", head[14:26])
    sizes = source.read(at + 27, head[26])
    body = source.read(at + 27 + len(sizes), sum(sizes))
    raw = head + sizes + body
    if len(raw) < 27 + head[26] + sum(sizes) or _checksum(raw[:22] + bytes(4) + raw[26:]) != sum_:
        return None
    return _Page(at, marks, stream, number, bool(sizes) and sizes[-1] == 255, raw)


def _begins(source: Source, at: int) -> bool:
    """Whether a page begins at an offset, though it may be incomplete."""
    return at < source.size and b"OggS".startswith(source.read(at, 4))


def _page_follows(source: Source, at: int) -> bool:
    """Whether a whole page follows at or behind an offset, or too many heads of pages for chance.

    The checksum of each possible page covers up to 64 KiB, so the number that is tried is limited.
    """
    heads = 0
    for start in range(at, source.size, _STEP):
        block = source.read(start, _STEP + 4)
        place = -1
        while (place := block.find(b"OggS\0", place + 1)) >= 0:
            heads += 1
            if heads > _MOST_HEADS or _page(source, start + place):
                return True
    return False


def _checksum(raw: bytes) -> int:
    """The CRC-32 of a page: zlib's polynomial, but most significant bit first and with initial value 0.

    zlib's CRC of bit-reversed bytes is the bit-reversed CRC.
    """
    mirrored = zlib.crc32(raw.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
