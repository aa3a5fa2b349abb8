"""Corpus → acoustic measures of every utterance, kept beside its hidden states so that each file is measured once.

The table `<root>/<corpus>/acoustics-<recipe>-<fp8>.csv` remembers them by the utterance's id and the checksum of its
audio, as `audio.json` remembers lengths; what it lacks, or holds damaged, is measured. It is written whole, again and
again while the work lasts: a kill loses a part at most, and running again goes on.

Shape legend: N utterances · F measures · K numbers of the channel.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from probing.audio.acoustics import LIBROSA, NUISANCES, RECIPES, nuisances, versions
from probing.audio.contours import Contours
from probing.corpus.checked import Checked, audio_memory
from probing.corpus.model import Utterance
from probing.corpus.scan import audio_checksums, scan_audio
from probing.corpus.waveforms import Waveforms
from probing.errors import CacheError, CorpusError, OptionError, first_names
from probing.extraction.measured import Key, Table
from probing.files import PARTIAL, claim, digest

FEW = 128  # utterances that one process measures before others would have loaded librosa
MOST = 16  # processes; more would wait for the disk
BATCH = 8  # files that a process takes at a time
PART = 256  # newly measured utterances after which the table is written
_APART = "nuisance: "  # begins the name of a nuisance in the table


@dataclass(frozen=True, eq=False)
class Acoustics:
    """Acoustic measures of a corpus, in its order; every number is finite.

    Args:
        names: What the F measures are.
        values_NF: The measures.
        nuisances: `energy`, `f0`, `rate`, `duration` and `snr` [N], and `channel` [N, K]
            (`probing.audio.acoustics.nuisances`).
        path: The table that keeps them.
        identity: What settles the numbers beside the audio: SHA-256 of the recipe and its libraries' versions.
    """

    names: tuple[str, ...]
    values_NF: NDArray[np.float64]
    nuisances: Mapping[str, NDArray[np.float64]]
    path: Path
    identity: str


@dataclass(frozen=True)
class _Recording:
    """An utterance that is to be measured, and the checksum of its audio as the corpus was checked."""

    utterance: Utterance
    checksum: int

    @property
    def key(self) -> Key:
        return self.utterance.id, self.checksum


def acoustics_of(checked: Checked, root: Path, recipe: str = LIBROSA, workers: int | None = None) -> Acoustics:
    """Measure every utterance of a corpus, or read what was measured before.

    Args:
        checked: The corpus; its audio is scanned here where the command has not done so.
        root: Folder of all caches.
        recipe: `librosa` or `egemaps`.
        workers: Number of processes; None: one a core, OMP_NUM_THREADS at most, and a single one for a few files.

    Raises:
        OptionError: There is no such recipe (code `acoustics-recipe`).
        ProbingError: librosa or openSMILE is not installed (`librosa-missing`, `opensmile-missing`).
        CorpusError: Utterances have no audio (`acoustics-no-audio`).
        AudioError: A file cannot be decoded.
        CacheError: A file changed meanwhile (`audio-changed`), or a process was killed (`acoustics-killed`).
    """
    if recipe not in RECIPES:
        why, remedy = f"the recipes are {', '.join(RECIPES)}", "name one of those"
        raise OptionError(f"there is no recipe {recipe!r} of acoustic measures", why, remedy, code="acoustics-recipe")
    identity = digest(versions(recipe))
    recordings = _recordings(checked, root)
    path = audio_memory(checked.spec, root).with_name(f"acoustics-{recipe}-{identity[:8]}.csv")
    table = Table.read(path, identity)
    if any(one.key not in table.rows for one in recordings):
        with claim(path, wait=True):  # another process may be measuring the same
            for unfinished in path.parent.glob(f"{path.name}.*{PARTIAL}"):  # of a process that was killed
                unfinished.unlink(missing_ok=True)
            table = Table.read(path, identity)
            _complete(table, [one for one in recordings if one.key not in table.rows], recipe, workers)
    return _acoustics(table, recordings)


def _recordings(checked: Checked, root: Path) -> list[_Recording]:
    """What is to be measured, in the corpus's order."""
    utterances, name = checked.corpus.utterances, checked.corpus.name
    silent = [one.id for one in utterances if one.path is None]
    if silent:
        raise CorpusError(
            f"corpus {name} has no audio of {len(silent):,} of its {len(utterances):,} utterances "
            f"({first_names(silent)})",
            "acoustic measures are taken from recordings",
            "give the table a column path, or leave the acoustics out",
            code="acoustics-no-audio",
        )
    scan = checked.scan if checked.scan.checksums else scan_audio(utterances, memory=audio_memory(checked.spec, root))
    for one in utterances:  # the scan also knows what was left out
        if one.id in scan.damaged:
            raise scan.damaged[one.id]
    return [_Recording(one, scan.checksums[one.id]) for one in utterances]


