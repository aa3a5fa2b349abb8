"""Records of version 0.1.0 in today's form; what they do not say remains unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec, shown_apart
from probing.errors import ProbingError, RunError
from probing.files import read_json

_KEPT = """
    command configuration signature scores notes typed date seconds versions git machine device threads best_layers
    best_epochs used cache system seeds shuffled data_licence trainings snr
""".split()
_BY_UTTERANCE = "{}: intervals are by utterance"


def upgraded(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a `record.json` of version 0.1.0 says, in today's form.

    Paths in it are as they were typed, so they are taken to be relative to the present folder.

    Args:
        content: The file.
        folder: The run's folder.

    Raises:
        RunError: It is an evaluation, and the run that it belongs to cannot be read (code `run-incomplete`).
        KeyError, TypeError, ValueError, AttributeError: It is damaged.
    """
    found = {key: content[key] for key in _KEPT if key in content} | {"version": 1, "files": None}
    found["signature"] = content.get("signature", "")
    found["corpus"] = _corpus(content["corpus"], content.get("notes", []), content.get("transcripts") or {})
    encoder = content["encoder"]
    if content["command"] == "fit":
        opened, identity = encoder.get("opened"), encoder.get("identity", {})
        layers = identity.get("architecture", {}).get("num_hidden_layers")
        convolution = bool(identity.get("convolution"))
        spec = opened and asdict(EncoderSpec.resolve(opened["name"], layers, opened["revision"], convolution))
        random = shown_apart(encoder["name"])[1] is not None or "(random weights)" in encoder["title"]
        found["encoder"] = {"identity": identity, "random": random, "spec": spec}
        found["encoder"] |= {"name": encoder["name"], "title": encoder["title"]}
    if "transcripts" in content:
        found["words"] = _words(content["transcripts"])
    if content["command"] == "finetune":
        found["truncated"] = content.get("truncated_transcripts", 0)
    if content["command"] == "evaluate":
        found |= {"run": "../..", "run_signature": content["configuration"]["run"]}
        found["system"] = _system_of_run(folder)
    return found


def _corpus(entry: Mapping[str, Any], notes: list[str], words: Mapping[str, Any]) -> dict[str, Any]:
    typed, _, fold = entry["spec"].partition(" --fold ")  # version 0.1.0 appended the fold to the spec
    low, high = entry["scale"]
    spec = CorpusSpec.resolve(typed, None, int(fold) if fold else None, words.get("file"), words.get("rate"))
    content: dict[str, Any] = {"source": spec.source, "fold": spec.fold}
    content |= {"transcripts": spec.transcripts, "corrupt_words": spec.corrupt_words}
    content["scale"] = (low, high) if spec.prefix == "table" else None
    utterances = entry.get("utterances", {})
    clusters = {
        name: {"by": "utterance", "number": count}
        for name, count in utterances.items()
        if any(note.startswith(_BY_UTTERANCE.format(name)) for note in notes)
    }
    return {
        "name": entry["name"],
        "title": entry.get("title", entry["name"]),
        "spec": content,
        "scale": (low, high),
        "utterances": utterances,
        "left_out": entry.get("left_out", ()),
        "clusters": clusters,
    }


def _words(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("method", "file", "sha256", "asr", "parameters", "rate", "wer", "counted", "empty")
    return {name: entry[name] for name in names if entry and name in entry}


def _system_of_run(folder: Path) -> Any:
    """The system of an evaluation, which in version 0.1.0 only the record of its run says, two folders above."""
    path = folder.absolute().parent.parent / "record.json"
    try:
        return read_json(path, "copy the whole run again")["system"]
    except (OSError, KeyError, ProbingError) as error:
        why = f"an evaluation of version 0.1.0 needs the record of its run: {path} is missing or damaged"
        raise RunError(f"{folder}", why, "copy the whole run again", code="run-incomplete") from error
