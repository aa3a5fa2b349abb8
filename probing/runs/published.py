"""Published emotion models, which are no runs of ours: what names one, and what an evaluation records of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probing.errors import ProbingError
from probing.files import hub_owner, read_json

if TYPE_CHECKING:
    from probing.runs.entries import CorpusEntry

SCALE = (1.0, 7.0)  # MSP-Podcast's, whose ratings both layouts map to 0 … 1
_OWN = "emotion-system"  # transformers' model_type of our own systems, which are opened by their run


@dataclass(frozen=True)
class PublishedEntry:
    """A published model, as an evaluation of it records it.

    Args:
        name: Hub id, or absolute path of a folder.
        revision: Branch, tag or commit of a hub repository.
        layout: Whose layout it has, a name in `probing.systems.published.LAYOUTS`.
        weights: Digest of its weights.
        scale: The ratings that its 0 and 1 stand for.
    """

    name: str
    revision: str | None
    layout: str
    weights: str
    scale: tuple[float, float] = SCALE

    def trained_on(self, corpus: CorpusEntry) -> bool:
        """Whether its authors trained and selected it on that corpus, of whatever release."""
        return corpus.spec.prefix == "msp-podcast"


def names_published(name: str | Path) -> bool:
    """Whether a name is that of a published model, and not of a run.

    It is a folder with a config.json that is none of our own systems, or a hub id: `owner/name` where there is no
    folder `owner` and it is not that of all runs, so that a mistyped run is never looked for on the hub.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return (folder / "config.json").is_file() and not _own(folder)
    owner = hub_owner(str(name))
    return owner is not None and not folder.exists() and not Path(owner).exists()


def _own(folder: Path) -> bool:
    """Whether a folder holds a run, or a system of one; a config.json that cannot be read is none of ours."""
    if (folder / "record.json").is_file():
        return True
    try:
        return read_json(folder / "config.json", "").get("model_type") == _OWN
    except (OSError, ProbingError):
        return False
