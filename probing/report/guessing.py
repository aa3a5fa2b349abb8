"""What guessing reaches in UAR: the score that a run's UAR is to be read against."""

from __future__ import annotations

from probing.runs.records import Record


def outputs_of(record: Record, category: str) -> int:
    """Of how many classes of a category a run can estimate one.

    Args:
        record: A run; of a fit, whose probes have an output for each class of its corpus, the truth in its
            categories.csv is read.
        category: One that it estimates.

    Raises:
        RunError: The file is missing, changed or damaged.
    """
    system = getattr(record, "system", None)
    if system is not None and category in system.categories:
        return len(system.categories[category])
    table = record.classes.table
    return int(table.truth[table.category == category].nunique())


def guessed(there: int, outputs: int) -> float:
    """The UAR that is expected of guessing, each of a run's classes as often as the others.

    Args:
        there: Number of classes that the utterances have.
        outputs: Of how many classes the run can estimate one. Where these are more than are there, some guesses are of
            none that is; where they are fewer, some classes are never guessed.

    >>> guessed(4, 4), guessed(4, 5), guessed(4, 2)
    (0.25, 0.2, 0.25)
    """
    return 1 / max(there, outputs)
