"""Find what is missing or damaged in a corpus: before long work (require, leave_out_damaged) or as a report.

A command leaves out at most `--allow-missing N` utterances, all causes together:

    corpus, left_out = require(corpus, dims=["valence"], audio=True, allow_missing=n)
    scan = scan_audio(corpus.utterances)
    corpus, left_out = leave_out_damaged(corpus, scan, n, left_out)
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from probing.audio import SAMPLE_RATE, load
from probing.corpus.model import DEVELOPMENT, TEST1, TEST2, TRAIN, Corpus, Utterance
from probing.errors import AudioError, CorpusError, first_names

_CHUNK = 1024  # files handed to the threads at a time, so that memory does not grow with the corpus
_BINS = 7  # of a label histogram: the answers of a 7-point scale
_BARS = "▁▂▃▄▅▆▇█"
_WRAP = textwrap.TextWrapper(
    96, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
)
_NAMED = 20  # utterances that the report names for each problem; the commands' errors name five


@dataclass(frozen=True)
class AudioScan:
    """What decoding every file of a corpus found.

    Args:
        samples: Utterance id → samples at 16 kHz that audio.load yields.
        damaged: Utterance id → why its file cannot be used.
    """

    samples: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, AudioError] = field(default_factory=dict)


def scan_audio(utterances: Sequence[Utterance], threads: int = 4) -> AudioScan:
    """Decode every file in full; a header alone does not tell whether the audio behind it is whole.

    Args:
        utterances: Those to decode; one without a path is in neither part of the result.
        threads: Files decoded at a time.
    """
    scan = AudioScan()
    heard = [utterance for utterance in utterances if utterance.path is not None]
    with (
        tqdm(total=len(heard), desc="audio", unit="file", disable=None) as bar,
        ThreadPoolExecutor(max_workers=threads) as pool,
    ):
        for start in range(0, len(heard), _CHUNK):
            chunk = heard[start : start + _CHUNK]
            for utterance, found in zip(chunk, pool.map(_measure, chunk), strict=True):
                if isinstance(found, AudioError):
                    scan.damaged[utterance.id] = found
                else:
                    scan.samples[utterance.id] = found
                bar.update()
    return scan


def _measure(utterance: Utterance) -> int | AudioError:
    assert utterance.path is not None  # scan_audio passes no other
    try:
        return len(load(utterance.path))
    except AudioError as error:  # a copy: the error itself holds its traceback, and with it the waveform
        return AudioError(error.what, error.why, error.remedy)


def require(
    corpus: Corpus, *, dims: Sequence[str] = (), text: bool = False, audio: bool = False, allow_missing: int = 0
) -> tuple[Corpus, tuple[str, ...]]:
    """Make sure, before long work, that a corpus holds what a command reads.

    Args:
        corpus: Only the partitions that the command reads (Corpus.select).
        dims: Dimensions of which a rating is needed. A partition other than train and development may be wholly
            unlabelled; it is kept and a note says so.
        text: Whether a transcript is needed (an empty one is one).
        audio: Whether an audio path is needed; whether its file is whole is for scan_audio to find.
        allow_missing: Utterances that may be left out.

    Returns:
        The corpus without what is left out, and the ids left out in the corpus's order.

    Raises:
        CorpusError: More utterances than that lack something, a dimension is unknown, train or development is not
            labelled, or they share a speaker with test2.
    """
    _demand_dimensions(corpus, dims)
    unlabelled = _unlabelled(corpus, dims)
    for partition, dimension in unlabelled:
        if partition in (TRAIN, DEVELOPMENT):
            raise CorpusError(
                f"corpus {corpus.name}: no utterance of {partition} is rated on {dimension}",
                f"{corpus.name} cannot be used for {dimension} without",
                f"add the ratings, or choose another dimension of {', '.join(corpus.dimensions)}",
            )
    gaps = _gaps(corpus, dims, text, audio)
    missing = {id_ for ids in gaps.values() for id_ in ids}
    if len(missing) > allow_missing:
        raise CorpusError(
            f"corpus {corpus.name}: {len(missing):,} of {len(corpus):,} utterances lack what is needed",
            "; ".join(f"{len(ids):,} have {what}: {first_names(ids)}" for what, ids in gaps.items()),
            f"complete the corpus, or go on without them: --allow-missing {len(missing)}",
        )
    kept = _without(corpus, missing)
    shared = _shared_speakers(kept, TEST2)
    if shared:
        raise CorpusError(
            f"corpus {corpus.name}: {len(shared):,} speakers of test2 (unseen) are also in train or development",
            first_names(shared),
            "give all utterances of each of them the same side: test1 is the partition of seen speakers",
        )
    notes = tuple(f"no utterance of {partition} is rated on {dimension}" for partition, dimension in unlabelled)
    return replace(kept, notes=kept.notes + notes), tuple(u.id for u in corpus.utterances if u.id in missing)


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
        CorpusError: That would be more than allowed; it names the first five files with their reasons.
    """
    damaged = tuple(utterance.id for utterance in corpus.utterances if utterance.id in scan.damaged)
    total = len(left_out) + len(damaged)
    if damaged and total > allow_missing:
        reasons = [f"\n  {scan.damaged[id_].what}: {scan.damaged[id_].why}" for id_ in damaged]
        before = f" (with the {len(left_out):,} that lack something)" if left_out else ""
        raise CorpusError(
            f"corpus {corpus.name}: {len(damaged):,} of {len(corpus):,} audio files cannot be used",
            "".join(reasons[:5]) + ("\n  …" if len(reasons) > 5 else ""),
            f"mend the files, or go on without them{before}: --allow-missing {total}",
        )
    return _without(corpus, damaged), (*left_out, *damaged)


