"""One run of `probe transcribe`: corpus × recogniser → a table `id,text` and, beside it, what made it.

<table>.csv       id,text, in the order of the corpus
<table>.json      the recogniser, its decoding, and its word errors in each partition
<table>.partial   what is done so far, a line each, while it is made
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from probing.asr.recogniser import DECODING, Recogniser
from probing.audio.decode import load
from probing.corpus.model import Corpus, Utterance
from probing.corpus.scan import AudioScan
from probing.corpus.transcripts import checksum, counted, made_by
from probing.errors import ProbingError
from probing.files import slug
from probing.runs.records import signature, versions


def default_table(corpus: Corpus, recogniser: Recogniser) -> Path:
    """Where the transcripts go unless told otherwise."""
    return Path("transcripts") / f"{slug(corpus.name)}-{slug(recogniser.name)}.csv"


def run(corpus: Corpus, scan: AudioScan, recogniser: Recogniser, table: Path, batch: int = 16) -> str:
    """Transcribe what is not transcribed yet, count the errors, write, and return what to print.

    Args:
        corpus: Utterances with audio; their own text, where they have it, is what errors are counted against.
        scan: Checksums of the audio.
        recogniser: Who listens.
        table: The table to write, `.csv`.
        batch: Chunks of audio in a batch; it changes no transcript.

    Raises:
        ProbingError: The table is there and was made otherwise.
    """
    settled = {
        "asr": recogniser.name,
        "parameters": recogniser.parameters,
        "language": recogniser.language,
        "decoding": DECODING,
        "identity": recogniser.identity,
        "corpus": corpus.spec,
        "audio": signature({u.id: scan.checksums[u.id] for u in corpus.utterances}),
    }
    if table.is_file():
        made = made_by(table)
        if any(made.get(key) != value for key, value in settled.items()):
            raise ProbingError(
                f"{table} is there already", "it was made from other audio or otherwise", "give another --out"
            )
    else:
        table.parent.mkdir(parents=True, exist_ok=True)
        began = time.time()
        texts = _texts(corpus, recogniser, table.with_suffix(".partial"), signature(settled), batch)
        made = settled | _scored(corpus, recogniser, texts)
        made |= {"empty": sum(not text for text in texts.values()), "seconds": round(time.time() - began, 1)}
        _write(table, texts, made | {"versions": versions()})
    return report(table, made_by(table), len(corpus))


def _texts(corpus: Corpus, recogniser: Recogniser, partial: Path, mark: str, batch: int) -> dict[str, str]:
    """Transcripts of all utterances; a batch that is done stays done."""
    texts = _done(partial, mark)
    left = [utterance for utterance in corpus.utterances if utterance.id not in texts]
    with partial.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(json.dumps({"made by": mark}) + "\n")
        bar = tqdm(total=len(corpus), initial=len(texts), desc="transcribe", unit="utterance", disable=None)
        for group in _groups(left, batch):
            heard = recogniser.transcribe([load(str(utterance.path)) for utterance in group], batch)
            for utterance, text in zip(group, heard, strict=True):
                texts[utterance.id] = text
                file.write(json.dumps([utterance.id, text], ensure_ascii=False) + "\n")
            file.flush()
            bar.update(len(group))
        bar.close()
    return {utterance.id: texts[utterance.id] for utterance in corpus.utterances}


def _groups(utterances: Sequence[Utterance], size: int) -> Iterator[Sequence[Utterance]]:
    for start in range(0, len(utterances), size):
        yield utterances[start : start + size]


def _done(partial: Path, mark: str) -> dict[str, str]:
    """What an earlier process has finished; a last line that was cut off is made again."""
    if not partial.is_file():
        return {}
    whole, cut, rest = partial.read_text("utf-8", errors="replace").rpartition("\n")
    lines = whole.split("\n") if cut else []
    if not lines or json.loads(lines[0]) != {"made by": mark}:
        if lines:
            raise ProbingError(
                f"{partial} was begun otherwise",
                "the recogniser, its language or the audio was another",
                f"type what it was begun with, give another --out, or delete {partial}",
            )
        partial.unlink()
        return {}
    if rest:
        partial.write_text(whole + "\n", "utf-8")
    return dict(json.loads(line) for line in lines[1:])


def _scored(corpus: Corpus, recogniser: Recogniser, texts: dict[str, str]) -> dict[str, Any]:
    other = replace(corpus, utterances=tuple(replace(u, text=texts[u.id]) for u in corpus.utterances))
    return counted(corpus, other, recogniser.language, recogniser.spelling)


def _write(table: Path, texts: dict[str, str], made: dict[str, Any]) -> None:
    """The table gets its name last: where it is, all is there."""
    aside = table.with_name(f".{table.name}.partial")
    pd.DataFrame({"id": list(texts), "text": list(texts.values())}).to_csv(aside, index=False)
    beside = table.with_suffix(".json")
    text = json.dumps(made | {"sha256": checksum(aside)}, indent=2, ensure_ascii=False)
    beside.write_text(text + "\n", "utf-8")
    aside.replace(table)
    table.with_suffix(".partial").unlink()


def report(table: Path, made: dict[str, Any], n: int) -> str:
    """What `probe transcribe` prints."""
    lines = [f"{n:,} utterances by {made['asr']} ({made['parameters'] / 1e6:.3g} M parameters, {made['language']})"]
    if made["wer"]:
        lines += [f"word errors ({made['counted']})"]
        lines += [f"  {'partition':14s}{'WER':>8s}{'words':>12s}{'substituted':>13s}{'deleted':>10s}{'inserted':>10s}"]
        lines += [
            f"  {name:14s}{row['wer']:8.1%}{row['words']:12,}{row['substitutions']:13,}{row['deletions']:10,}"
            f"{row['insertions']:10,}"
            for name, row in made["wer"].items()
        ]
    else:
        lines += ["the corpus has no text of its own: word errors cannot be counted"]
    lines += [f"note: {made['empty']:,} transcripts are empty"] if made["empty"] else []
    return "\n".join([*lines, str(table), str(table.with_suffix(".json"))])
