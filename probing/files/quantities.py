"""Quantities as a person reads them."""

from __future__ import annotations

import re


def size(n_bytes: float) -> str:
    """Bytes as a person reads them.

    >>> size(4.2e9), size(512)
    ('4.20 GB', '512 B')
    """
    from tqdm import tqdm

    text = tqdm.format_sizeof(n_bytes, "B")
    return re.sub(r"(?<=\d)(?=[A-Za-z])", " ", text, count=1)


def duration(seconds: float) -> str:
    """Seconds as a person reads them: minutes and seconds, or hours too.

    >>> duration(90), duration(7200), duration(12)
    ('01:30', '2:00:00', '00:12')
    """
    from tqdm import tqdm

    return str(tqdm.format_interval(seconds))
