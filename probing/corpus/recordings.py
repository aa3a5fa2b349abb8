"""Find recordings that are in two places: parts of one file, or files with the same samples or bytes."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path

from probing.corpus.model import LEARNED, Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.files import file_digest

_ENDLESS = 1e12  # s, for the end of a whole file, whose length need not be known


def shared_recordings(corpus: Corpus, scan: AudioScan) -> dict[str, list[tuple[str, str]]]:
    """Recordings of test partitions that are in train or development too.

    That is the same file, whatever path leads to it, or the same part of it or of a copy: segments that have half of
    the shorter one in common. Or it is another file with the same samples or, where these are not known, the same
    bytes.

    Args:
        corpus: Every partition but train and development counts as a test partition.
        scan: What is known of its audio.

    Returns:
        Partition → pairs of utterances, the one in it and one in train or development, in the corpus's order.
    """
    learned = [u for u in corpus.utterances if u.partition in LEARNED]
    others = [u for u in corpus.utterances if u.partition not in LEARNED]
    heard = [u for u in learned if u.path is not None], [u for u in others if u.path is not None]
    twins = _same_bytes(*heard, scan) | _same_samples(*heard, scan) | _same_parts(learned, others)
    found: dict[str, list[tuple[str, str]]] = {}
    for utterance in others:
        if utterance.id in twins:
            found.setdefault(utterance.partition, []).append((utterance.id, twins[utterance.id]))
    return found


def _same_samples(learned: Sequence[Utterance], others: Sequence[Utterance], scan: AudioScan) -> dict[str, str]:
    """Tested utterance → the first learned one with the same samples, whatever the format of its file."""
    wanted = {scan.content[u.id] for u in others if u.id in scan.content}
    first: dict[int, str] = {}
    for utterance in learned:
        content = scan.content.get(utterance.id)
        if content is not None and content in wanted:
            first.setdefault(content, utterance.id)
    heard = ((u.id, first.get(scan.content[u.id])) for u in others if u.id in scan.content)
    return {id_: twin for id_, twin in heard if twin is not None}


def _same_bytes(learned: Sequence[Utterance], others: Sequence[Utterance], scan: AudioScan) -> dict[str, str]:
    """Tested utterance → the first learned one with the same bytes, where the samples of either are not known."""

    def key(utterance: Utterance) -> tuple[int | None, int | None]:
        return scan.checksums.get(utterance.id), scan.samples.get(utterance.id)

    # A CRC-32 of 100,000 files is that of another file once or so: those that agree are compared by SHA-256. Where a
    # fit reads a cache, the files may be gone.
    digest = cache(lambda path: file_digest(path) if path.is_file() else None)
    others = [u for u in others if u.id in scan.checksums]
    wanted = {key(u) for u in others}
    alike: dict[tuple[int | None, int | None], list[Utterance]] = {}
    unheard: dict[tuple[int | None, int | None], list[Utterance]] = {}
    for utterance in learned:
        if utterance.id in scan.checksums and key(utterance) in wanted:
            alike.setdefault(key(utterance), []).append(utterance)
            if utterance.id not in scan.content:
                unheard.setdefault(key(utterance), []).append(utterance)
    found = {}
    for utterance in others:
        twins = (unheard if utterance.id in scan.content else alike).get(key(utterance), [])
        own = digest(utterance.path) if twins else None
        twin = next((twin for twin in twins if own is None or digest(twin.path) in (own, None)), None)
        if twin is not None:
            found[utterance.id] = twin.id
    return found


def _same_parts(learned: Sequence[Utterance], others: Sequence[Utterance]) -> dict[str, str]:
    """Tested utterance → a learned one that is half of the same part of the same file, or more."""
    known_as = files_of([*learned, *others])

    def file(utterance: Utterance) -> Hashable:
        # One corpus may be split in two ways: of an utterance without audio that is known by its id.
        return known_as[utterance.path] if utterance.path is not None else ("id", utterance.id)

    files = {file(u) for u in learned} & {file(u) for u in others}
    groups: dict[Hashable, list[Utterance]] = {}
    for utterance in learned:
        if file(utterance) in files:
            groups.setdefault(file(utterance), []).append(utterance)
    parts = {own: _Parts.of(group) for own, group in groups.items()}
    shared = ((u.id, parts[file(u)].twin(u)) for u in others if file(u) in files)
    return {id_: twin for id_, twin in shared if twin is not None}


def files_of(utterances: Sequence[Utterance]) -> dict[Path, Hashable]:
    """What the file at each path is: the same for every path and link that leads to it.

    Copies are the same too where an utterance is a segment of one: of whole files the samples tell that.
    """
    known = {path: _file(path) for path in dict.fromkeys(u.path for u in utterances) if path is not None}
    alike: dict[int, dict[Hashable, Path]] = {}
    for path, file in known.items():
        alike.setdefault(file.size, {}).setdefault(file.key, path)
    cut = {known[u.path].size for u in utterances if u.path is not None and u.segment is not None} - {0}
    copies = [pair for size in cut if len(alike[size]) > 1 for pair in alike[size].items()]
    digests = {key: _digest(path, known[path]) for key, path in copies}
    return {path: digests.get(file.key) or file.key for path, file in known.items()}


@dataclass(frozen=True)
class _File:
    """What a path leads to.

    Args:
        key: Its device and its number there; the path itself where nothing is there.
        size: In bytes.
        changed: In ns.
    """

    key: Hashable
    size: int = 0
    changed: int = 0


def _file(path: Path) -> _File:
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat, for 100,000 files
    except (OSError, ValueError):  # a fit that reads a cache needs no files; a path may be none at all
        return _File(os.path.abspath(path))  # noqa: PTH100 - it may not exist
    return _File(
        (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path), found.st_size, found.st_mtime_ns
    )


@lru_cache(maxsize=100_000)
def _digest(path: Path, _: _File) -> str | None:
    """SHA-256 of a file as it is now; None where it cannot be read, which is for the scan to tell."""
    try:
        return file_digest(path)
    except OSError:
        return None


@dataclass(frozen=True)
class _Parts:
    """Parts of one recording, so that one like another is found in logarithmic time.

    Two parts have half of the shorter one in common just where the middle of one of them lies in the other.

    Args:
        starts: In s, sorted, and the id of each.
        furthest: End and id of the part that ends last, of the first so many starts.
        middles: In s, sorted, and the id of each.
    """

    starts: list[tuple[float, str]]
    furthest: list[tuple[float, str]]
    middles: list[tuple[float, str]]

    @classmethod
    def of(cls, utterances: Sequence[Utterance]) -> _Parts:
        """The parts of one file."""
        spans = sorted((*_span(u), u.id) for u in utterances)
        furthest = list(accumulate(((end, id_) for _, end, id_ in spans), max))
        return cls([(start, id_) for start, _, id_ in spans], furthest, sorted((_middle(u), u.id) for u in utterances))

    def twin(self, utterance: Utterance) -> str | None:
        """One that has half of the shorter one in common with an utterance."""
        start, end = _span(utterance)
        inside = bisect_left(self.middles, (start, ""))
        if inside < len(self.middles) and self.middles[inside][0] < end:
            return self.middles[inside][1]
        before = bisect_right(self.starts, _middle(utterance), key=lambda pair: pair[0])
        if before and self.furthest[before - 1][0] > _middle(utterance):
            return self.furthest[before - 1][1]
        return None


def _span(utterance: Utterance) -> tuple[float, float]:
    """Start and end in s."""
    return utterance.segment or (0.0, _ENDLESS)


def _middle(utterance: Utterance) -> float:
    start, end = _span(utterance)
    return (start + end) / 2


def between_folds(corpus: Corpus, scan: AudioScan) -> list[tuple[str, str]]:
    """Recordings that are in two folds of a corpus that was split anew, neither of which is the tested one.

    Returns:
        Pairs of an utterance and one of a later fold, in the corpus's order.
    """
    folds = {id_: fold for id_, fold in corpus.folds.items() if fold != corpus.fold}
    own = [u for u in corpus.utterances if u.id in folds and u.path is not None]
    known_as = files_of(own)
    groups: dict[Hashable, list[Utterance]] = {}
    for u in own:
        alike = [known_as[u.path]] if u.path is not None else []
        for key in [*alike, *([("content", scan.content[u.id])] if u.id in scan.content else [])]:
            groups.setdefault(key, []).append(u)
    found: dict[str, str] = {}
    for group in groups.values():
        for fold in sorted({folds[u.id] for u in group})[:-1]:
            later = [u for u in group if folds[u.id] > fold]
            one = [u for u in group if folds[u.id] == fold]
            found |= _same_samples(later, one, scan) | _same_parts(later, one)
    return [(u.id, found[u.id]) for u in own if u.id in found]


def repeated(corpus: Corpus, scan: AudioScan) -> list[tuple[str, str]]:
    """Utterances with the same samples as an earlier one, with that, where both are learned from or neither is."""
    first: dict[tuple[bool, int], str] = {}
    found = []
    for utterance in corpus.utterances:
        if utterance.id in scan.content:
            key = utterance.partition in LEARNED, scan.content[utterance.id]
            twin = first.setdefault(key, utterance.id)
            found += [(utterance.id, twin)] if twin != utterance.id else []
    return found


def overlaps(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """Segments that overlap with the one before them in the same file, with it, by file and start."""
    parts = [u for u in utterances if u.path is not None and u.segment is not None]
    names: dict[Hashable, str] = {}
    spelt = {path: names.setdefault(file, str(path)) for path, file in files_of(parts).items()}
    spans = sorted((spelt[u.path], *u.segment, u.id) for u in parts if u.path is not None and u.segment is not None)
    file, furthest, last = "", 0.0, ""
    for path, start, end, id_ in spans:
        if path != file:
            file, furthest = path, 0.0
        if start < furthest:
            yield id_, last
        if end > furthest:
            furthest, last = end, id_
