"""Files: written whole, read as if they might be damaged.

names            names that are safe as part of a file name; paths as they are kept and shown
digests          SHA-256 of values and of files
writing          a file is there whole or not at all
claims           one process at a time writes a file or a folder
failures         what the operating system refused, as an error with a code
formulas         texts that a spreadsheet would take for formulas
cells            tables of which no cell is one
quantities       bytes and seconds as a person reads them
reading          bytes of a file that may be anything
checked_json     JSON that may be damaged or hostile
checked_lines    work in progress, a checked line for each finished piece
checked_csv      tables that may be
checked_tensors  safetensors files that may be
recorded         folders of runs, whose record lists their files
"""

from probing.files.checked_json import read_json
from probing.files.claims import LOCK, claim
from probing.files.digests import digest, file_digest, sealed
from probing.files.names import absolute, hub_owner, readable, shown, slug
from probing.files.quantities import duration, size
from probing.files.writing import PARTIAL, write_json, write_text, written_aside

__all__ = [
    "LOCK",
    "PARTIAL",
    "absolute",
    "claim",
    "digest",
    "duration",
    "file_digest",
    "hub_owner",
    "read_json",
    "readable",
    "sealed",
    "shown",
    "size",
    "slug",
    "write_json",
    "write_text",
    "written_aside",
]
