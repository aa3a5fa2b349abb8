"""Open a corpus by a short spec.

demo                      the built-in corpus, written on first use
path/to/table.csv, .tsv   a table id,path,partition,speaker,arousal,valence,dominance[,text]
msp-podcast:/path         an MSP-Podcast release as it is unpacked
iemocap:/path             IEMOCAP, split by session: folds 1 to 5
msp-improv:/path          MSP-Improv, split by session: folds 1 to 6
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path

from probing.corpus.model import Corpus
from probing.corpus.readers import iemocap, msp_improv, msp_podcast, table
from probing.errors import CorpusError

_SPLIT_BY_SESSION = {"iemocap": iemocap, "msp-improv": msp_improv}
_RELEASES = {"msp-podcast": msp_podcast, **_SPLIT_BY_SESSION}  # each knows its scale
_SPECS = (
    "corpora are: demo, path/to/table.csv (or .tsv), msp-podcast:/path/to/release, iemocap:/path/to/release, "
    "msp-improv:/path/to/release"
)
_DEMO_SCALE = (1.0, 7.0)


def open_corpus(
    spec: str,
    scale: tuple[float, float] | None = None,
    transcripts: Path | None = None,
    demo_folder: Path = Path("cache/demo"),
    fold: int | None = None,
) -> Corpus:
    """Open the corpus that a spec names.

    Args:
        spec: `demo`, `path/to/table.csv` (or `.tsv`), or a release: `msp-podcast:/path`, `iemocap:/path`,
            `msp-improv:/path`.
        scale: Lowest and highest rating that annotators could give; a table without it is taken to lie in [0, 1].
        transcripts: Table `id,text` whose texts replace the corpus's own.
        demo_folder: Where the built-in corpus is written when it is not there yet.
        fold: The session that is test2, of a corpus that is split by session; None: its last.

    Returns:
        The corpus; nothing of its audio has been opened.

    Raises:
        CorpusError: The spec is unknown, scale or fold do not fit it, or the corpus cannot be read as it stands.
    """
    if scale is not None and not (all(map(math.isfinite, scale)) and scale[0] < scale[1]):
        raise CorpusError(f"--scale {scale[0]:g} {scale[1]:g}", "LOW must lie below HIGH", "for example --scale 1 7")
    prefix, _, rest = spec.partition(":")
    if fold is not None and prefix not in _SPLIT_BY_SESSION:
        names = " and ".join(_SPLIT_BY_SESSION)
        raise CorpusError(f"--fold {fold} does not fit {spec}", f"only {names} have folds", "leave --fold out")
    if prefix in _RELEASES:
        _demand_own_scale(spec, scale, _RELEASES[prefix].SCALE)
        release, with_text = Path(rest).expanduser(), transcripts is None
        if prefix in _SPLIT_BY_SESSION:
            corpus = _SPLIT_BY_SESSION[prefix].read(release, spec, fold, with_text)
        else:
            corpus = msp_podcast.read(release, spec, with_text)
    elif spec == "demo":
        _demand_own_scale(spec, scale, _DEMO_SCALE)
        from probing.demo.corpus import write_demo  # only here: nobody else pays for loading the synthesiser

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
        named = " or ".join(f"{prefix}:{spec}" for prefix in _RELEASES)
        return f"give the table in that folder, or {named} where it is a release of that corpus"
    prefix, colon, rest = spec.partition(":")
    near = difflib.get_close_matches(prefix.lower(), ["demo", *_RELEASES], n=1)
    if not near:
        return "type one of those"
    path = f":{rest if colon else '/path/to/release'}" if near[0] in _RELEASES else ""
    return f"did you mean {near[0]}{path}?"
