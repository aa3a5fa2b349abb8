"""The `probe extract` command that an error or a note tells the user to type; text alone, without h5py or torch."""

from __future__ import annotations

import shlex
from pathlib import Path

from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec


def extract_command(spec: CorpusSpec, encoder: EncoderSpec, store: str | None, dtype: str, cache: Path) -> str:
    """The command that makes a cache, as the user types it.

    Args:
        spec: The corpus.
        encoder: The encoder.
        store: What is kept; None leaves the option out.
        dtype: Number format.
        cache: Folder of all caches; one cache file, which is read instead, is left out.
    """
    words = ["probe", "extract", *spec.words(), *encoder.words()]
    words += ["--store", store] if store else []
    words += ["--dtype", dtype] if dtype != "float16" else []
    words += ["--cache", str(cache)] if Path(cache) != Path("cache") and Path(cache).suffix != ".h5" else []
    return shlex.join(words)
