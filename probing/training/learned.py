"""Whether a corpus to score holds recordings that a run learned from, as far as that is known without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from probing.cache.reader import open_cache
from probing.corpus.checked import Checked, audio_memory
from probing.corpus.identity import identify
from probing.corpus.leaks import Leak, Leaks, refuse_leaks
from probing.corpus.model import LEARNED, TRAIN, Corpus, Utterance
from probing.corpus.opening import open_corpus
from probing.corpus.recordings import shared_recordings
from probing.corpus.scan import AudioScan, remembered
from probing.errors import CacheError, CorpusError, number_of
from probing.runs.records import FinetuneRecord, FitRecord

UNKNOWN = "it was not checked whether recordings of this corpus were learned from"  # begins a note
_REMEDY = "evaluate on a corpus without them; --allow-leaks goes on, and results say so"


def apart_from_learned(
    checked: Checked, scan: AudioScan, run: FinetuneRecord | FitRecord, root: Path, allowed: bool
) -> Checked:
    """The same corpus with what it shares with that of a run, which its notes say too.

    What was learned from is known by its files' paths, by the checksums that a fit's cache has, and by what is
    remembered of files that were decoded before; nothing is decoded for it.

    Args:
        checked: Another corpus than the run's own.
        scan: What is known of its audio.
        run: What is to be scored on it.
        root: Folder of all caches.
        allowed: Whether to go on where a test partition has recordings that the run learned from.

    Raises:
        CorpusError: One has, and that is not allowed (code `leaks`).
    """
    if not any(utterance.path for utterance in checked.corpus.utterances):
        return checked
    learned, why = _learned(run)
    known = _remembered(learned, run, root)
    found = _shared(checked.corpus, scan, learned, known, run.corpus.name)
    leaks = Leaks(tuple(leak for partition, leak in found if partition not in LEARNED))
    refuse_leaks(checked.corpus, leaks, allowed, _REMEDY)
    notes = [*leaks.notes, *(leak.what for partition, leak in found if partition in LEARNED)]
    notes += _unknown(learned, known, why)
    return replace(checked, leaks=leaks, corpus=replace(checked.corpus, notes=(*checked.corpus.notes, *notes)))


def _shared(
    corpus: Corpus, scan: AudioScan, learned: Sequence[Utterance], known: AudioScan, name: str
) -> list[tuple[str, Leak]]:
    """Partition of a corpus and what is known of its recordings that were learned from."""
    names = {u.id: f"{u.id} of {name}" for u in learned}  # both corpora may call their utterances alike
    tested = [replace(u, partition=f"tested {u.partition}") for u in corpus.utterances]
    both = replace(corpus, utterances=(*tested, *(replace(u, id=names[u.id], partition=TRAIN) for u in learned)))
    heard = AudioScan(
        *(
            getattr(scan, field) | {names[id_]: value for id_, value in getattr(known, field).items()}
            for field in ("samples", "damaged", "checksums", "notes", "content")
        )
    )
    found = []
    for partition, pairs in shared_recordings(both, heard).items():
        own = partition.removeprefix("tested ")
        what = number_of(len(pairs), f"recording of {own} was", f"recordings of {own} were")
        found.append((own, Leak(f"{what} learned from ({name})", tuple(f"{id_} is {twin}" for id_, twin in pairs))))
    return found


def _learned(run: FinetuneRecord | FitRecord) -> tuple[list[Utterance], str]:
    """Utterances of a run's train and development, and why they are not known as they were, if they are not.

    Where the corpus has changed or is gone, the estimates of a fit tell their ids, by which its cache has checksums.
    """
    entry = run.corpus
    try:
        own = open_corpus(entry.spec.without_other_words())
        kept = tuple(u for u in own.utterances if u.id not in entry.left_out)
        if entry.identity is None or identify(replace(own, utterances=kept)).labels == entry.identity.labels:
            return [u for u in kept if u.partition in LEARNED], ""
        why = f"{entry.spec.words()[0]}, which the run was trained on, has changed since"
    except CorpusError as error:
        why = f"{entry.spec.words()[0]}, which the run was trained on, cannot be opened any more ({error.what})"
    if not isinstance(run, FitRecord):
        return [], why
    table = run.predictions.table if run.scores else run.classes.table
    ids = table.id[table.partition.isin(LEARNED)].unique()
    return [Utterance(id_, Path(run.cache.path) / id_, TRAIN) for id_ in ids], why  # its file is not known


def _remembered(learned: Sequence[Utterance], run: FinetuneRecord | FitRecord, root: Path) -> AudioScan:
    """What is known of the audio of utterances: what is remembered of their files, and what a fit's cache says."""
    roots = {root: None, Path(run.cache.path).parent.parent: None} if isinstance(run, FitRecord) else {root: None}
    known = AudioScan()
    for folder in roots:
        found = remembered(learned, audio_memory(run.corpus.spec, folder))
        for field in ("samples", "checksums", "content"):
            getattr(known, field).update(getattr(found, field))
    if isinstance(run, FitRecord):
        _add_cached(known, learned, Path(run.cache.path))
    return known


def _add_cached(known: AudioScan, learned: Sequence[Utterance], path: Path) -> None:
    """Add the checksums that a cache has; nothing where it is gone, or has read words."""
    try:
        cache = open_cache(path)
    except CacheError:
        return
    if "tokenizer" in cache.layout.identity:
        return
    for id_, row in ((u.id, cache.row[u.id]) for u in learned if u.id in cache.row):
        if cache.audio[row]:
            known.checksums[id_], known.samples[id_] = int(cache.audio[row]), int(cache.n_samples[row])


def _unknown(learned: Sequence[Utterance], known: AudioScan, why: str) -> list[str]:
    """A note where recordings that were learned from are not known."""
    bare = sum(u.id not in known.checksums and u.id not in known.content for u in learned)
    if not learned or (why and bare == len(learned)):
        return [f"{UNKNOWN}: {why or 'the run learned from none'}"]
    if not bare:
        return []
    what = f"{bare:,} of {number_of(len(learned), 'recording')} that the run learned from"
    return [f"{what} could be compared by path alone: nothing of their audio is remembered in the cache folder"]
