"""Whether a cache belongs to a corpus, decided by the audio or text that it was made from and not by names."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from probing.cache.format import Layout, part_files, parts_folder
from probing.cache.writer import inputs_of
from probing.errors import CacheError
from probing.files import slug

_DIGITS = "[0-9a-f]" * 8  # of a corpus's identity, in the name of its folder


@dataclass(frozen=True)
class Known:
    """What is known of a corpus at the moment.

    Args:
        ids: All of its utterances.
        checksums: Utterance id → CRC-32 of its audio file or transcript; not of all.
        samples: Utterance id → its length in samples; not of all.
    """

    ids: Sequence[str]
    checksums: Mapping[str, int]
    samples: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A cache compared with a corpus.

    Args:
        path: The cache's virtual file; it is not there before the extraction has ended.
        known: What is known of the corpus.
        held: Utterance id → length and checksum of what is extracted (`inputs_of`).
        damage: Why its virtual file could not be read; `held` is then what its parts hold.
    """

    path: Path
    known: Known
    held: Mapping[str, tuple[int, int]]
    damage: CacheError | None = None

    @cached_property
    def shared(self) -> list[str]:
        """The corpus's utterances that it holds."""
        return [id_ for id_ in self.known.ids if id_ in self.held]

    @cached_property
    def lacking(self) -> list[str]:
        """Those that it does not hold."""
        return [id_ for id_ in self.known.ids if id_ not in self.held]

    @cached_property
    def _same(self) -> dict[str, bool]:
        """Shared utterance → whether its checksums are equal, where both are known."""
        checksums = self.known.checksums
        pairs = ((id_, self.held[id_][1], checksums.get(id_)) for id_ in self.shared)
        return {id_: then == now for id_, then, now in pairs if then and now is not None}

    @cached_property
    def equal(self) -> list[str]:
        """Those that were certainly made from the corpus's audio or text: their checksums agree."""
        return [id_ for id_, same in self._same.items() if same]

    @cached_property
    def other(self) -> list[str]:
        """Those that were certainly made from something else: by checksum or, where none is known, by length."""
        samples = self.known.samples
        lengths = {id_: samples.get(id_, self.held[id_][0]) == self.held[id_][0] for id_ in self.shared}
        return [id_ for id_, same in (lengths | self._same).items() if not same]

    @property
    def own(self) -> bool:
        """Whether it belongs to the corpus, as far as is known: everything that both have is the same."""
        return bool(self.shared) and not self.other

    @property
    def unproven(self) -> bool:
        """Whether ids alone speak for it: it knows what it was made from, but none of the corpus's is available."""
        return self.own and not self._same and any(self.held[id_][1] for id_ in self.shared)

    @property
    def changed(self) -> bool:
        """Whether it belongs to the corpus, some of whose audio or text has changed since: most of it is the same.

        Two corpora of one name may share a few recordings; those do not make one's cache the other's.
        """
        return bool(self.other) and len(self.equal) > len(self.other)


def candidates(name: str, layout: Layout, root: Path) -> list[Path]:
    """Where caches of corpora of that name may be, whether they are there or not.

    Args:
        name: The corpus's name.
        layout: What its cache says of itself.
        root: Folder of all caches.

    Returns:
        Virtual files: `<root>/<name>/` (the built-in corpus, and all of version 0.1.0), then `<root>/<name>-<digits>/`.
    """
    return [layout.path(folder) for folder in folders_of(name, root)]


def folders_of(name: str, root: Path) -> list[Path]:
    """Folders of caches of corpora of that name; arguments are those of `candidates`."""
    plain = slug(name)
    return [root / plain, *sorted(root.glob(f"{glob.escape(plain)}-{_DIGITS}"))]


def match(path: Path, known: Known) -> Match:
    """Compare a cache, finished or not, with a corpus."""
    damage = None
    if path.is_file():
        try:
            return Match(path, known, inputs_of(path))
        except CacheError as error:
            damage = error
    held: dict[str, tuple[int, int]] = {}
    for part in part_files(parts_folder(path)):
        try:
            held |= inputs_of(part)
        except CacheError:  # the extraction says so when it comes to this part
            continue
    return Match(path, known, held, damage)


def best(matches: Iterable[Match]) -> Match | None:
    """The cache that belongs to the corpus and holds most of it; else one whose audio or text has changed since.

    Then comes one for which only the ids speak. A cache that cannot be read is the last choice. None where all belong
    to other corpora.
    """
    found = list(matches)
    by_rank = (
        [one for one in found if one.own and not one.unproven],
        [one for one in found if one.changed],
        [one for one in found if one.unproven],
        [one for one in found if one.damage],
    )
    fitting = next((group for group in by_rank if group), [])
    return max(fitting, key=lambda one: (len(one.shared), len(one.equal)), default=None)
