"""Partitions that are called nearly like train, development, test1 or test2, and are none of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from probing.corpus.model import ALIASES, DEVELOPMENT, TEST1, TEST2, TRAIN, UNSPLIT

_COMPARED = 100  # partitions whose spelling is compared with the usual names
_ALIKE = 0.75  # of two spellings, from 0 to 1
_NAMES = {**{name: name for name in (TRAIN, DEVELOPMENT, TEST1, TEST2)}, **ALIASES}
_OTHER_TEST = re.compile(r"test(?!ing).*")  # `test`, `test3`, `tests` and `test_noisy` are test partitions
_SEPARATED = re.compile(r"[\W_]+0*|(?<=[a-z])0+(?=[1-9])")  # in `test_1`, `test 01` and `test02`


def misnamed(partitions: Sequence[str]) -> Iterator[str]:
    """A note on each partition that may be meant to be called otherwise.

    >>> list(misnamed(["train", "trian", "tets2", "devel", "test", "test3", "held-out"]))[1:]
    ['partition tets2 is not test2: correct its name, if it is that', 'partition devel is not development: correct its \
name, if it is that']
    >>> list(misnamed(["test_1", "test-noisy", "unsplit"]))
    ['partition test_1 is not test1: correct its name, if it is that']
    """
    known = {*_NAMES, UNSPLIT}
    for partition in [name for name in partitions if name not in known][:_COMPARED]:
        joined = _SEPARATED.sub("", partition)
        if joined in _NAMES:
            near = [joined]
        elif _OTHER_TEST.fullmatch(partition):
            near = []
        else:
            near = difflib.get_close_matches(partition, _NAMES, n=1, cutoff=_ALIKE)
        if near:
            yield f"partition {partition} is not {_NAMES[near[0]]}: correct its name, if it is that"
