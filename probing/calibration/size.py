"""How much is tried: in full, or a little to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Monte Carlo sizes.

    Args:
        samples: Corpora of each cell of the intervals' coverage.
        corpora: Reports of each cell of the verdicts.
        swept: Planted worlds by which learning rate and patience are chosen, from 1.
        worlds: Planted worlds that confirm what is shipped, from 101.
        harder: Worlds of each harder kind, from 101.
        permuted: Runs of the ridge look on labels that hold nothing, and as many on voices alone.
        repeats: Corpora of one world on which the whole cross-validated ridge is repeated.
        bands: Worlds in which the band around the weights is tried.
        replicates: Corpora of each of them.
    """

    samples: int
    corpora: int
    swept: int
    worlds: int
    harder: int
    permuted: int
    repeats: int
    bands: int
    replicates: int


FULL = Size(2000, 1000, 40, 100, 25, 100, 60, 8, 5)
SHORT = Size(40, 4, 1, 1, 1, 1, 3, 1, 2)
FIRST_CONFIRMING = 101  # ranges and choices are fixed on worlds 1 to 100
