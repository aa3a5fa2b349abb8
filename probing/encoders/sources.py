"""Where an encoder comes from: the folder or the hub id that a name stands for. Loads without torch."""

from __future__ import annotations

import difflib
from pathlib import Path

from probing.encoders.presets import BUILT_IN, PRESETS
from probing.encoders.spec import typed
from probing.errors import EncoderError
from probing.files import hub_owner


def source_of(stem: str) -> str:
    """Folder or hub id that a name stands for.

    Args:
        stem: A preset, a hub id or a folder's path, without `@random`.

    Raises:
        EncoderError: It is none of them (code `encoder-unknown`), a folder without a configuration
            (`encoder-incomplete`), a built-in encoder that is missing (`encoder-not-installed`), or of a family that
            does not open (`encoder-foreign`).
    """
    if stem in PRESETS:
        source = PRESETS[stem].source
        if Path(source).parent == BUILT_IN and not (Path(source) / "config.json").is_file():
            raise EncoderError(
                f"encoder {stem} is not in this installation",
                f"{source} holds no config.json",
                f"install the package again, or make it with `python -m probing.pretrain {stem.removeprefix('demo-')}`",
                code="encoder-not-installed",
            )
        return source
    if Path(stem).is_dir():
        if not (Path(stem) / "config.json").is_file():
            raise EncoderError(
                f"{typed(stem)}",
                "the folder holds no config.json",
                "name a folder written by save_pretrained",
                code="encoder-incomplete",
            )
        return stem
    if "emotion2vec" in stem.lower():
        from probing.encoders.families import why_not  # only here: the names of transformers' models load slowly

        why, remedy = why_not("emotion2vec"), f"use another encoder, for example {', '.join(list(PRESETS)[:5])}"
        raise EncoderError(f"encoder {stem}", why, remedy, code="encoder-foreign")
    if hub_owner(stem) and not stem.endswith((".csv", ".h5")):
        return stem
    if Path(stem).is_absolute() or stem.startswith((".", "~")) or "/" in stem:
        why, remedy = "there is no such folder", "check the path"
        raise EncoderError(f"encoder {stem}", why, remedy, code="encoder-unknown")
    close = difflib.get_close_matches(stem, PRESETS, n=1)
    raise EncoderError(
        f"unknown encoder {stem!r}",
        "it is no known name, no folder here and not of the form owner/name",
        (f"did you mean {close[0]}? " if close else "") + f"known names: {', '.join(PRESETS)}",
        code="encoder-unknown",
    )
