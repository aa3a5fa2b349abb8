"""Where the cache of a corpus × encoder × store is, decided by what it holds: many corpora are called `labels.csv`.

A cache belongs to a corpus if it holds some of its utterances, made from its audio or text (`extraction.matching`). So
a corpus that has grown, its partitions one by one, and all of its folds share one cache, and two corpora of one name
have two, side by side. Nothing here writes.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from probing.cache.format import Layout, parts_folder
from probing.cache.reader import Cache
from probing.corpus.checked import Checked, audio_memory, corpus_name
from probing.corpus.model import Corpus
from probing.corpus.opening import open_corpus
from probing.corpus.scan import AudioScan
from probing.errors import CacheError, first_names
from probing.extraction.inputs import known_checksums, other_inputs
from probing.extraction.matching import Known, Match, best, candidates, folders_of, match
from probing.files import slug

_NOTHING = "nothing has been extracted yet"


def settle_path(checked: Checked, layout: Layout, root: Path, scan: AudioScan, partitions: Sequence[str]) -> Path:
    """Where an extraction goes: to the corpus's own cache, finished or not, or to a new one.

    Args:
        checked: What is to be extracted.
        layout: What the cache says of itself.
        root: Folder of all caches.
        scan: Lengths and checksums of what is to be extracted.
        partitions: The only partitions to extract, if not all; the others still identify the corpus's cache.

    Returns:
        The virtual file. It may be that of a cache some of whose audio or text has changed: the extraction then says
        so before it writes.

    Raises:
        CacheError: The place of a new cache is taken by another corpus's (code `cache-other-corpus`).
    """
    corpus = checked.corpus
    if partitions and checked.spec.corrupt_words is None:  # else the other partitions' words are not known
        corpus = open_corpus(checked.spec)
    rest = [utterance for utterance in corpus.utterances if utterance.id not in scan.samples]
    checksums = known_checksums(rest, layout.identity, audio_memory(corpus, root)) | scan.checksums
    known = Known([utterance.id for utterance in corpus.utterances], checksums, scan.samples)
    new = layout.path(root / corpus_name(corpus.name, checked.spec, checked.identity))
    found = [match(path, known) for path in dict.fromkeys([new, *candidates(corpus.name, layout, root)])]
    own = best(one for one in found if one.own or one.changed)
    if own is not None:
        return own.path
    if found[0].held:
        raise CacheError(
            f"{new} is the cache of another corpus of the name {corpus.name}",
            "it was made from other audio or text",
            f"move that file and the folder {parts_folder(new)} away, or name another folder of caches with --cache",
            code="cache-other-corpus",
        )
    return new


def cache_path(corpus: Corpus, layout: Layout, root: Path) -> Path | None:
    """The corpus's own finished cache; None where there is none.

    What it lacks, and what has changed since, is for `find_cache` to say.

    Args:
        corpus: The corpus.
        layout: What its cache says of itself (`probing.extraction.cost.layout_of`).
        root: Folder of all caches.
    """
    own = best(_finished(corpus, layout, root))
    return own.path if own else None


def demand_begun(corpus: str, encoder: str, store: str, dtype: str, root: Path, command: str) -> None:
    """Make sure, by names alone, that there may be a cache: without opening the encoder, which may be far to fetch.

    Args:
        corpus: The corpus's name.
        encoder: The encoder's name, or what it begins with.
        store: What is looked for, to be said in the error.
        dtype: Likewise its number format.
        root: Folder of all caches.
        command: As in `find_cache`.

    Raises:
        CacheError: Nothing has been extracted by it (code `cache-missing`).
    """
    if not any(any(folder.glob(f"{glob.escape(slug(encoder))}*")) for folder in folders_of(corpus, root)):
        what = f"no cache of {corpus} × {encoder} in {root} (store {store}, {dtype})"
        raise CacheError(what, _NOTHING, f"type: {command}", code="cache-missing")


def find_cache(corpus: Corpus, layout: Layout, root: Path, command: str, whole: bool = True) -> Cache:
    """Open the corpus's own cache.

    Args:
        corpus: The corpus.
        layout: What its cache says of itself.
        root: Folder of all caches.
        command: The `probe extract` command that makes it (`probing.extraction.commands`).
        whole: Whether it must hold every utterance, made from the audio or text that is there now.

    Raises:
        CacheError: Nothing has been extracted (code `cache-missing`), the extraction has not ended
            (`cache-unfinished`), there is only one made under another fingerprint (`cache-fingerprint`), it lacks
            utterances (`cache-incomplete`), it was made from other audio or text (`cache-other-audio`), none of the
            corpus's audio or text is available to tell whether it is the corpus's (`cache-unproven`), two that differ
            both fit what is available (`cache-ambiguous`), or it is damaged.
    """
    found = _finished(corpus, layout, root)
    own = best(found)
    if own is None:
        raise _missing(corpus, layout, root, found, command)
    if own.damage:
        raise own.damage
    _refuse_unproven(own, found, corpus)
    if whole and own.other:
        remedy = f"type: {command} (its message names the part to move away)"
        raise other_inputs(own.path, corpus, own.other, remedy)
    if whole and own.lacking:
        raise CacheError(
            f"{own.path} lacks {len(own.lacking):,} of the corpus's {len(corpus):,} utterances "
            f"({first_names(own.lacking)})",
            "the corpus has grown, or only some partitions were extracted",
            f"type: {command} (what is there stays)",
            code="cache-incomplete",
        )
    _refuse_ambiguous(own, found)
    cache = Cache(own.path)
    if cache.layout.fingerprint != layout.fingerprint:  # of which the name holds eight digits
        raise _other_fingerprint(_what(corpus, layout, root), own.path, command)
    return cache


def _finished(corpus: Corpus, layout: Layout, root: Path) -> list[Match]:
    paths = [path for path in candidates(corpus.name, layout, root) if path.is_file()]
    return _matches(corpus, layout, root, paths)


def _matches(corpus: Corpus, layout: Layout, root: Path, paths: Iterable[Path]) -> list[Match]:
    """Some caches compared with a corpus, whose audio is examined only if there are any."""
    there = list(paths)
    if not there:
        return []
    ids = [utterance.id for utterance in corpus.utterances]
    known = Known(ids, known_checksums(corpus.utterances, layout.identity, audio_memory(corpus, root)))
    return [match(path, known) for path in there]


def _refuse_unproven(own: Match, found: Sequence[Match], corpus: Corpus) -> None:
    """Two corpora of one name may have the same ids: without audio or text, only the user knows whose a cache is."""
    if not own.unproven:
        return
    files = " or ".join(f"--cache {shlex.quote(str(one.path))}" for one in found if one.unproven)
    raise CacheError(
        f"nothing proves that {own.path} is the cache of this corpus {corpus.name}",
        "it holds the corpus's ids, but so may that of another corpus of that name, and none of the audio or text that "
        "would tell is available",
        f"name the cache file itself, which needs no proof, without --encoder and --store: {files}",
        code="cache-unproven",
    )


def _refuse_ambiguous(own: Match, found: Sequence[Match]) -> None:
    """Two caches that both fit differ only if most of the audio is not available; then the user must decide."""
    for one in found:
        if one is own or not one.own:
            continue
        pairs = ((one.held[id_][1], own.held[id_][1]) for id_ in own.shared if id_ in one.held)
        if any(a and b and a != b for a, b in pairs):
            raise CacheError(
                f"{own.path} and {one.path} both hold the corpus's utterances",
                "they were made from different audio, and what the corpus still has does not decide between them",
                "name one of the two files with --cache",
                code="cache-ambiguous",
            )


def _missing(corpus: Corpus, layout: Layout, root: Path, found: Sequence[Match], command: str) -> CacheError:
    """Why there is no cache of the corpus's own."""
    what, remedy = _what(corpus, layout, root), f"type: {command}"
    places = candidates(corpus.name, layout, root)
    begun = [path for path in places if not path.is_file() and parts_folder(path).is_dir()]
    for one in _matches(corpus, layout, root, begun):
        if one.own or one.changed or not one.held:
            why = f"its extraction has begun in {parts_folder(one.path)} but not ended"
            return CacheError(what, why, remedy, code="cache-unfinished")
    prefix = places[0].stem.rsplit("-", 1)[0]
    beside = [path for place in places for path in sorted(place.parent.glob("*.h5")) if path != place]
    alike = [path for path in beside if path.stem.rsplit("-", 1)[0] == prefix]
    for one in reversed(_matches(corpus, layout, root, alike)):
        if one.own or one.changed:
            return _other_fingerprint(what, one.path, command)
    why = _NOTHING
    if found:
        why = f"{found[0].path} is of another corpus of that name: it was made from other audio or text"
    return CacheError(what, why, remedy, code="cache-missing")


def _what(corpus: Corpus, layout: Layout, root: Path) -> str:
    return f"no cache of {corpus.name} × {layout.encoder} in {root} (store {layout.store}, {layout.dtype})"


def _other_fingerprint(what: str, path: Path, command: str) -> CacheError:
    why = (
        f"there is {path}, made under another fingerprint (other weights, preprocessing, number format or version); "
        "it is not read in its place"
    )
    return CacheError(what, why, f"type: {command}", code="cache-fingerprint")
