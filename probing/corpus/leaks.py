"""Find what test partitions share with what is learned from: speakers, and recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from probing.corpus.model import LEARNED, TEST1, TEST2, Corpus
from probing.corpus.recordings import shared_recordings
from probing.corpus.scan import AudioScan
from probing.errors import CorpusError, first_names, number_of

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a command that learns says of them; that all speakers of test1 are seen is what its name says."""
        seen = {name: pair for name, pair in self.seen.items() if name != TEST1 or pair[0] < pair[1]}
        return (*(f"leak: {line}" for line in self.stated), *(seen_note(name, *pair) for name, pair in seen.items()))


def find_leaks(corpus: Corpus, scan: AudioScan, learned: Corpus | None = None) -> Leaks:
    """What test partitions share with train and development.

    Args:
        corpus: Every partition but train and development counts as a test partition.
        scan: What is known of its audio; paths and segments are compared without it.
        learned: The same corpus as it was split when it was learned from; None: as it is split now.
    """
    if learned is not None:
        kept = [u for u in corpus.utterances if u.partition not in LEARNED]
        corpus = replace(corpus, utterances=(*kept, *(u for u in learned.utterances if u.partition in LEARNED)))
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


def refuse_leaks(corpus: Corpus, leaks: Leaks, allowed: bool, remedy: str = _REMEDY) -> None:
    """Stop before anything is learned of a corpus, or tested on one, whose test partitions are not apart.

    Raises:
        CorpusError: There are leaks, and they are not allowed (code `leaks`).
    """
    if leaks.found and not allowed:
        reasons = "; ".join(f"{leak.what}: {first_names(leak.named)}" for leak in leaks.found)
        raise CorpusError(f"corpus {corpus.title} leaks", reasons, remedy, code="leaks")


def seen_note(partition: str, shared: int, speakers: int) -> str:
    """How many speakers of a test partition are known from train or development.

    >>> seen_note("test", 12, 20)
    'test, seen: 12 of 20 speakers (also in train or development)'
    """
    return f"{partition}, seen: {shared:,} of {number_of(speakers, 'speaker')} (also in train or development)"


def shared_speakers(corpus: Corpus, test: str, seen: Sequence[str] = LEARNED) -> list[str]:
    """Speakers of a test partition who are in other partitions too, sorted."""
    known = {u.speaker for u in corpus.utterances if u.partition in seen}
    return sorted({u.speaker for u in corpus.utterances if u.partition == test and u.speaker in known if u.speaker})


def _seen(corpus: Corpus) -> dict[str, tuple[int, int]]:
    """Test partition other than test2 → its speakers that are seen, and all of them."""
    found = {}
    for partition, group in corpus.partitions.items():
        if partition not in (*LEARNED, TEST2) and (shared := shared_speakers(corpus, partition)):
            found[partition] = len(shared), len({u.speaker for u in group} - {None})
    return found
