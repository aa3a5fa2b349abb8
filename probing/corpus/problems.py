"""What is wrong with a corpus, and what a user should know of it: the problems and notes of `probe check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probing.corpus.audit import gaps, unlabelled, why_no_labels, without
from probing.corpus.elsewhere import nowhere
from probing.corpus.leaks import Leaks, seen_note
from probing.corpus.learnable import unlearnable, unlearnable_folds, unscorable
from probing.corpus.misnamed import misnamed
from probing.corpus.model import EMOTIONS, LEARNED, TRAIN, UNSPLIT, Corpus
from probing.corpus.readers.tables.columns import meant
from probing.corpus.recordings import between_folds, files_of, overlaps, repeated
from probing.corpus.scan import AudioScan
from probing.corpus.sentences import giveaways
from probing.errors import first_names, number_of

_UNUSED = 20  # columns that a note names
_NAMED = 20  # utterances named for each problem; other commands' errors name five


def problems_of(corpus: Corpus, scan: AudioScan, leaks: Leaks, targets: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Every problem as a line, with the number of things to fix.

    Args:
        corpus: The whole corpus.
        scan: What was found when its audio was decoded.
        leaks: What its test partitions share with train and development.
        targets: Dimensions and categories that the next command learns.
    """
    yield from _lacking_throughout(corpus, targets)
    if all(partition in corpus.partitions for partition in LEARNED):  # else a note says that nothing is learned
        for line in unlearnable(corpus, targets):
            yield line, 1
    has_audio = any(u.path is not None for u in corpus.utterances)
    for what, ids in gaps(corpus, targets, False, has_audio).items():
        yield f"{number_of(len(ids), 'utterance')} without {what}: {first_names(ids, _NAMED)}", len(ids)
    for leak in leaks.found:
        yield f"{leak.what}: {first_names(leak.named, _NAMED)}", len(leak.named)
    if lost := nowhere(corpus, scan):
        what, why, remedy = lost
        yield f"{what}: {why}; {remedy}", len(scan.damaged)
        return
    for id_, error in scan.damaged.items():
        yield f"{id_}: {error.what}: {error.why}", 1


def problems_of_folds(corpus: Corpus, scan: AudioScan, targets: Sequence[str]) -> Iterator[tuple[str, int]]:
    """What is wrong where other folds than the corpus's own are tested; arguments and results as in problems_of."""
    for line, number in unlearnable_folds(corpus, targets):
        yield f"{line}; ask for fewer folds, or name one with --fold", number
    pairs = [f"{one} is {other}" for one, other in between_folds(corpus, scan)]
    if pairs:
        what = number_of(len(pairs), "recording is in two folds", "recordings are in two folds")
        yield f"{what}, of which one is tested and one learned from: {first_names(pairs, _NAMED)}", len(pairs)


def notes_of(corpus: Corpus, scan: AudioScan, leaks: Leaks, targets: Sequence[str]) -> Iterator[str]:
    """What a user should know but need not fix; arguments as those of problems_of."""
    yield from corpus.notes
    yield from scan.remarks()
    yield from (seen_note(partition, *numbers) for partition, numbers in leaks.seen.items())
    yield from _unsplit(corpus)
    yield from misnamed(list(corpus.partitions))
    yield from unscorable(corpus, targets)
    yield from giveaways(corpus, targets)
    yield from _repeated(corpus, scan)
    yield from _segments(corpus)
    yield from _overlapping(corpus)
    yield from _without_words(corpus)
    yield from meant(_unnamed(corpus), [*corpus.unused, *corpus.dimensions, *corpus.categories])
    yield from _unused(corpus)


def _lacking_throughout(corpus: Corpus, targets: Sequence[str]) -> Iterator[tuple[str, int]]:
    """What no utterance has, although a command that comes next asks for it; each with its count."""
    absent = without(corpus)
    if len(absent) == 2:
        line = "no utterance has an audio path or a text, so nothing can be extracted"
        yield _with(line, meant(absent, [*corpus.unused, *corpus.categories])), 1
    learned = [partition for partition in LEARNED if partition in corpus.partitions]
    if len(learned) == 2 and not targets:
        yield _with("no utterance has a rating or a class, so nothing can be learned", why_no_labels(corpus)), 1
    elif not corpus.dimensions:  # else it is as likely that they are no ratings
        for column in (column for column in corpus.off_scale if column in corpus.unused):
            yield f"column {column}: {corpus.unused[column]}", 1
    for partition, target in unlabelled(corpus, targets):
        if partition in learned:
            what = "has a class of" if target in corpus.categories else "is rated on"
            yield f"no utterance of {partition} {what} {target}", 1


def _with(line: str, hints: Sequence[str]) -> str:
    return f"{line} ({'; '.join(hints)})" if hints else line


def _unsplit(corpus: Corpus) -> Iterator[str]:
    """What cannot be done without train or development."""
    if UNSPLIT in corpus.partitions and TRAIN not in corpus.partitions:
        yield "the corpus is not split, so probes cannot be fitted: split it, for example with --split speaker:5"
        return
    for name in LEARNED:
        if name not in corpus.partitions:
            yield f"no {name} partition, so probes cannot be fitted"


def _repeated(corpus: Corpus, scan: AudioScan) -> Iterator[str]:
    """Recordings that are there twice, which is no leak as long as both are on one side of the split."""
    pairs = [f"{one} is {other}" for one, other in repeated(corpus, scan)]
    if pairs:
        what = number_of(len(pairs), "recording is", "recordings are")
        yield f"{what} the same as an earlier one, sample by sample: {first_names(pairs)}"


def _segments(corpus: Corpus) -> Iterator[str]:
    """How many utterances are parts of recordings."""
    parts = [u for u in corpus.utterances if u.path is not None and u.segment is not None]
    if parts:
        recordings = number_of(len(set(files_of(parts).values())), "recording")
        yield f"{number_of(len(parts), 'utterance is a segment', 'utterances are segments')} of {recordings}"


def _overlapping(corpus: Corpus) -> Iterator[str]:
    """Segments of one recording that are not apart."""
    pairs = [f"{one} and {other}" for one, other in overlaps(corpus.utterances)]
    if pairs:
        what = number_of(len(pairs), "segment overlaps", "segments overlap")
        yield f"{what} with an earlier one of the same recording: {first_names(pairs)}"


def _without_words(corpus: Corpus) -> Iterator[str]:
    """Utterances without a transcript where others have one."""
    lacking = [u.id for u in corpus.utterances if u.text is None]
    if lacking and len(lacking) < len(corpus):
        what = number_of(len(lacking), "utterance has", "utterances have")
        yield f"{what} no transcript; what reads words leaves them out with --allow-missing: {first_names(lacking)}"


def _unnamed(corpus: Corpus) -> list[str]:
    """Columns of ours of which no utterance has anything, as far as that is no problem."""
    speakers = [] if any(u.speaker for u in corpus.utterances) else ["speaker"]
    emotions = [dimension for dimension in EMOTIONS if dimension not in corpus.dimensions]
    absent = without(corpus)
    return [*(absent if len(absent) == 1 else []), *speakers, *emotions]  # without both, it is a problem


def _unused(corpus: Corpus) -> Iterator[str]:
    """The columns that are not used, with why."""
    columns = [f"{column} ({why})" for column, why in corpus.unused.items()]
    if columns:
        yield f"columns that are not used: {first_names(columns, _UNUSED)}"
