"""Is a cache what it should be? Checksums of everything, and a random sample extracted again, one by one.

Shape legend: T frames · L states · D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from probing.cache.reader import Cache, open_cache
from probing.corpus.audit import require
from probing.corpus.checked import Needs, check_corpus
from probing.corpus.model import Corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.device import settle_device
from probing.encoders.opening import Encoder, open_encoder
from probing.encoders.spec import EncoderSpec
from probing.errors import CacheError, first_names
from probing.extraction.commands import extract_command
from probing.extraction.cost import layout_of
from probing.extraction.inputs import checksums_of, encoding, feed
from probing.extraction.locate import cache_path, find_cache
from probing.extraction.options import CacheOptions, ExtractPlace, VerifyOptions
from probing.extraction.pooling import summarise

# Largest relative error ‖cached − fresh‖/‖fresh‖ of a layer: rounding to the number format, and the batch's 1e-5.
TOLERANCE = {"float32": 1e-5, "float16": 1e-3}


@dataclass(frozen=True)
class Verification:
    """What was found.

    Args:
        cache: What was checked.
        damaged: Utterances whose bytes do not give their checksum, with the reason.
        sample: Utterances that were extracted again.
        errors: Array → relative error ‖cached − fresh‖/‖fresh‖ of each sampled utterance and layer, [sample, L].
        changed: Utterances whose audio file or transcript is not the one that was extracted.
        absent: Utterances of the corpus that the cache lacks.
    """

    cache: Cache
    damaged: dict[str, CacheError] = field(default_factory=dict)
    sample: tuple[str, ...] = ()
    errors: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def tolerance(self) -> float:
        """Largest relative error that the number format explains."""
        return TOLERANCE[self.cache.layout.dtype]

    @property
    def passed(self) -> bool:
        """Whether every checksum, audio file and sampled layer is as it should be, and nothing is absent."""
        wrong = self.damaged or self.changed or self.absent or not self.errors
        return not wrong and all(bool((found <= self.tolerance).all()) for found in self.errors.values())

    def __str__(self) -> str:
        layout = self.cache.layout
        lines = [
            f"{self.cache.path}: {len(self.cache.parts)} parts, {len(self.cache.ids):,} utterances, "
            f"store {layout.store}, {layout.dtype}",
            f"checksums: {len(self.cache.ids) - len(self.damaged):,} right, {len(self.damaged):,} wrong",
            *(f"  {error}" for error in self.damaged.values()),
        ]
        for what, ids in (
            ("have changed since extraction", self.changed),
            ("are missing from the cache", self.absent),
        ):
            if ids:
                lines.append(f"{len(ids):,} utterances {what}: {first_names(ids)}")
        if self.errors:
            lines.append(
                f"{len(self.sample)} utterances extracted again in float32, one by one: largest relative error "
                f"‖cached − fresh‖/‖fresh‖ (at most {self.tolerance:g} is expected of {layout.dtype})"
            )
            lines.append("  layer" + "".join(f"{name:>14}" for name in self.errors))
            for index, state in enumerate(layout.state_names):
                cells = (found[:, index].max() for found in self.errors.values())
                lines.append(f"  {state:>5}" + "".join(f"{cell:14.1e}" for cell in cells))
        lines.append("verified" if self.passed else "FAILED: re-extract the utterances above")
        return "\n".join(lines)


def verify(
    corpus: CorpusSpec | str,
    encoder: EncoderSpec | str,
    source: CacheOptions = CacheOptions(),  # noqa: B008 - frozen
    options: VerifyOptions = VerifyOptions(),  # noqa: B008
    place: ExtractPlace = ExtractPlace(),  # noqa: B008
) -> Verification:
    """Find a corpus's cache, check every number's checksum, and extract a random sample again. Nothing is written.

    Args:
        corpus: What a user types, or a `CorpusSpec`.
        encoder: Likewise, or an `EncoderSpec`.
        source: Which cache; unless it names a store, the first that is there, `frames` before `pooled`.
        options: What to extract again.
        place: Where to compute, and how many utterances may be left out; `source` says where the cache is.

    Raises:
        ProbingError: Corpus, encoder or cache cannot be opened.
    """
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus
    opened = open_encoder(encoder, settle_device(place.device))
    checked = check_corpus(spec, Needs(text=opened.reads), place.allow_missing)
    usable, _ = require(checked.corpus, audio=not opened.reads, allow_missing=place.allow_missing)
    root = Path(source.cache)
    if root.suffix == ".h5":
        cache = open_cache(root)
        own = layout_of(usable, opened, cache.layout.store, cache.layout.dtype)
        if cache.layout.fingerprint != own.fingerprint:
            why = f"{opened.name} as it is now gives another fingerprint"
            remedy = "name the encoder that made it, or its folder with the options that it was made with"
            raise CacheError(f"{root}", why, remedy, code="cache-fingerprint")
    else:
        store = source.store or _present(usable, opened, source.dtype, root)
        again = extract_command(spec, opened.spec, store, source.dtype, root)
        cache = find_cache(usable, layout_of(usable, opened, store, source.dtype), root, again, whole=False)
    return verified(usable, cache, opened, options)


def _present(corpus: Corpus, encoder: Encoder, dtype: str, root: Path) -> str:
    """The first store of which there is a cache; `frames` where there is none."""
    stores = ("frames", "pooled", "latents") if encoder.has_latents else ("frames", "pooled")
    there = (store for store in stores if cache_path(corpus, layout_of(corpus, encoder, store, dtype), root))
    return next(there, stores[0])


def verified(corpus: Corpus, cache: Cache, encoder: Encoder, options: VerifyOptions) -> Verification:
    """Check an open cache.

    Opening it has already checked that every part is there, of its size and with its ids.

    Args:
        corpus: Where the sample's audio or transcripts come from.
        cache: What to check.
        encoder: The encoder that made it.
        options: What to extract again.
    """
    damaged = checksums(cache)
    held = [u for u in corpus.utterances if u.id in cache.row]
    now = checksums_of(held, cache.layout.identity)
    changed = tuple(u.id for u in held if _changed(cache, u.id, now.get(u.id)))
    absent = tuple(u.id for u in corpus.utterances if u.id not in cache.row)
    sound = [u.id for u in held if u.id not in damaged and u.id not in changed]
    chosen = tuple(np.random.default_rng(options.seed).permutation(np.array(sound, dtype=object))[: options.sample])
    errors: dict[str, list[NDArray[np.float64]]] = {name: [] for name in cache.layout.arrays}
    encode = encoding(encoder, cache.layout.store)
    fed = feed([u for u in held if u.id in chosen], encoder)
    for id_ in tqdm(chosen, desc="extract again", unit="utt", disable=None):
        states_BTLD, _ = encode([fed(id_)])
        whose = f"utterance {id_}"
        fresh = summarise(states_BTLD[0], cache.layout.store, "float32", whose, cache.layout.state_names).arrays
        for name, found in errors.items():
            found.append(relative_error(cache.read(cache.row[id_], name), fresh[name]))
    compared = {name: np.stack(found) for name, found in errors.items() if found}
    return Verification(cache, damaged, chosen, compared, changed, absent)


def _changed(cache: Cache, id_: str, now: int | None) -> bool:
    """Whether what was extracted is gone, or different by now (if the cache knows its checksum)."""
    known = int(cache.audio[cache.row[id_]])
    return now is None or (known != 0 and now != known)


def checksums(cache: Cache) -> dict[str, CacheError]:
    """Utterances whose bytes do not give their checksum, with the reason."""
    damaged = {}
    for row, id_ in enumerate(tqdm(cache.ids, desc="checksums", unit="utt", disable=None)):
        for name in cache.layout.arrays:
            try:
                cache.read(row, name, anew=True)
            except CacheError as error:
                damaged[id_] = CacheError(error.what, error.why, error.remedy, error.code)
    return damaged


def relative_error(cached: NDArray[np.floating], fresh: NDArray[np.floating]) -> NDArray[np.float64]:
    """‖cached − fresh‖/‖fresh‖ of each layer, [L]; arrays are [T, L, D] or [L, D]."""
    over: Sequence[int] = (0, 2) if cached.ndim == 3 else (1,)
    difference = cached.astype(np.float64) - fresh
    return np.sqrt(np.square(difference).sum(tuple(over)) / np.square(fresh.astype(np.float64)).sum(tuple(over)))
