"""The on-disk cache of hidden states: part files, and one virtual file over them; cache/README.md is its specification.

`format` says what a file holds, `writer` writes, `reader` reads.
"""

from probing.cache.format import DTYPES, PARTIAL, STORES, Entry, Layout, checksum, fingerprint, parts_folder, slug
from probing.cache.reader import Cache, find_cache, open_cache
from probing.cache.writer import PartWriter, part_audio, virtual_parts, write_virtual

__all__ = [
    "DTYPES",
    "PARTIAL",
    "STORES",
    "Cache",
    "Entry",
    "Layout",
    "PartWriter",
    "checksum",
    "find_cache",
    "fingerprint",
    "open_cache",
    "part_audio",
    "parts_folder",
    "slug",
    "virtual_parts",
    "write_virtual",
]