def _without(corpus: Corpus, ids: Collection[str]) -> Corpus:
    return replace(corpus, utterances=tuple(u for u in corpus.utterances if u.id not in ids)) if ids else corpus


def _demand_dimensions(corpus: Corpus, dims: Sequence[str]) -> None:
    for dimension in dims:
        if dimension in corpus.dimensions:
            continue
        known = ", ".join(corpus.dimensions) or "none: it has no labels"
        about = [note for note in corpus.notes if f"column {dimension} " in note]
        near = difflib.get_close_matches(dimension.lower(), corpus.dimensions, n=1)
        remedy = f"did you mean {near[0]}?" if near else "name one of those, or add the column to the table"
        raise CorpusError(
            f"corpus {corpus.name} has no dimension {dimension}",
            "; ".join([f"its dimensions are {known}", *about]),
            remedy,
        )


def _unlabelled(corpus: Corpus, dims: Sequence[str]) -> list[tuple[str, str]]:
    """Partition and dimension where no utterance is rated."""
    groups = corpus.partitions.items()
    return [(name, d) for d in dims for name, group in groups if not any(d in u.labels for u in group)]


def _gaps(corpus: Corpus, dims: Sequence[str], text: bool, audio: bool) -> dict[str, list[str]]:
    """What utterances lack, and which; partitions wholly unlabelled in a dimension do not count for it."""
    unlabelled = set(_unlabelled(corpus, dims))
    gaps = {
        f"no rating of {d}": [u.id for u in corpus.utterances if not (d in u.labels or (u.partition, d) in unlabelled)]
        for d in dims
    }
    gaps["no transcript"] = [u.id for u in corpus.utterances if text and u.text is None]
    gaps["no audio path"] = [u.id for u in corpus.utterances if audio and u.path is None]
    return {what: ids for what, ids in gaps.items() if ids}


def _shared_speakers(corpus: Corpus, test: str, seen: Sequence[str] = (TRAIN, DEVELOPMENT)) -> list[str]:
    """Speakers of a test partition that the model has heard."""
    heard = {u.speaker for u in corpus.utterances if u.partition in seen}
    return sorted({u.speaker for u in corpus.utterances if u.partition == test and u.speaker in heard if u.speaker})