def _complete(table: Table, lacking: Sequence[_Recording], recipe: str, workers: int | None) -> None:
    """Measure what a table lacks and write it; what was measured before an error or an interruption is kept."""
    unwritten, files = 0, _by_file(lacking)
    with (
        tqdm(total=len(lacking), desc="acoustics", unit="utterance", disable=None) as bar,
        closing(_measured(files, recipe, workers or _usual(len(lacking)))) as results,
    ):
        try:
            for one, numbers in zip(chain.from_iterable(files), results, strict=True):
                table.add(one.key, numbers)
                unwritten += 1
                bar.update()
                if unwritten >= max(PART, len(table.rows) // 10):  # so that rewriting a large table costs little in all
                    table.write()
                    unwritten = 0
        finally:
            if unwritten:
                table.write()


def _by_file(recordings: Sequence[_Recording]) -> list[list[_Recording]]:
    """Segments of one file together, so that one process decodes it, once."""
    files: dict[Path | None, list[_Recording]] = {}
    for one in recordings:
        files.setdefault(one.utterance.path, []).append(one)
    return list(files.values())


def _usual(count: int) -> int:
    """Number of processes for so many files."""
    if count < FEW:
        return 1
    from joblib import cpu_count  # which librosa brings, and which knows what a container or a scheduler allows

    stated = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cpu_count(), int(stated) if stated.isdecimal() and int(stated) else MOST, MOST))


def _measured(
    files: Sequence[Sequence[_Recording]], recipe: str, workers: int
) -> Generator[dict[str, float], None, None]:
    """The numbers of all utterances of some files, in order, by one process or several."""
    if workers == 1:
        for file in files:
            yield from _measure(file, recipe)
        return
    # Unlike those of the standard library, its processes never run the user's script again, guarded or not.
    from joblib.externals.loky import ProcessPoolExecutor

    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    pool = ProcessPoolExecutor(max_workers=workers, env=alone)
    try:
        for numbers in pool.map(_measure, files, [recipe] * len(files), chunksize=BATCH):
            yield from numbers
    except BrokenProcessPool as error:
        what, why = "a process that measured acoustics was killed", "the memory may have run out"
        raise CacheError(what, why, "rerun the command to resume", code="acoustics-killed") from error
    finally:
        pool.shutdown(kill_workers=True)


def _measure(file: Sequence[_Recording], recipe: str) -> list[dict[str, float]]:
    """All numbers of each utterance of a file: the measures of the recipe, then the nuisances."""
    utterances = [one.utterance for one in file]
    waveforms, found = Waveforms(utterances), []
    for utterance in utterances:
        contours = Contours(waveforms(utterance.id))
        apart = {f"{_APART}{name}": number for name, number in nuisances(contours).items()}
        found.append(RECIPES[recipe](contours) | apart)
    if audio_checksums(utterances) != dict(one.key for one in file):
        why = "it has changed since the corpus was checked"
        raise CacheError(f"{utterances[0].path}", why, "rerun the command", code="audio-changed")
    return found


def _acoustics(table: Table, recordings: Sequence[_Recording]) -> Acoustics:
    """A corpus's numbers out of the table."""
    numbers = np.array([table.rows[one.key] for one in recordings], np.float64).reshape(len(recordings), -1)
    place = {name.removeprefix(_APART): n for n, name in enumerate(table.names) if name.startswith(_APART)}
    names = table.names[: len(table.names) - len(place)]
    apart = {name: numbers[:, place[name]] for name in NUISANCES}
    apart["channel"] = numbers[:, [n for name, n in place.items() if name not in NUISANCES]]
    return Acoustics(names, numbers[:, : len(names)], apart, table.path, table.identity)
