"""What guessing reaches in UAR: the score that a run's UAR is to be read against."""

from __future__ import annotations

from probing.runs.records import CategoryScore, Record


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


def chance(score: CategoryScore, outputs: int) -> float:
    """The UAR that is expected of guessing, each of a run's classes as often as the others.

    Args:
        score: Of a category on a partition.
        outputs: Of how many classes the run can estimate one. Where these are more than are there, some guesses are of
            none that is; where they are fewer, some classes are never guessed.

    >>> four = CategoryScore("emotion", "test1", 0.5, 0.5, 0.5, classes=4)
    >>> chance(four, 4), chance(four, 5), chance(four, 2)
    (0.25, 0.2, 0.25)
    """
    return 1 / max(score.classes, outputs)
