"""Find what test partitions share with what is learned from: speakers, and recordings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from math import inf
from pathlib import Path

from probing.corpus.model import DEVELOPMENT, TEST2, TRAIN, Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.errors import CorpusError, first_names, number_of
from probing.files import file_digest

_LEARNED = (TRAIN, DEVELOPMENT)
_REMEDY = (
    "move all of each of them to one side, or split the corpus anew with --split speaker:5; "
    "--allow-leaks goes on, and results say so"
)


@dataclass(frozen=True)
class Leak:
    """What one test partition shares with train or development, though it must not.

    Args:
        what: What is shared, as the start of a sentence: `2 recordings of test1 are also in train or development`.
        named: Each of them.
    """

    what: str
    named: tuple[str, ...]


@dataclass(frozen=True)
class Leaks:
    """What test partitions share with train and development.

    Args:
        found: Recordings of any test partition, and speakers of test2, who are unseen by its name.
        seen: Other test partition → how many of its speakers are in train or development, and how many it has; without
            those that share none.
    """

    found: tuple[Leak, ...] = ()
    seen: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def stated(self) -> tuple[str, ...]:
        """A line for each leak, as records have it."""
        return tuple(leak.what for leak in self.found)


def find_leaks(corpus: Corpus, scan: AudioScan) -> Leaks:
    """What test partitions share with train and development.

    Args:
        corpus: Every partition but train and development counts as a test partition.
        scan: What is known of its audio; paths and segments are compared without it.
    """
    unseen = shared_speakers(corpus, TEST2)
    found = []
    if unseen:
        what = number_of(len(unseen), f"speaker of {TEST2} (unseen) is", f"speakers of {TEST2} (unseen) are")
        found.append(Leak(f"{what} also in train or development", tuple(unseen)))
    for partition, pairs in shared_recordings(corpus, scan).items():
        what = number_of(len(pairs), f"recording of {partition} is", f"recordings of {partition} are")
        named = tuple(f"{id_} is {twin}" for id_, twin in pairs)
        found.append(Leak(f"{what} also in train or development", named))
    return Leaks(tuple(found), _seen(corpus))


def refuse_leaks(corpus: Corpus, leaks: Leaks, allowed: bool) -> None:
    """Stop before anything is learned of a corpus whose test partitions are not apart.

    Raises:
        CorpusError: There are leaks, and they are not allowed (code `leaks`).
    """
    if leaks.found and not allowed:
        reasons = "; ".join(f"{leak.what}: {first_names(leak.named)}" for leak in leaks.found)
        raise CorpusError(f"corpus {corpus.name} leaks", reasons, _REMEDY, code="leaks")


def seen_note(partition: str, shared: int, speakers: int) -> str:
    """How many speakers of a test partition are known from train or development.

    >>> seen_note("test", 12, 20)
    'test: 12 of 20 speakers are seen (in train or development)'
    """
    return f"{partition}: {shared:,} of {number_of(speakers, 'speaker')} are seen (in train or development)"


def shared_speakers(corpus: Corpus, test: str, seen: Sequence[str] = _LEARNED) -> list[str]:
    """Speakers of a test partition who are in other partitions too, sorted."""
    known = {u.speaker for u in corpus.utterances if u.partition in seen}
    return sorted({u.speaker for u in corpus.utterances if u.partition == test and u.speaker in known if u.speaker})


def _seen(corpus: Corpus) -> dict[str, tuple[int, int]]:
    """Test partition other than test2 → its speakers that are seen, and all of them."""
    found = {}
    for partition, group in corpus.partitions.items():
        if partition not in (*_LEARNED, TEST2) and (shared := shared_speakers(corpus, partition)):
            found[partition] = len(shared), len({u.speaker for u in group} - {None})
    return found


def shared_recordings(corpus: Corpus, scan: AudioScan) -> dict[str, list[tuple[str, str]]]:
    """Recordings of test partitions that are in train or development too.

    That is the same file, or the same part of it: segments that have half of the shorter one in common. Or it is
    another file with the same bytes.

    Args:
        corpus: Every partition but train and development counts as a test partition.
        scan: Lengths and checksums of its audio.

    Returns:
        Partition → pairs of utterances, the one in it and one in train or development, in the corpus's order.
    """
    learned = [u for u in corpus.utterances if u.partition in _LEARNED and u.path is not None]
    others = [u for u in corpus.utterances if u.partition not in _LEARNED and u.path is not None]
    twins = _same_bytes(learned, others, scan) | _same_parts(learned, others)
    found: dict[str, list[tuple[str, str]]] = {}
    for utterance in others:
        if utterance.id in twins:
            found.setdefault(utterance.partition, []).append((utterance.id, twins[utterance.id]))
    return found


def _same_bytes(learned: Sequence[Utterance], others: Sequence[Utterance], scan: AudioScan) -> dict[str, str]:
    """Tested utterance → the first learned one with the same checksum and length, and where both are there bytes."""

    def key(utterance: Utterance) -> tuple[int | None, int | None]:
        return scan.checksums.get(utterance.id), scan.samples.get(utterance.id)

    # A CRC-32 of 100,000 files is that of another file once or so: those that agree are compared by SHA-256. Where a
    # fit reads a cache, the files may be gone.
    digest = cache(lambda path: file_digest(path) if path.is_file() else None)
    first: dict[tuple[int | None, int | None], list[Utterance]] = {}
    wanted = {key(u) for u in others if u.id in scan.checksums}
    for utterance in learned:
        if utterance.id in scan.checksums and key(utterance) in wanted:
            first.setdefault(key(utterance), []).append(utterance)
    found = {}
    for utterance in others:
        own = digest(utterance.path) if key(utterance) in first else None
        for twin in first.get(key(utterance), ()):
            if own is None or digest(twin.path) in (own, None):
                found[utterance.id] = twin.id
                break
    return found


def _same_parts(learned: Sequence[Utterance], others: Sequence[Utterance]) -> dict[str, str]:
    """Tested utterance → a learned one that is half of the same part of the same file, or more."""
    paths = {u.path for u in learned} & {u.path for u in others}
    parts: dict[Path | None, list[Utterance]] = {}
    for utterance in learned:
        if utterance.path in paths:
            parts.setdefault(utterance.path, []).append(utterance)
    known = {path: _Parts.of(group) for path, group in parts.items()}
    shared = ((u.id, known[u.path].twin(u)) for u in others if u.path in paths)
    return {id_: twin for id_, twin in shared if twin is not None}


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
        return cls(
            [(start, id_) for start, _, id_ in spans], furthest, sorted((_middle(u), u.id) for u in utterances)
        )

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
    """Start and end in s; a whole file ends nowhere, since its length may not be known."""
    return utterance.segment or (0.0, inf)


def _middle(utterance: Utterance) -> float:
    start, end = _span(utterance)
    return (start + end) / 2


def overlaps(utterances: Sequence[Utterance]) -> Iterator[tuple[str, str]]:
    """Segments that overlap with the one before them in the same file, with it, by file and start."""
    spans = sorted((str(u.path), *u.segment, u.id) for u in utterances if u.path is not None and u.segment)
    file, furthest, last = "", -inf, ""
    for path, start, end, id_ in spans:
        if path != file:
            file, furthest = path, -inf
        if start < furthest:
            yield id_, last
        if end > furthest:
            furthest, last = end, id_
