"""Errors that a user can mend: what happened, why, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence


class ProbingError(Exception):
    """A mistake or a damage that the user can mend; printed without a traceback.

    Args:
        what: What happened, naming the file, column or option.
        why: The reason, where it is known.
        remedy: What to type or change next.
    """

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(what, why, remedy)

    def __str__(self) -> str:
        text = f"{self.what}: {self.why}" if self.why else self.what
        return f"{text}\n  What to do: {self.remedy}" if self.remedy else text


class AudioError(ProbingError):
    """An audio file that is missing, damaged, undecodable, empty, silent or too short."""


class CorpusError(ProbingError):
    """A corpus or a table that cannot be read as it stands."""


class EncoderError(ProbingError):
    """An encoder that cannot be found, loaded or used."""


class CacheError(ProbingError):
    """A cache that is missing, incomplete, damaged or made under another fingerprint."""


class FitError(ProbingError):
    """A probe fit that cannot be made as asked."""


def first_names(names: Sequence[str], limit: int = 5) -> str:
    """Name the first few of many things.

    >>> first_names(["a", "b", "c"], limit=2)
    'a, b, … (3 in all)'
    >>> first_names(["a", "b"])
    'a, b'
    """
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names):,} in all)"
