"""`probe transcribe`: corpus × recogniser → a table `id,text` and, beside it, what made it.

<table>.csv       id,text, in the order of the corpus
<table>.json      the recogniser, its decoding, and its word errors in each partition
<table>.partial   what is finished, one line an utterance, while the table is being made (`finished`)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from probing.asr.finished import finished, head, line
from probing.asr.options import TranscribeOptions, TranscribePlace
from probing.asr.recogniser import DECODING, Recogniser
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.model import Corpus, Utterance
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import SEAL, counted, made_by
from probing.corpus.waveforms import Waveforms
from probing.encoders.device import settle_device
from probing.errors import ProbingError
from probing.files import LOCK, PARTIAL, claim, digest, file_digest, sealed, slug, write_json, written_aside
from probing.files.cells import to_csv
from probing.files.checked_csv import read_table
from probing.runs.store import signature, versions


@dataclass(frozen=True)
class Transcripts:
    """A finished table of transcripts.

    Args:
        table: Its path, a .csv; what made it stands beside it, a .json.
        utterances: How many it holds.
        asr: The recogniser.
        parameters: The recogniser's.
        language: Two letters.
        wer: Partition → wer (errors per word), words, substitutions, deletions, insertions; empty where the corpus
            has no words of its own.
        counted: How errors were counted.
        empty: Number of empty transcripts.
        left_out: Utterances left out as --allow-missing permits.
    """

    table: Path
    utterances: int
    asr: str
    parameters: int
    language: str
    wer: Mapping[str, Mapping[str, float]]
    counted: str
    empty: int
    left_out: tuple[str, ...] = ()

    @property
    def record(self) -> Path:
        """What made the table, in the file beside it."""
        return self.table.with_suffix(".json")


def transcribe(
    corpus: CorpusSpec | str,
    asr: str,
    options: TranscribeOptions | None = None,
    place: TranscribePlace | None = None,
) -> Transcripts:
    """Transcribe what is not transcribed yet, count the word errors, write the table.

    If it is killed, the same call resumes. A table that is finished is not made again; its word errors are counted
    again where the corpus's own words have changed.

    Args:
        corpus: Utterances with audio; errors are counted against their own text, where they have it.
        asr: Hub id or folder of a Whisper.
        options: Language, revision, batch.
        place: Table, device, cache.

    Raises:
        CorpusError: The corpus cannot be used.
        EncoderError: The recogniser cannot be opened.
        ProbingError: The table is there and was made from other audio or by another recogniser (code
            `transcripts-other`), was begun so (`transcripts-begun`), or another process is making it
            (`transcripts-busy`).
    """
    options, place = options or TranscribeOptions(), place or TranscribePlace()
    spec = CorpusSpec.resolve(corpus) if isinstance(corpus, str) else corpus
    device = settle_device(place.device)
    recogniser = Recogniser(asr, options.language, device, options.revision)
    checked = check_corpus(spec, Needs(audio=True), place.allow_missing, place.cache)
    table = place.out or default_table(checked, recogniser)
    partial = table.with_suffix(PARTIAL)
    with claim(partial) as held:
        if not held:
            remedy = "wait until it has ended, or give another --out"
            raise ProbingError(f"{table}", "another process is making it", remedy, code="transcripts-busy")
        made = _made(checked, recogniser, table, options.batch)
        partial.with_name(partial.name + LOCK).unlink(missing_ok=True)
    return Transcripts(
        table,
        len(checked.corpus),
        made["asr"],
        made["parameters"],
        made["language"],
        made["wer"],
        made["counted"],
        made["empty"],
        checked.left_out,
    )


def default_table(checked: Checked, recogniser: Recogniser) -> Path:
    """Where the transcripts go unless told otherwise."""
    return Path("transcripts") / f"{checked.name}-{slug(recogniser.name)}.csv"


def _made(checked: Checked, recogniser: Recogniser, table: Path, batch: int) -> dict[str, Any]:
    """What stands beside a table, which is made first where it is not there."""
    settled = {
        "asr": recogniser.name,
        "parameters": recogniser.parameters,
        "language": recogniser.language,
        "decoding": DECODING,
        "identity": recogniser.identity,
        "audio": signature({u.id: checked.scan.checksums[u.id] for u in checked.corpus.utterances}),
    }
    reference = digest([[u.id, u.partition, u.text] for u in checked.corpus.utterances])
    if not table.is_file():
        began, partial = time.time(), table.with_suffix(PARTIAL)
        texts = _texts(checked.corpus, recogniser, partial, signature(settled), batch)
        made = settled | {"corpus": checked.spec.to_json(), "empty": sum(not text for text in texts.values())}
        made |= {"seconds": round(time.time() - began, 1), "versions": versions()}
        made |= _errors(checked.corpus, texts, recogniser) | {"reference": reference}
        _write(table, texts, made)
        partial.unlink()
        return made
    made = made_by(table)
    if any(made.get(key) != value for key, value in settled.items()) or not {"wer", "counted", "empty"} <= made.keys():
        why = "it was made from other audio, by another recogniser, or has been changed"
        raise ProbingError(f"{table} is there already", why, "give another --out", code="transcripts-other")
    if made.get("reference") != reference:
        rows = read_table(table, ("id", "text"), blank=())
        texts = dict(zip(rows["id"], rows["text"], strict=True))
        made |= _errors(checked.corpus, texts, recogniser) | {"reference": reference}
        write_json(table.with_suffix(".json"), sealed(made, SEAL))
    return made


def _texts(corpus: Corpus, recogniser: Recogniser, partial: Path, mark: str, batch: int) -> dict[str, str]:
    """Transcripts of all utterances; a batch that is done stays done."""
    texts = finished(partial, mark)
    left = [utterance for utterance in corpus.utterances if utterance.id not in texts]
    waveforms = Waveforms(left)
    with (
        partial.open("a", encoding="ascii") as file,
        tqdm(total=len(corpus), initial=len(texts), desc="transcribe", unit="utterance", disable=None) as bar,
    ):
        if file.tell() == 0:
            file.write(head(mark))
        for group in _groups(left, batch):
            heard = recogniser.transcribe([waveforms(utterance.id) for utterance in group], batch)
            for utterance, text in zip(group, heard, strict=True):
                texts[utterance.id] = text
                file.write(line(utterance.id, text))
            file.flush()
            bar.update(len(group))
    return {utterance.id: texts[utterance.id] for utterance in corpus.utterances}


def _groups(utterances: Sequence[Utterance], size: int) -> Iterator[Sequence[Utterance]]:
    for start in range(0, len(utterances), size):
        yield utterances[start : start + size]


def _errors(corpus: Corpus, texts: Mapping[str, str], recogniser: Recogniser) -> dict[str, Any]:
    """Word errors of each partition, against the corpus's own words."""
    other = replace(corpus, utterances=tuple(replace(u, text=texts[u.id]) for u in corpus.utterances))
    return counted(corpus, other, recogniser.language, recogniser.spelling)


def _write(table: Path, texts: Mapping[str, str], made: Mapping[str, Any]) -> None:
    """Write what made the table, then the table: where it is, all is there."""
    with written_aside(table) as aside:
        to_csv(pd.DataFrame({"id": list(texts), "text": list(texts.values())}), aside)
        write_json(table.with_suffix(".json"), sealed({**made, "sha256": file_digest(aside)}, SEAL))
