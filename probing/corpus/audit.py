"""Find what is missing or damaged in a corpus before long work.

A command leaves out at most `--allow-missing N` utterances, all causes together:

    corpus, left_out = require(corpus, dims=["valence"], audio=True, allow_missing=n)
    scan = scan_audio(corpus.utterances)
    corpus, left_out = leave_out_damaged(corpus, scan, n, left_out)
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import replace

from probing.corpus.elsewhere import nowhere
from probing.corpus.model import DEVELOPMENT, EMOTIONS, TRAIN, UNSPLIT, Corpus
from probing.corpus.readers.tables.columns import OTHERS, meant
from probing.corpus.readers.tables.sexes import COLUMNS as SEXES
from probing.corpus.scan import AudioScan
from probing.errors import CorpusError, first_names, number_of

_COLUMNS = 5  # columns of which it is said why they are no labels


def require(
    corpus: Corpus, *, dims: Sequence[str] = (), text: bool = False, audio: bool = False, allow_missing: int = 0
) -> tuple[Corpus, tuple[str, ...]]:
    """Make sure, before long work, that a corpus has everything that a command reads.

    Args:
        corpus: Only the partitions that the command reads (Corpus.select).
        dims: Dimensions of which a rating is needed, and categories of which a class is. A partition other than train
            and development may be wholly unlabelled; it is kept and a note says so.
        text: Whether a transcript is needed (an empty one is one).
        audio: Whether an audio path is needed; whether its file is whole is for scan_audio to find.
        allow_missing: Utterances that may be left out.

    Returns:
        The corpus without what is left out, and the ids left out in the corpus's order.

    Raises:
        CorpusError: More utterances than that lack something (code `utterances-lack`), a dimension is unknown
            (`dimension-unknown`), or train or development is not labelled (`unlabelled`).
    """
    demand_targets(corpus, dims)
    blank = unlabelled(corpus, dims)
    for partition, dimension in blank:
        if partition in (TRAIN, DEVELOPMENT):
            named = dimension in corpus.categories
            others = [name for name in (*corpus.dimensions, *corpus.categories) if name != dimension]
            choose = f", or choose another of {', '.join(others)}" if others else ""
            raise CorpusError(
                f"corpus {corpus.title}: {_blank(corpus, partition, dimension)}",
                f"{dimension} cannot be learned without {'classes' if named else 'ratings'} in train and development",
                f"add the {'classes' if named else 'ratings'}{choose}{fewer_folds(corpus)}",
                code="unlabelled",
            )
    lacking = gaps(corpus, dims, text, audio)
    missing = {id_ for ids in lacking.values() for id_ in ids}
    if len(missing) > allow_missing:
        raise CorpusError(
            f"corpus {corpus.name}: {len(missing):,} of {number_of(len(corpus), 'utterance')} cannot be used",
            "; ".join(f"{len(ids):,} without {what}: {first_names(ids)}" for what, ids in lacking.items()),
            "; ".join(
                [
                    *meant(without(corpus, audio=audio, text=text), [*corpus.unused, *corpus.categories]),
                    f"complete the corpus, or leave them out: --allow-missing {len(missing)}",
                ]
            ),
            code="utterances-lack",
        )
    kept = _without(corpus, missing)
    notes = tuple(_blank(corpus, partition, dimension) for partition, dimension in blank)
    return replace(kept, notes=kept.notes + notes), tuple(u.id for u in corpus.utterances if u.id in missing)


def _blank(corpus: Corpus, partition: str, target: str) -> str:
    """That a partition has no label of a target."""
    has = "has a class of" if target in corpus.categories else "is rated on"
    return f"no utterance of {partition} {has} {target}"


def require_split(corpus: Corpus) -> None:
    """Make sure that a corpus from which something is learned is split.

    Raises:
        CorpusError: It has no split (code `unsplit`).
    """
    if TRAIN not in corpus.partitions and UNSPLIT in corpus.partitions:
        raise CorpusError(
            f"corpus {corpus.name} is not split",
            "nothing can be learned without train and development",
            "split it, for example by speakers: --split speaker:5",
            code="unsplit",
        )


def fewer_folds(corpus: Corpus) -> str:
    """What else helps where a fold cannot be learned, as the end of a remedy."""
    return ", or ask for fewer folds, for example --split speaker:5" if corpus.folds else ""


def leave_out_damaged(
    corpus: Corpus, scan: AudioScan, allow_missing: int = 0, left_out: Sequence[str] = ()
) -> tuple[Corpus, tuple[str, ...]]:
    """Leave out the utterances whose audio cannot be used.

    Args:
        corpus: What require returned.
        scan: What scan_audio found in it.
        allow_missing: Utterances that may be left out, those of require included.
        left_out: The ids that require has left out.

    Returns:
        The corpus without them, and all ids left out: those given, then the damaged ones.

    Raises:
        CorpusError: That would be more than allowed (code `audio-unusable`); it names the first five files with their
            reasons.
    """
    damaged = tuple(utterance.id for utterance in corpus.utterances if utterance.id in scan.damaged)
    total = len(left_out) + len(damaged)
    if damaged and total > allow_missing:
        if lost := nowhere(corpus, scan):
            what, why, remedy = lost
            raise CorpusError(f"corpus {corpus.name}: {what}", why, remedy, code="audio-unusable")
        reasons = [f"\n  {scan.damaged[id_].what}: {scan.damaged[id_].why}" for id_ in damaged]
        before = f" (together with the {len(left_out):,} left out for other reasons)" if left_out else ""
        raise CorpusError(
            f"corpus {corpus.name}: {len(damaged):,} of {number_of(len(corpus), 'audio file')} cannot be used",
            "".join(reasons[:5]) + ("\n  …" if len(reasons) > 5 else ""),
            f"replace the files, or leave them out{before}: --allow-missing {total}",
            code="audio-unusable",
        )
    return _without(corpus, damaged), (*left_out, *damaged)


def _without(corpus: Corpus, ids: Collection[str]) -> Corpus:
    return replace(corpus, utterances=tuple(u for u in corpus.utterances if u.id not in ids)) if ids else corpus


def demand_targets(corpus: Corpus, dims: Sequence[str]) -> None:
    """Raise a CorpusError (code `dimension-unknown`) where a corpus has no dimension or category of a name."""
    targets = (*corpus.dimensions, *corpus.categories)
    for dimension in dims:
        if dimension in targets:
            continue
        known = f"its dimensions and categories are {', '.join(targets)}" if targets else "it has no labels"
        about = [f"column {dimension} cannot be one: {corpus.unused[dimension]}"] if dimension in corpus.unused else []
        near = difflib.get_close_matches(dimension.lower(), targets, n=1)
        remedy = f"did you mean {near[0]}?" if near else "name one of those, or add the column to the table"
        if about:
            remedy = f"name one of those, or read its column as a category: --category {dimension}"
        raise CorpusError(
            f"corpus {corpus.name} has no dimension {dimension}",
            "; ".join([known, *about]),
            remedy,
            code="dimension-unknown",
        )


def about_voice(category: str) -> bool:
    """Whether a category is called as what says whose voice it is, and nothing of how they feel.

    >>> about_voice("Gender"), about_voice("actor"), about_voice("style")
    (True, True, False)
    """
    return category.lower() in ("speaker", *SEXES, *OTHERS["speaker"])


def why_no_labels(corpus: Corpus) -> list[str]:
    """What is known of why a corpus has nothing to learn: what its columns are, and what a user may type."""
    columns = sorted(corpus.unused, key=lambda column: column not in corpus.off_scale)  # the likeliest first
    hints = [f"column {column}: {corpus.unused[column]}" for column in columns][:_COLUMNS]
    hints += [f"{name} is learned only where it is named: --dim {name}" for name in corpus.categories]
    return [*hints, *meant(EMOTIONS, corpus.unused)]


def no_labels(corpus: Corpus) -> tuple[str, str, str]:
    """What an error says where a corpus has nothing to learn: what happened, why, and what to type next."""
    what = f"corpus {corpus.name}: no utterance has a rating or a class that could be learned"
    why = "; ".join(why_no_labels(corpus)) or "no column has any"
    return what, why, "add a column of ratings or of names to the table, or say which one is that"


def other_targets(corpus: Corpus, targets: Collection[str]) -> str:
    """What to type to learn something else than some dimensions and categories; nothing where there is nothing else.

    >>> one = Corpus("", (0, 1), ())
    >>> other_targets(one, ["joy"])
    ''
    """
    others = [f"--dim {name}" for name in (*corpus.dimensions, *corpus.categories) if name not in targets]
    return " or ".join(others[:_COLUMNS])


def unlabelled(corpus: Corpus, dims: Sequence[str]) -> list[tuple[str, str]]:
    """Partition and dimension or category where no utterance is labelled."""
    groups = corpus.partitions.items()
    return [(name, d) for d in dims for name, group in groups if not any(u.has(d) for u in group)]


def without(corpus: Corpus, audio: bool = True, text: bool = True) -> list[str]:
    """The columns, of path and text, that no utterance has; only those that are asked for."""
    asked = {"path": audio, "text": text}
    return [
        name for name, wanted in asked.items() if wanted and all(getattr(u, name) is None for u in corpus.utterances)
    ]


def gaps(corpus: Corpus, dims: Sequence[str], text: bool, audio: bool) -> dict[str, list[str]]:
    """What some utterances lack → their ids; a partition without any rating of a dimension does not count for it."""
    blank = set(unlabelled(corpus, dims))
    found = {
        f"a {'class' if d in corpus.categories else 'rating'} of {d}": [
            u.id for u in corpus.utterances if not (u.has(d) or (u.partition, d) in blank)
        ]
        for d in dims
    }
    found["a transcript"] = [u.id for u in corpus.utterances if text and u.text is None]
    found["an audio path"] = [u.id for u in corpus.utterances if audio and u.path is None]
    return {what: ids for what, ids in found.items() if ids}
