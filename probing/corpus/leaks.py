"""Find what a test partition shares with what is learned from: speakers, and recordings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from probing.corpus.model import DEVELOPMENT, TEST2, TRAIN, Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.files import file_digest

UNSEEN = (TEST2, "test")  # partitions whose speakers nobody may have heard before; a plain "test" says nothing else
_LEARNED = (TRAIN, DEVELOPMENT)


def shared_speakers(corpus: Corpus, test: str, seen: Sequence[str] = _LEARNED) -> list[str]:
    """Speakers of a test partition who are in other partitions too, sorted."""
    known = {u.speaker for u in corpus.utterances if u.partition in seen}
    return sorted({u.speaker for u in corpus.utterances if u.partition == test and u.speaker in known if u.speaker})


def shared_recordings(corpus: Corpus, scan: AudioScan) -> dict[str, list[tuple[str, str]]]:
    """Recordings of test partitions that are in train or development too, byte by byte.

    Args:
        corpus: Every partition but train and development counts as a test partition.
        scan: Lengths and checksums of its audio.

    Returns:
        Partition → pairs of utterances, the one in it and the first one with the same bytes in train or development.
    """

    def key(utterance: Utterance) -> tuple[int | None, int | None]:
        return scan.checksums.get(utterance.id), scan.samples.get(utterance.id)

    read = [u for u in corpus.utterances if u.id in scan.checksums]
    learned = [u for u in read if u.partition in _LEARNED]
    others = [u for u in read if u.partition not in _LEARNED]
    # A CRC-32 of 100,000 files is that of another file once or so: those that agree are compared by SHA-256.
    alike = {key(u) for u in learned} & {key(u) for u in others}
    digest = cache(lambda path: file_digest(Path(path)))
    first: dict[str, str] = {}
    for utterance in learned:
        if key(utterance) in alike:
            first.setdefault(digest(utterance.path), utterance.id)
    found: dict[str, list[tuple[str, str]]] = {}
    for utterance in others:
        if key(utterance) in alike and (twin := first.get(digest(utterance.path))):
            found.setdefault(utterance.partition, []).append((utterance.id, twin))
    return found
