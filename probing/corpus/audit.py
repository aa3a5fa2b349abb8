"""Find what is missing or damaged in a corpus before long work.

A command leaves out at most `--allow-missing N` utterances, all causes together:

    corpus, left_out = require(corpus, dims=["valence"], audio=True, allow_missing=n)
    scan = scan_audio(corpus.utterances)
    corpus, left_out = leave_out_damaged(corpus, scan, n, left_out)
"""

from __future__ import annotations

import difflib
import json
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from probing.audio.decode import load
from probing.corpus.model import DEVELOPMENT, TEST2, TRAIN, Corpus, Utterance
from probing.errors import AudioError, CorpusError, first_names

_COLUMNS = ("size", "changed", "samples", "checksum")  # of the file that remembers sound files
_CHUNK = 1024  # files handed to the threads at a time, so that memory does not grow with the corpus


@dataclass(frozen=True)
class AudioScan:
    """What decoding every file of a corpus found.

    Args:
        samples: Utterance id → samples at 16 kHz that audio.load yields.
        damaged: Utterance id → why its file cannot be used.
        checksums: Utterance id → CRC-32 of its file's bytes.
    """

    samples: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, AudioError] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)


def scan_audio(
    utterances: Sequence[Utterance], threads: int = 4, memory: Path | None = None, remember: bool = True
) -> AudioScan:
    """Decode every file in full; a header alone does not tell whether the audio behind it is whole.

    Args:
        utterances: Those to decode; one without a path is in neither part of the result.
        threads: Files decoded at a time.
        memory: A file that remembers what sound files hold, so that each is decoded once; files that have changed
            since (size or time of change) are decoded again. None decodes them all.
        remember: Whether that file is written, and not only read.
    """
    scan = AudioScan()
    known = _remembered(memory)
    heard = [utterance for utterance in utterances if utterance.path is not None]
    with (
        tqdm(total=len(heard), desc="audio", unit="file", disable=None) as bar,
        ThreadPoolExecutor(max_workers=threads) as pool,
    ):
        for start in range(0, len(heard), _CHUNK):
            chunk = heard[start : start + _CHUNK]
            for utterance, found in zip(chunk, pool.map(partial(_measure, known=known), chunk), strict=True):
                if isinstance(found, AudioError):
                    scan.damaged[utterance.id] = found
                else:
                    known[str(utterance.path)] = found
                    *_, scan.samples[utterance.id], scan.checksums[utterance.id] = found
                bar.update()
    if memory is not None and remember:
        _remember(memory, known)
    return scan


_Sound = tuple[int, int, int, int]  # size in bytes, time of change in ns, samples at 16 kHz, CRC-32


def _measure(utterance: Utterance, known: Mapping[str, _Sound]) -> _Sound | AudioError:
    assert utterance.path is not None  # scan_audio passes no other
    try:
        status = utterance.path.stat() if utterance.path.is_file() else None
        before = known.get(str(utterance.path))
        if status and before and before[:2] == (status.st_size, status.st_mtime_ns):
            return before
        samples = len(load(utterance.path))
        status = utterance.path.stat()
        return status.st_size, status.st_mtime_ns, samples, file_checksum(utterance.path)
    except AudioError as error:  # a copy: the error itself holds its traceback, and with it the waveform
        return AudioError(error.what, error.why, error.remedy)


def file_checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    return zlib.crc32(path.read_bytes())


def _remembered(memory: Path | None) -> dict[str, _Sound]:
    """What a file remembers; nothing where it is not there or not whole, since it only saves time."""
    if memory is None or not memory.is_file():
        return {}
    try:
        table = json.loads(memory.read_text("utf-8"))
        return dict(zip(table["path"], zip(*(table[column] for column in _COLUMNS), strict=True), strict=True))
    except (ValueError, KeyError, TypeError):
        return {}


def _remember(memory: Path, known: Mapping[str, _Sound]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    columns = dict(zip(_COLUMNS, zip(*known.values(), strict=True), strict=True)) if known else {}
    aside = memory.with_name(f"{memory.name}.{os.getpid()}.partial")
    aside.write_text(json.dumps({"path": list(known), **columns}, ensure_ascii=False), "utf-8")
    aside.replace(memory)


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
    blank = unlabelled(corpus, dims)
    for partition, dimension in blank:
        if partition in (TRAIN, DEVELOPMENT):
            raise CorpusError(
                f"corpus {corpus.name}: no utterance of {partition} is rated on {dimension}",
                f"{corpus.name} cannot be used for {dimension} without",
                f"add the ratings, or choose another dimension of {', '.join(corpus.dimensions)}",
            )
    lacking = gaps(corpus, dims, text, audio)
    missing = {id_ for ids in lacking.values() for id_ in ids}
    if len(missing) > allow_missing:
        raise CorpusError(
            f"corpus {corpus.name}: {len(missing):,} of {len(corpus):,} utterances lack what is needed",
            "; ".join(f"{len(ids):,} have {what}: {first_names(ids)}" for what, ids in lacking.items()),
            f"complete the corpus, or go on without them: --allow-missing {len(missing)}",
        )
    kept = _without(corpus, missing)
    shared = shared_speakers(kept, TEST2)
    if shared:
        raise CorpusError(
            f"corpus {corpus.name}: {len(shared):,} speakers of test2 (unseen) are also in train or development",
            first_names(shared),
            "give all utterances of each of them the same side: test1 is the partition of seen speakers",
        )
    notes = tuple(f"no utterance of {partition} is rated on {dimension}" for partition, dimension in blank)
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


def unlabelled(corpus: Corpus, dims: Sequence[str]) -> list[tuple[str, str]]:
    """Partition and dimension where no utterance is rated."""
    groups = corpus.partitions.items()
    return [(name, d) for d in dims for name, group in groups if not any(d in u.labels for u in group)]


def gaps(corpus: Corpus, dims: Sequence[str], text: bool, audio: bool) -> dict[str, list[str]]:
    """What utterances lack, and which; partitions wholly unlabelled in a dimension do not count for it."""
    blank = set(unlabelled(corpus, dims))
    found = {
        f"no rating of {d}": [u.id for u in corpus.utterances if not (d in u.labels or (u.partition, d) in blank)]
        for d in dims
    }
    found["no transcript"] = [u.id for u in corpus.utterances if text and u.text is None]
    found["no audio path"] = [u.id for u in corpus.utterances if audio and u.path is None]
    return {what: ids for what, ids in found.items() if ids}


def shared_speakers(corpus: Corpus, test: str, seen: Sequence[str] = (TRAIN, DEVELOPMENT)) -> list[str]:
    """Speakers of a test partition that the model has heard."""
    heard = {u.speaker for u in corpus.utterances if u.partition in seen}
    return sorted({u.speaker for u in corpus.utterances if u.partition == test and u.speaker in heard if u.speaker})
