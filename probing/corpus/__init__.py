"""Corpora: utterances with partition, speaker, labels and text, opened by a short spec.

    demo                      the built-in corpus, written on first use
    path/to/table.csv, .tsv   a table id,path,partition,speaker,arousal,valence,dominance[,text]
    msp-podcast:/path         an MSP-Podcast release as it is unpacked

`model` says what a corpus is, `table` and `msp_podcast` read one, `check` finds what is missing or damaged in it.
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path

from probing.corpus import msp_podcast, table
from probing.corpus.model import EMOTIONS, Corpus, Utterance
from probing.errors import CorpusError

__all__ = ["EMOTIONS", "Corpus", "Utterance", "open_corpus"]

_MSP = "msp-podcast:"
_SPECS = "corpora are: demo, path/to/table.csv (or .tsv), msp-podcast:/path/to/release"
_DEMO_SCALE = (1.0, 7.0)


def open_corpus(
    spec: str,
    scale: tuple[float, float] | None = None,
    transcripts: Path | None = None,
    demo_folder: Path = Path("cache/demo"),
) -> Corpus:
    """Open the corpus that a spec names.

    Args:
        spec: `demo`, `path/to/table.csv` (or `.tsv`), or `msp-podcast:/path/to/release`.
        scale: Lowest and highest rating that annotators could give; a table without it is taken to lie in [0, 1].
        transcripts: Table `id,text` whose texts replace the corpus's own.
        demo_folder: Where the built-in corpus is written when it is not there yet.

    Returns:
        The corpus; nothing of its audio has been opened.

    Raises:
        CorpusError: The spec is unknown, or the corpus cannot be read as it stands.
    """
    if scale is not None and not (all(map(math.isfinite, scale)) and scale[0] < scale[1]):
        raise CorpusError(f"--scale {scale[0]:g} {scale[1]:g}", "LOW must lie below HIGH", "for example --scale 1 7")
    if spec.startswith(_MSP):
        _demand_own_scale(spec, scale, msp_podcast.SCALE)
        corpus = msp_podcast.read(Path(spec.removeprefix(_MSP)).expanduser(), spec, with_text=transcripts is None)
    elif spec == "demo":
        _demand_own_scale(spec, scale, _DEMO_SCALE)
        from probing.demo import write_demo  # only here: nobody else pays for loading the synthesiser

        corpus = table.read(write_demo(demo_folder), spec, _DEMO_SCALE, name="demo")
    elif Path(spec).suffix.lower() in table.SEPARATORS:
        corpus = table.read(Path(spec).expanduser(), spec, scale)
    else:
        raise CorpusError(f"there is no corpus {spec!r}", _SPECS, _nearest(spec))
    return corpus if transcripts is None else table.with_transcripts(corpus, transcripts)


def _demand_own_scale(spec: str, scale: tuple[float, float] | None, own: tuple[float, float]) -> None:
    if scale is not None and tuple(scale) != own:
        raise CorpusError(
            f"--scale {scale[0]:g} {scale[1]:g} does not fit {spec}",
            f"its ratings lie on {own[0]:g} to {own[1]:g}",
            "leave --scale out",
        )


def _nearest(spec: str) -> str:
    """What the user may have meant by an unknown spec."""
    if Path(spec).is_dir():
        return f"give the table in that folder, or {_MSP}{spec} where it is an MSP-Podcast release"
    prefix, colon, rest = spec.partition(":")
    near = difflib.get_close_matches(prefix.lower(), ["demo", _MSP.rstrip(":")], n=1)
    if near == ["demo"]:
        return "did you mean demo?"
    if near:
        return f"did you mean {_MSP}{rest if colon else '/path/to/release'}?"
    return "type one of those"
