"""Files of a checkpoint that somebody else made: found by name, and looked at from outside before anything reads them.

A checkpoint is a folder or a repository of the model hub. No file in it can name another outside: an index of weights
names files beside it, and paths in a tokenizer's settings are left out. A link is another matter: who puts one into a
folder of their own, to weights on a larger disk, has it followed. A run's folder (one with a record) has no links of
its own, so one that leads out of it is refused, but for those of the hub's downloads into `blobs`. Git LFS pointers
are refused everywhere, and so are files that are larger than any that transformers writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from probing.encoders.pretrained import said_plainly, unopened
from probing.errors import EncoderError
from probing.files import size
from probing.files.checked_json import parsed
from probing.files.reading import bounded_bytes
from probing.files.recorded import leads_out, run_of

_POINTER = b"version https://git-lfs"
_POINTER_SIZE = 1024  # bytes; no pointer is longer
_LONGEST = 16_000_000  # bytes of a JSON file; only vocabularies are longer
_VOCABULARIES = """
    tokenizer.json vocab.json vocab.txt merges.txt tokenizer.model spiece.model sentencepiece.bpe.model dict.txt
    bpe.codes added_tokens.json
""".split()
_LONGEST_VOCABULARY = 64_000_000  # bytes; those of a quarter of a million tokens have up to 34 million


def refuse_strangers(folder: Path) -> None:
    """Raise an EncoderError where a folder holds files that a checkpoint cannot consist of.

    Raises:
        EncoderError: A Git LFS pointer in a file's place (code `lfs-pointer`), in a run a link that leads out of its
            folder (`encoder-outside`), or a vocabulary that is larger than any (`encoder-unopened`).
    """
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            continue
        _refuse_outside(path, folder)
        held = path.stat().st_size
        if held < _POINTER_SIZE and path.read_bytes().startswith(_POINTER):
            raise EncoderError(
                f"{path}",
                "it is a Git LFS pointer, not the file itself",
                "run `git lfs pull` in the repository that it came from, or `hf download` in its place",
                code="lfs-pointer",
            )
        if path.name in _VOCABULARIES and held > _LONGEST_VOCABULARY:
            raise _too_long(path)


def file_of(source: str, revision: str | None, name: str, needed: bool = False) -> Path | None:
    """Where a file of a checkpoint is; None where it has none of that name. A repository's is downloaded.

    Args:
        source: Folder or hub id.
        revision: Branch, tag or commit of a hub repository.
        name: The file's.
        needed: Whether it is an error that there is none, or that it cannot be had now.

    Raises:
        EncoderError: It is a link that leads out of a run's folder (code `encoder-outside`), or the repository cannot
            be asked or lacks what is needed (`encoder-unopened`).
    """
    folder = Path(source)
    if folder.is_dir():
        if not (folder / name).is_file():
            if needed:
                raise unopened(source, f"it holds no {name}")
            return None
        _refuse_outside(folder / name, folder)
        return folder / name
    with said_plainly(source):
        downloaded = cached_file(
            source, name, revision=revision or "main", _raise_exceptions_for_missing_entries=needed
        )
    return None if downloaded is None else Path(downloaded)


def configuration(source: str, revision: str | None) -> dict[str, Any]:
    """Content of its config.json, which every checkpoint has; errors are those of `json_of`."""
    return json_of(source, revision, "config.json", needed=True) or {}


def json_of(source: str, revision: str | None, name: str, needed: bool = False) -> dict[str, Any] | None:
    """Content of one of its JSON files; None where it has none of that name.

    Raises:
        EncoderError: As `file_of`, or it is no JSON object, or one that `probing.files.checked_json.parsed` refuses, or
            longer than any (code `encoder-unopened`).
    """
    path = file_of(source, revision, name, needed)
    if path is None:
        return None
    most = _LONGEST_VOCABULARY if name in _VOCABULARIES else _LONGEST
    try:
        content = parsed(bounded_bytes(path, most), any_text=True)
    except (OSError, ValueError) as error:
        raise unopened(source, f"its {name} is damaged ({error})") from error
    if not isinstance(content, dict):
        raise unopened(source, f"its {name} is damaged (no JSON object)")
    return content


def _refuse_outside(path: Path, folder: Path) -> None:
    if (run := run_of(folder)) is not None and leads_out(path, run):
        raise EncoderError(
            f"{path}",
            f"it is a link to {path.resolve()}, outside the run's folder",
            "copy the file itself into the folder, if it belongs there",
            code="encoder-outside",
        )


def _too_long(path: Path) -> EncoderError:
    why = f"it has {size(path.stat().st_size)}, more than any such file"
    return EncoderError(f"{path}", why, "copy it again from where the model came from", code="encoder-unopened")
