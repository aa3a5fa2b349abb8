"""Split a corpus that has no split of its own by recording session; each session is the unseen one in one fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from probing.corpus.model import DEVELOPMENT, TEST2, TRAIN
from probing.errors import CorpusError


@dataclass(frozen=True)
class Fold:
    """One of as many folds as there are sessions: fold k tests on session k, which shares no speaker with the others.

    The session before it is development (before the first comes the last); all others are train.

    Args:
        number: k, from 1.
        sessions: How many sessions the corpus has.

    Raises:
        CorpusError: There is no such fold (code `fold`).

    >>> fold = Fold(1, sessions=5)
    >>> [fold.partition(session) for session in (1, 2, 3, 4, 5)]
    ['test2', 'train', 'train', 'train', 'development']
    """

    number: int
    sessions: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.sessions:
            raise CorpusError(
                f"--fold {self.number}",
                f"the corpus has {self.sessions} sessions, and so {self.sessions} folds",
                f"give a number from 1 to {self.sessions}, or leave --fold out for {self.sessions}",
                code="fold",
            )

    @property
    def development(self) -> int:
        """The development session: the one before the test session."""
        return (self.number - 2) % self.sessions + 1

    def partition(self, session: int) -> str:
        """The partition of a session's utterances."""
        return {self.number: TEST2, self.development: DEVELOPMENT}.get(session, TRAIN)

    def note(self) -> str:
        """What the fold means, for the report and the record.

        >>> Fold(3, sessions=5).note()
        'fold 3: Session 3 is test2, Session 2 development'
        """
        return f"fold {self.number}: Session {self.number} is test2, Session {self.development} development"

    def demand_all(self, present: Collection[int], source: object, what: str) -> None:
        """Raise a CorpusError (code `session-missing`) that names the sessions that were not found.

        Args:
            present: Sessions found.
            source: File or folder that was searched.
            what: What a session consists of there, in the plural.
        """
        absent = [session for session in range(1, self.sessions + 1) if session not in present]
        if absent:
            names = ", ".join(f"Session {session}" for session in absent)
            raise CorpusError(
                f"{source} lacks {names}",
                f"no {what} were found there; a fold needs all {self.sessions} sessions",
                "complete the release, or write a table of what you have, with partitions of your own",
                code="session-missing",
            )


def settle_fold(number: int | None, sessions: int) -> Fold:
    """The fold asked for; None stands for the last, which tests on the last session."""
    return Fold(sessions if number is None else number, sessions)
