"""Which release of MSP-Podcast a folder is: results on two of them are never to be compared.

What is documented in public, in utterances as the labels file lists them: 1.7 has 12,902 in test1 (Wagner et al. 2023);
1.10 has 104,267 in all; 1.11 has 151,654, of which the 2,347 of test3 are without labels (the page of its authors);
1.12 has 207,136, 203,936 of them not in test3 (its readme.txt); 2.0 has 46,294 in test1 and 14,822 in test2 (public
readers that count them). Releases 1.6, 1.8 and 1.9 are told by their readme.txt or the name of their folder alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from probing.corpus.readers.releases.release import files_in
from probing.files.reading import bounded_bytes

_BUT_TEST3 = "all but test3"
_UTTERANCES = {
    "1.7": {"test1": 12_902},
    "1.10": {"train": 63_076, "development": 10_999, "test1": 16_903, "test2": 13_289},
    "1.11": {"train": 84_030, "development": 19_815, "test1": 30_647, "test2": 14_815},
    "1.12": {_BUT_TEST3: 203_936},
    "2.0": {"test1": 46_294, "test2": 14_822},
}
_SAID = re.compile(r"\brelease\s+v?(?P<release>[12]\.[0-9]{1,2})\b", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:podcast|publish|release|version|v)[-_ ]*v?(?P<release>[12]\.[0-9]{1,2})(?![0-9.])", re.IGNORECASE
)
_LONGEST_README = 1 << 20  # bytes
_UPWARDS = 3  # folders whose names may have the release: it may have been unpacked into one of another name


def release_of(folder: Path, partitions: Sequence[str]) -> tuple[str, str] | None:
    """The release, such as `1.11`, and what it is told from; None where nothing tells it.

    Args:
        folder: The release.
        partitions: The partition of each of its utterances.
    """
    counts = Counter(partitions)
    counts[_BUT_TEST3] = len(partitions) - counts["test3"]
    for release, documented in _UTTERANCES.items():
        if all(counts[name] == count for name, count in documented.items()):
            return release, "the number of its utterances"
    for readme in files_in(folder, lambda name: name in ("readme.txt", "readme.md")):
        try:
            text = bounded_bytes(readme, _LONGEST_README).decode("utf-8", errors="replace")
        except (OSError, ValueError):
            continue
        if said := _SAID.search(text):
            return said["release"], readme.name
    for place in [folder, *folder.parents][:_UPWARDS]:
        if named := _NAMED.search(place.name):
            return named["release"], f"the name of its folder, {place.name}"
    return None
