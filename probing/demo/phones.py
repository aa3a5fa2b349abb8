"""The sounds of the demo language: which formants, voicing and noise make each consonant and vowel."""

from __future__ import annotations

from dataclasses import dataclass

OFF = -100.0  # dB; a source that is shut


@dataclass(frozen=True)
class Phone:
    """A stretch of speech whose articulators aim at one position.

    Args:
        formants: First three resonances in Hz, for a vocal tract of scale 1.
        seconds: Duration at the reference rate; a vowel takes what its syllable leaves, so its own is not used.
        voicing: Level of the glottal source in dB, 0 for a vowel.
        noise: Level of the noise source in dB; 0 would be as loud as the glottal source.
        centre: Resonance that the noise passes through, in Hz.
        width: Bandwidth of that resonance in Hz.
        damping: Factor on the bandwidths of the formants; above 1 for nasals.
    """

    formants: tuple[float, float, float]
    seconds: float = 0.0
    voicing: float = 0.0
    noise: float = OFF
    centre: float = 3000.0
    width: float = 1000.0
    damping: float = 1.0


PAUSE = Phone((500, 1500, 2500), voicing=OFF)

VOWELS = {
    "a": Phone((730, 1200, 2500)),
    "e": Phone((500, 1850, 2550)),
    "i": Phone((290, 2250, 2950)),
    "o": Phone((480, 850, 2450)),
    "u": Phone((320, 800, 2300)),
}


def _plosive(
    locus: tuple[float, float, float], centre: float, width: float, *, voiced: bool, burst: float
) -> tuple[Phone, ...]:
    """Closure, burst and the breath after it; a voiced one hums through a shorter closure."""
    closure = Phone(locus, 0.045 if voiced else 0.060, voicing=-22 if voiced else OFF)
    release = Phone(locus, 0.012, voicing=-20 if voiced else OFF, noise=burst, centre=centre, width=width)
    if voiced:
        return closure, release
    return closure, release, Phone(locus, 0.022, voicing=OFF, noise=burst - 9, centre=centre, width=2 * width)


def _fricative(locus: tuple[float, float, float], centre: float, width: float, noise: float) -> tuple[Phone, ...]:
    return (Phone(locus, 0.095, voicing=OFF, noise=noise, centre=centre, width=width),)


def _sonorant(locus: tuple[float, float, float], voicing: float, damping: float = 1.0) -> tuple[Phone, ...]:
    return (Phone(locus, 0.065, voicing=voicing, damping=damping),)


CONSONANTS = {
    "p": _plosive((350, 800, 2200), 900, 900, voiced=False, burst=-10),
    "t": _plosive((350, 1800, 2700), 4300, 2200, voiced=False, burst=-6),
    "k": _plosive((320, 2000, 2350), 1900, 600, voiced=False, burst=-8),
    "b": _plosive((300, 800, 2200), 900, 900, voiced=True, burst=-16),
    "d": _plosive((300, 1700, 2650), 4000, 2200, voiced=True, burst=-12),
    "g": _plosive((300, 1950, 2300), 1800, 600, voiced=True, burst=-14),
    "s": _fricative((350, 1700, 2600), 5800, 1800, noise=-8),
    "sh": _fricative((350, 1900, 2500), 3000, 1000, noise=-7),
    "f": _fricative((350, 1000, 2300), 4500, 6000, noise=-18),
    "m": _sonorant((270, 1000, 2200), -8, damping=2.5),
    "n": _sonorant((270, 1550, 2600), -8, damping=2.5),
    "l": _sonorant((350, 1150, 2750), -5),
    "r": _sonorant((400, 1250, 1650), -5),
    "w": _sonorant((300, 650, 2200), -5),
    "y": _sonorant((280, 2250, 3000), -5),
}


def phones_of(syllable: str) -> tuple[Phone, ...]:
    """The consonant's phones and, last, the vowel.

    >>> [len(phones_of(s)) for s in ("ta", "shi", "go")]
    [4, 2, 3]
    """
    return (*CONSONANTS[syllable[:-1]], VOWELS[syllable[-1]])
