"""Utterances as waveforms, where many may be segments of one recording.

A recording is decoded forward and as a whole, so that each of its segments alone would cost as much as all of them.
The segments that are cut on the way to one utterance are kept for the next ones, as far as memory allows.

Shape legend: S samples at 16 kHz.
"""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from probing.audio.decode import LONGEST, Sound, listen_to_parts, load
from probing.audio.segments import places
from probing.corpus.model import Utterance
from probing.errors import AudioError

MOST = 1 << 28  # samples of segments that are kept: 1 GiB, or 4.7 hours


class Waveforms:
    """A function from an utterance's id to its waveform [S], which must not be changed in place.

    Several threads may call it: one decodes a recording, others that want segments of it wait for them.

    Args:
        utterances: Those that may be asked for; of what they share recordings, all is cut at once.
        most: Samples of segments that are kept.
    """

    def __init__(self, utterances: Iterable[Utterance], most: int = MOST) -> None:
        self._utterances = {utterance.id: utterance for utterance in utterances}
        self._most = most
        self._groups: dict[Path, list[Utterance]] = {}
        for utterance in self._utterances.values():
            if utterance.path is not None and utterance.segment is not None:
                self._groups.setdefault(utterance.path, []).append(utterance)
        for group in self._groups.values():
            group.sort(key=_start)
        self._kept: OrderedDict[str, Sound | AudioError] = OrderedDict()  # the last used comes last
        self._held = 0  # samples that are kept
        self._keeping = Lock()
        self._decoding: defaultdict[Path, Lock] = defaultdict(Lock)

    def __call__(self, id_: str) -> NDArray[np.float32]:
        """The waveform of an utterance.

        Raises:
            AudioError: As `probing.audio.decode.load`.
        """
        utterance = self._utterances[id_]
        if utterance.segment is None or utterance.path is None:
            return load(utterance.path or "")
        with self._keeping:
            decoding = self._decoding[utterance.path]
        with decoding:
            found = self._recalled(id_)
            if found is None:
                together = self._together(utterance)
                self._make_room(sum(map(_most_samples, together)))
                found, *others = listen_to_parts(utterance.path, [one.segment for one in together])
                self._keep(dict(zip([one.id for one in together], [found, *others], strict=True)))
        if isinstance(found, AudioError):
            raise AudioError(*found.args)  # a copy, since one that is raised keeps its traceback
        return found.waveform

    def _recalled(self, id_: str) -> Sound | AudioError | None:
        with self._keeping:
            if id_ in self._kept:
                self._kept.move_to_end(id_)
            return self._kept.get(id_)

    def _together(self, utterance: Utterance) -> Sequence[Utterance]:
        """An utterance and the segments behind it, then before it, that are kept with it."""
        assert utterance.path is not None  # only recordings have segments
        group = self._groups[utterance.path]
        at = group.index(utterance)
        together: list[Utterance] = []
        held = 0
        for one in [*group[at:], *group[:at]]:
            held += _most_samples(one)
            if together and held > self._most:
                break
            together.append(one)
        return together

    def _make_room(self, samples: int) -> None:
        """Forget what was not used for the longest time, so that as many more are not too many."""
        with self._keeping:
            while self._kept and self._held + samples > self._most:
                self._held -= _samples(self._kept.popitem(last=False)[1])

    def _keep(self, found: dict[str, Sound | AudioError]) -> None:
        """Keep what was cut."""
        with self._keeping:
            for id_, sound in found.items():
                self._held += _samples(sound) - _samples(self._kept.pop(id_, None))
                self._kept[id_] = sound
        self._make_room(0)


def _start(utterance: Utterance) -> tuple[float, float]:
    assert utterance.segment is not None  # only segments are sorted
    return utterance.segment


def _most_samples(utterance: Utterance) -> int:
    """The samples that a segment may have."""
    first, last = places(_start(utterance))
    return LONGEST if math.isinf(last) else min(LONGEST, int(last) - first)


def _samples(sound: Sound | AudioError | None) -> int:
    return len(sound.waveform) if isinstance(sound, Sound) else 0
