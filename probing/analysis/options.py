"""Options of `probe layers`. Loads without NumPy and torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probing.errors import OptionError
from probing.options import option, validate

LIBROSA, EGEMAPS, NONE = "librosa", "egemaps", "none"


@dataclass(frozen=True)
class LayersOptions:
    """What to set a layer's contents against; all of it is part of the run's configuration.

    Raises:
        OptionError: A value is none of the choices or out of bounds (`validate`), or no dimension is named (code
            `no-dims`).
    """

    dims: tuple[str, ...] = option(
        ("all",),
        "Dimension to analyse; may be repeated. `all` stands for those of arousal, valence and dominance that the "
        "corpus rates.",
        flag="--dim",
        metavar="NAME",
    )
    text: str | None = option(
        None,
        "Text encoder whose last states stand for the words; `none` leaves words out.",
        metavar="NAME",
        shown_default="demo-tinybert for the built-in corpus",
    )
    acoustics: str = option(
        LIBROSA,
        "Acoustic measures that stand for the sound: loudness, pitch, voicing, rate, spectral tilt and MFCC (librosa), "
        "or eGeMAPS where openSMILE is installed (egemaps); `none` leaves sound out.",
        choices=(LIBROSA, EGEMAPS, NONE),
    )
    beside: tuple[str, ...] = option(
        (), "Another encoder whose layers to compare this one's with; may be repeated.", metavar="NAME"
    )
    system: Path | None = option(
        None,
        "A finetune run of this encoder: words, sound and speaker are erased inside the running system too, at four "
        "of its layers.",
        metavar="RUN",
    )
    randoms: int = option(
        20, "Random subspaces that every erasure is set against; 0 leaves them out.", flag="--random", at_least=0
    )
    orders: int = option(8, "Random orders of the speakers of which the description length is the mean.", at_least=1)
    seed: int = option(0, "Random seed of subspaces and orders.", at_least=0)

    def __post_init__(self) -> None:
        named = (self.dims,) if isinstance(self.dims, str) else tuple(self.dims)
        object.__setattr__(self, "dims", named)
        beside = (self.beside,) if isinstance(self.beside, str) else tuple(self.beside)
        object.__setattr__(self, "beside", beside)
        if not named:
            raise OptionError("--dim", "no dimension is named", "name one, or leave it out for all", code="no-dims")
        validate(self)
