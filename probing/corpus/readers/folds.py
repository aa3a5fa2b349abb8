"""Split a corpus that has no split of its own by its recording sessions, each of them the unseen one in its turn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from probing.corpus.model import DEVELOPMENT, TEST2, TRAIN
from probing.errors import CorpusError


@dataclass(frozen=True)
class Fold:
    """One of as many folds as there are sessions: fold k tests on session k, which shares no speaker with the others.

    The session before it, the last one before the first, is development; all others are train.

    Args:
        number: k, from 1.
        sessions: How many sessions the corpus has.

    Raises:
        CorpusError: There is no such fold.

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
                f"the corpus has {self.sessions} sessions, and a fold for each",
                f"give a number from 1 to {self.sessions}, or leave --fold out for {self.sessions}",
            )

    @property
    def development(self) -> int:
        """The session to stop on: the one before the tested one."""
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
        """Raise a CorpusError that names the sessions of which nothing is present.

        Args:
            present: Sessions found.
            source: File or folder that was searched.
            what: What marks a session there.
        """
        absent = [session for session in range(1, self.sessions + 1) if session not in present]
        if absent:
            names = ", ".join(f"Session {session}" for session in absent)
            raise CorpusError(
                f"{source} lacks {names}",
                f"there are no {what} of {'it' if len(absent) == 1 else 'them'}; a fold needs all {self.sessions}",
                "complete the release; of a part of it make a table with partitions of your own",
            )


def settle_fold(number: int | None, sessions: int) -> Fold:
    """The fold asked for; None stands for the last, which tests on the last session."""
    return Fold(sessions if number is None else number, sessions)
