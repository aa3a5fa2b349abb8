"""The table of measured numbers in a cache folder: `id,audio,<names>,check`, a row an utterance.

`check` is the CRC-32 of a row together with the identity of the recipe. A row that is damaged, or of another recipe, is
as good as missing: the table only saves time, and what it lacks is measured again.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from probing.files import write_text
from probing.files.reading import demand_regular

_KEY, _CHECK = ("id", "audio"), "check"
_LONGEST = 1 << 20  # characters of a line; a longer one is damage and comes in pieces, none of which is a row
Key = tuple[str, int]  # an utterance's id and the CRC-32 of its audio file


@dataclass
class Table:
    """Numbers by utterance, all finite.

    Args:
        path: Where it is kept.
        identity: What settles the numbers beside the audio.
        names: What the numbers are; none before the first row.
        rows: Key → numbers.
    """

    path: Path
    identity: str
    names: tuple[str, ...] = ()
    rows: dict[Key, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, identity: str) -> Table:
        """What of a file is undamaged; nothing where there is no file."""
        table = cls(path, identity)
        try:
            demand_regular(path)
            with path.open(encoding="utf-8", newline="") as file:
                table._take(csv.reader(_lines(file)))
        except (FileNotFoundError, ValueError, csv.Error):  # what came before the damage is kept
            pass
        return table

    def add(self, key: Key, numbers: Mapping[str, float]) -> None:
        """Add an utterance, whose numbers have the same names in the same order as all others."""
        self.names = self.names or tuple(numbers)
        if tuple(numbers) != self.names:
            raise ValueError(f"the numbers of {key[0]} have other names than those of the table")
        self.rows[key] = np.array(list(numbers.values()), np.float64)

    def write(self) -> None:
        """Write the file, whole or not at all."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(self._checked([*_KEY, *self.names]))
        for (id_, audio), numbers in self.rows.items():
            lines.writerow(self._checked([id_, str(audio), *map(repr, numbers.tolist())]))
        write_text(self.path, text.getvalue())

    def _take(self, lines: Iterator[list[str]]) -> None:
        """The header, if it is whole, and the rows that are."""
        header = next(lines, [])
        if not self._is_whole(header):
            return
        self.names = tuple(header[len(_KEY) : -1])
        for cells in lines:
            if len(cells) == len(header) and self._is_whole(cells):
                self._take_row(cells)

    def _take_row(self, cells: Sequence[str]) -> None:
        try:
            audio, numbers = int(cells[1]), np.array(cells[len(_KEY) : -1], np.float64)
        except ValueError:
            return
        if np.isfinite(numbers).all():
            self.rows[cells[0], audio] = numbers

    def _checked(self, cells: Sequence[str]) -> list[str]:
        """Cells with their check behind them; that of the header is the name of its column as well."""
        return [*cells, f"{_CHECK} {self._sum(cells)}" if cells[0] == _KEY[0] else self._sum(cells)]

    def _is_whole(self, cells: Sequence[str]) -> bool:
        return len(cells) > len(_KEY) and self._checked(cells[:-1])[-1] == cells[-1]

    def _sum(self, cells: Sequence[str]) -> str:
        return f"{zlib.crc32(chr(31).join([self.identity, *cells]).encode('utf-8', 'backslashreplace')):08x}"


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, however long one may be."""
    while line := file.readline(_LONGEST):
        yield line
