"""Names: what may be part of a file name, and paths as they are kept and shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

from probing.options import RUNS, RUNS_VARIABLE

_HUB = re.compile(r"(?P<owner>[\w-][\w.-]*)/[\w.-]+")


def slug(name: str) -> str:
    """A name as part of a file name: never a path, never hidden, never empty.

    >>> slug("facebook/hubert-base-ls960"), slug("hubert-base@random"), slug("Mein Körper")
    ('facebook--hubert-base-ls960', 'hubert-base@random', 'Mein_Körper')
    >>> slug(".."), slug(""), slug(".hidden")
    ('_', 'unnamed', '_hidden')
    """
    safe = re.sub(r"[^\w@.+-]", "_", name.strip("/").replace("/", "--"))
    return re.sub(r"^\.+", "_", safe) or "unnamed"


def hub_owner(name: str) -> str | None:
    """Owner of the repository of the model hub that a name may be; None where it is none.

    What would lie in the folder of all runs is a mistyped run, also where that folder is not there yet.

    >>> hub_owner("facebook/hubert-base-ls960"), hub_owner("hubert-base"), hub_owner("runs/fit-demo")
    ('facebook', None, None)
    """
    found = _HUB.fullmatch(name)
    folders = (RUNS, os.environ.get(RUNS_VARIABLE) or RUNS)
    if found is None or absolute(found["owner"]) in map(absolute, folders):
        return None
    return found["owner"]


def absolute(path: str | Path) -> str:
    """An absolute path without `..`; links are kept, since a name may be that of a link."""
    # Path.resolve() would follow links, and Path.expanduser() refuses a file `~name` where there is no such user.
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def shown(path: str) -> str:
    """A path as a user would type it: relative where it lies below the present folder.

    What `absolute` makes of it is the path again, and it is never taken for an option or for a home folder.
    """
    here = Path.cwd()
    if not Path(path).is_relative_to(here):
        return path
    below = str(Path(path).relative_to(here))
    return f"./{below}" if below.startswith(("-", "~")) else below


def readable(path: str | Path) -> str:
    r"""A path as text; bytes in it that are not UTF-8 are written as their numbers, since no table could hold them.

    >>> print(readable("caf\udce9.wav"), readable("café.wav"))
    caf\xe9.wav café.wav
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
