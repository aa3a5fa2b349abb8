"""The words that a system reads in place of a corpus's own: recognised, from a table, or damaged on purpose.

`probe transcribe` writes a table `id,text` and, beside it, a `.json` that says which recogniser made it and how many
errors it made; `--transcripts FILE` reads both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from probing.corpus.model import Corpus
from probing.corpus.wer import (
    COUNTED,
    Normaliser,
    WordErrors,
    corrupted,
    errors_by_partition,
    normaliser,
    normaliser_name,
)
from probing.errors import CorpusError

OWN = "own"  # the corpus's own words, where a run's were others
HUMAN, RECOGNISED, CORRUPTED = "human", "recognised", "corrupted"


def reworded(corpus: Corpus, own: Corpus, table: Path | None, rate: float | None) -> tuple[Corpus, dict[str, Any]]:
    """Put other words in the place of a corpus's own.

    Args:
        corpus: The utterances in question, with the words of `table` where one is given.
        own: The same corpus with its own words, if it has any: what errors are counted against.
        table: The table `id,text` that replaced them.
        rate: Errors to be made on purpose, per word.

    Returns:
        The corpus, and what a record says of its words: `method` (`human`, `recognised`, `corrupted`), `file`, `asr`
        and `parameters` (of the recogniser), `rate`, `wer` (partition → `describe`), `counted`, `empty`.

    Raises:
        CorpusError: The rate is no share, or there is nothing to damage.
    """
    entry: dict[str, Any] = {"method": HUMAN, "file": None, "asr": None, "parameters": None, "rate": None, "wer": {}}
    made = made_by(table) if table else {}
    reference = own if any(u.text for u in own.utterances) else corpus
    language = made.get("language") or "en"
    if table is not None:
        entry |= {"method": RECOGNISED, "file": str(table), "asr": made.get("asr") or table.stem}
        entry |= {"parameters": made.get("parameters"), "sha256": checksum(table)}
    if rate is not None:
        corpus = corrupted(corpus, rate)
        entry |= {"method": CORRUPTED, "rate": rate}
    elif made:
        entry |= {"wer": made["wer"], "counted": made["counted"]}
    if table is not None or rate is not None:
        entry["empty"] = sum(not u.text for u in corpus.utterances)
        if not entry["wer"] and reference is not corpus:
            entry |= counted(reference, corpus, language)
    return corpus, entry


def counted(
    reference: Corpus, other: Corpus, language: str, spelling: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Errors of each partition and how they were counted, as a record says it.

    Args:
        reference: The corpus with its own words.
        other: The same utterances with others.
        language: Of both.
        spelling: As `words.normaliser` takes it.
    """
    rules: Normaliser = normaliser(language, spelling)
    found = errors_by_partition(reference, other, rules)
    rates = {partition: describe(errors) for partition, errors in found.items() if errors.words}
    return {"wer": rates, "counted": f"{COUNTED} after {normaliser_name(language)}"}


def describe(errors: WordErrors) -> dict[str, float]:
    """A count of errors, JSON-ready: wer, words, substitutions, deletions, insertions."""
    return {"wer": errors.rate, **asdict(errors)}


def said(entry: Mapping[str, Any]) -> str:
    """A method in words, for a table or a legend.

    >>> said({"method": "corrupted", "rate": 0.222, "asr": None}), said({"method": "recognised", "asr": "whisper-tiny"})
    ('corrupted at 22.2 %', 'whisper-tiny')
    """
    if entry["method"] == HUMAN:
        return "human"
    damage = "" if entry.get("rate") is None else f"corrupted at {100 * entry['rate']:.3g} %"
    return " ".join(part for part in (entry.get("asr"), damage) if part)


def name_of(entry: Mapping[str, Any]) -> str:
    """A method as part of a file's name.

    >>> name_of({"method": "corrupted", "file": None, "rate": 0.222}), name_of({"method": "human"})
    ('corrupted-0.222', 'own')
    """
    if entry["method"] == HUMAN:
        return OWN
    table = [Path(entry["file"]).stem] if entry["file"] else []
    return "-".join(table + ([] if entry.get("rate") is None else [f"corrupted-{entry['rate']:g}"]))


def notes_on(entry: Mapping[str, Any]) -> list[str]:
    """What to know of the words, a line each."""
    if entry["method"] == HUMAN:
        return []
    rates = ", ".join(f"{partition} {row['wer']:.1%}" for partition, row in entry["wer"].items())
    lines = [f"transcripts: {said(entry)}" + (f"; WER {rates} ({entry['counted']})" if rates else "")]
    return lines + ([f"{entry['empty']:,} transcripts are empty"] if entry.get("empty") else [])


def made_by(table: Path) -> dict[str, Any]:
    """What `probe transcribe` wrote beside its table; empty where somebody else made it, or has changed it since."""
    beside = table.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        made = json.loads(beside.read_text("utf-8"))
    except ValueError as error:
        raise CorpusError(f"{beside}", f"it is damaged ({error})", "delete it, or transcribe again") from error
    return made if isinstance(made, dict) and made.get("sha256") == checksum(table) else {}


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
