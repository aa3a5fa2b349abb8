"""Errors that a user can mend: what happened, why, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence


class ProbingError(Exception):
    """A mistake or damage that the user can mend; printed without a traceback.

    Args:
        what: What happened, naming the file, column or option.
        why: The reason, where it is known.
        remedy: What to type or change next.
        code: A stable short name of the error, for programs and tests; the class's own where none is given.
    """

    code = "error"

    def __init__(self, what: str, why: str = "", remedy: str = "", code: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        self.code = code or type(self).code
        super().__init__(what, why, remedy, self.code)

    def __str__(self) -> str:
        text = f"{self.what}: {self.why}" if self.why else self.what
        return f"{text}\n  What to do: {self.remedy}" if self.remedy else text


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which systems and schedulers end a process: whatever lets Control-C through lets it through too."""


class OptionError(ProbingError):
    """An option whose value cannot be meant, or options that exclude each other."""

    code = "option"


class AudioError(ProbingError):
    """An audio file that is missing, damaged, undecodable, empty, silent or too short."""

    code = "audio"


class CorpusError(ProbingError):
    """A corpus or a table that cannot be read as it stands."""

    code = "corpus"


class EncoderError(ProbingError):
    """An encoder that cannot be found, loaded or used."""

    code = "encoder"


class CacheError(ProbingError):
    """A cache that is missing, incomplete, damaged or made under another fingerprint."""

    code = "cache"


class FileSystemError(ProbingError):
    """What the operating system refused: a disk that is full, read-only, gone or failing, a lack of permission."""

    code = "system"


class RunError(ProbingError):
    """A run that is missing, incomplete, damaged, of another kind or in use."""

    code = "run"


class FitError(ProbingError):
    """A fit or a training that cannot be made as asked."""

    code = "fit"


class ScoreError(ProbingError, ValueError):
    """Numbers that have no score: NaN, infinite, of unequal lengths, or none at all."""

    code = "score"


def number_of(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun, in the singular or the plural.

    Args:
        number: How many.
        noun: What they are.
        nouns: The plural, where it is not the noun with an s.

    >>> number_of(1, "utterance"), number_of(3_021, "utterance"), number_of(2, "speaker is", "speakers are")
    ('1 utterance', '3,021 utterances', '2 speakers are')
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def first_names(names: Sequence[str], limit: int = 5) -> str:
    """Name the first few of many things.

    >>> first_names(["a", "b", "c"], limit=2)
    'a, b, … (3 in all)'
    >>> first_names(["a", "b"])
    'a, b'
    """
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names):,} in all)"