def report(corpus: Corpus, scan: AudioScan) -> tuple[str, int]:
    """What `probe check CORPUS` prints, and the number of problems in it.

    Args:
        corpus: The whole corpus.
        scan: What scan_audio found in it.

    Returns:
        Text of at most some 100 columns, and how many things there are to mend: unusable files, utterances that
        lack what others of the corpus have, unlabelled train or development, speakers of test2 heard in training.
    """
    low, high = corpus.scale
    problems, count = _problems(corpus, scan)
    shared = _shared_speakers(corpus, TEST1, seen=(TRAIN,))
    seen = [f"{len(shared):,} speakers stand in both train and test1 (seen): {first_names(shared)}"] if shared else []
    notes = [*corpus.notes, *seen]
    lines = [f"{corpus.name}: {len(corpus):,} utterances, labels on {low:g} to {high:g}", ""]
    lines += _partition_lines(corpus, scan)
    if corpus.dimensions:
        lines += ["", f"labels: a bar for each seventh of the scale, {low:g} left to {high:g} right"]
        lines += _label_lines(corpus)
    lines += ["", *_items("notes", notes)] if notes else []
    lines += ["", *_items(f"problems: {count:,}", problems)] if problems else ["", "problems: none"]
    return "\n".join(lines), count


def _partition_lines(corpus: Corpus, scan: AudioScan) -> Iterator[str]:
    """Size, length, speakers and texts of each partition, and of all."""
    yield f"  {'':<14}{'utterances':>10}{'hours':>9}{'seconds (min, mean, max)':>28}{'speakers':>10}{'texts':>9}"
    for name, group in [*corpus.partitions.items(), ("all", corpus.utterances)]:
        seconds = np.array([scan.samples[u.id] for u in group if u.id in scan.samples]) / SAMPLE_RATE
        hours, span = "–", "–"
        if len(seconds):
            hours = f"{seconds.sum() / 3600:.2f}"
            span = f"{seconds.min():.2f} {seconds.mean():.2f} {seconds.max():.2f}"
        speakers = len({u.speaker for u in group if u.speaker is not None})
        texts = sum(u.text is not None for u in group)
        yield f"  {name:<14}{len(group):>10,}{hours:>9}{span:>28}{speakers:>10,}{texts:>9,}"


def _label_lines(corpus: Corpus) -> Iterator[str]:
    """A histogram, mean and standard deviation for each dimension and partition."""
    for dimension in corpus.dimensions:
        for name, group in corpus.partitions.items():
            values = np.array([u.labels[dimension] for u in group if dimension in u.labels])
            if len(values):
                spread = f"mean {values.mean():6.2f}   sd {values.std():5.2f}"
                yield f"  {dimension:<14}{name:<14}{len(values):>9,}   {_bars(values, corpus.scale)}   {spread}"
            else:
                yield f"  {dimension:<14}{name:<14}{'–':>9}"


def _bars(values: NDArray[np.float64], scale: tuple[float, float]) -> str:
    """A histogram of seven bins across the scale as characters; the fullest bin is the highest, an empty one a dot.

    >>> _bars(np.array([0.0, 1.0, 1.0]), (0.0, 1.0))
    '▅·····█'
    """
    counts, _ = np.histogram(values.clip(*scale), bins=_BINS, range=scale)
    levels = np.ceil(counts / counts.max() * len(_BARS)).astype(int)
    # ceil: half of the fullest bin is the fourth bar, a single label among thousands still the first
    return "".join(("·" + _BARS)[level] for level in levels)


def _problems(corpus: Corpus, scan: AudioScan) -> tuple[list[str], int]:
    """Every problem as a line, and how many things there are to mend."""
    unlabelled = [pair for pair in _unlabelled(corpus, corpus.dimensions) if pair[0] in (TRAIN, DEVELOPMENT)]
    lines = [f"no utterance of {partition} is rated on {dimension}" for partition, dimension in unlabelled]
    has_text = any(u.text is not None for u in corpus.utterances)
    has_audio = any(u.path is not None for u in corpus.utterances)
    gaps = _gaps(corpus, corpus.dimensions, has_text, has_audio)
    lines += [f"{len(ids):,} utterances have {what}: {first_names(ids, _NAMED)}" for what, ids in gaps.items()]
    shared = _shared_speakers(corpus, TEST2)
    if shared:
        names = first_names(shared, _NAMED)
        lines.append(f"{len(shared):,} speakers of test2 (unseen) are also in train or development: {names}")
    lines += [f"{id_}: {error.what}: {error.why}" for id_, error in scan.damaged.items()]
    return lines, len(unlabelled) + sum(map(len, gaps.values())) + len(shared) + len(scan.damaged)


def _items(title: str, items: Sequence[str]) -> Iterator[str]:
    """A title, and its items wrapped to the report's width."""
    yield title
    for item in items:
        yield from _WRAP.wrap(item)
