"""The words that a system reads instead of a corpus's own: recognised, from a table, or corrupted on purpose.

`probe transcribe` writes a table `id,text` and, beside it, a `.json` that says which recogniser made it and how many
errors it made; `--transcripts FILE` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from probing.corpus.model import Corpus
from probing.corpus.spec import CorpusSpec, exact
from probing.errors import CorpusError, ProbingError, number_of
from probing.files import file_digest, read_json, readable, sealed

OWN = "own"  # the corpus's own words, where a run's were others
HUMAN: Final = "human"
RECOGNISED: Final = "recognised"
CORRUPTED: Final = "corrupted"
SEAL = "record_sha256"  # what stands beside a table has a digest of itself


@dataclass(frozen=True)
class Words:
    """What is known of the words that were read.

    Args:
        method: `human` (the corpus's own), `recognised` (a table) or `corrupted` (word errors made on purpose).
        file: Absolute path of the table.
        sha256: Its digest.
        asr: The recogniser, or the table's name where that is not known.
        parameters: Number of the recogniser's parameters.
        rate: Word errors made on purpose, per word.
        wer: Partition → wer (errors per word), words, substitutions, deletions, insertions.
        counted: How errors were counted.
        empty: Number of empty transcripts.
    """

    method: Literal["human", "recognised", "corrupted"] = HUMAN
    file: str | None = None
    sha256: str | None = None
    asr: str | None = None
    parameters: int | None = None
    rate: float | None = None
    wer: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    counted: str = ""
    empty: int = 0

    @property
    def human(self) -> bool:
        """Whether they are the corpus's own."""
        return self.method == HUMAN

    @property
    def title(self) -> str:
        """Their origin, for a table or a legend.

        >>> Words(CORRUPTED, rate=0.222).title, Words(RECOGNISED, asr="whisper-tiny").title, Words().title
        ('corrupted at 22.2 %', 'whisper-tiny', 'human')
        """
        damage = "" if self.rate is None else f"corrupted at {100 * self.rate:.3g} %"
        return "human" if self.human else " ".join(part for part in (self.asr, damage) if part)

    @property
    def name(self) -> str:
        """Their origin as part of a file's name; two tables of one name differ by their digests.

        >>> Words(CORRUPTED, rate=0.222).name, Words().name, Words(RECOGNISED, "/a/t.csv", "0123456789").name
        ('corrupted-0.222', 'own', 't-01234567')
        """
        table = [f"{Path(self.file).stem}-{(self.sha256 or '')[:8]}"] if self.file else []
        return OWN if self.human else "-".join(table + ([] if self.rate is None else [f"corrupted-{exact(self.rate)}"]))

    def same(self, other: Words) -> bool:
        """Whether both have one origin: the same table, corrupted at the same rate."""
        return (self.method, self.sha256, self.rate) == (other.method, other.sha256, other.rate)

    def notes(self) -> list[str]:
        """What to know of them, a line each."""
        if self.human:
            return []
        rates = ", ".join(f"{partition} {row['wer']:.1%}" for partition, row in self.wer.items())
        lines = [f"transcripts: {self.title}" + (f"; WER {rates} ({self.counted})" if rates else "")]
        return lines + ([number_of(self.empty, "empty transcript")] if self.empty else [])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True)
class _Made:
    """What is read of what stands beside a table; it holds more."""

    asr: str | None = None
    parameters: int | None = None
    language: str | None = None
    wer: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    counted: str = ""
    empty: int = 0


def reworded(corpus: Corpus, own: Corpus, spec: CorpusSpec) -> tuple[Corpus, Words]:
    """Replace a corpus's own words with those that its spec asks for, and say what they are.

    Args:
        corpus: The utterances in question, with the words of the spec's table where it names one.
        own: The same corpus with its own words, if it has any: the reference that errors are counted against.
        spec: Names the table and the rate of errors made on purpose.

    Raises:
        CorpusError: The rate is not between 0 and 1 (code `rate`), an utterance has no transcript to corrupt
            (`no-transcript`), or what is beside the table is damaged (`transcripts-damaged`).
    """
    table, rate = (Path(spec.transcripts) if spec.transcripts else None), spec.corrupt_words
    if table is None and rate is None:
        return corpus, Words()
    made = made_by(table) if table else {}
    known: dict[str, Any] = {"method": RECOGNISED}
    if table is not None:
        known |= {"file": str(table), "sha256": file_digest(table), "asr": made.get("asr") or readable(table.stem)}
        known["parameters"] = made.get("parameters")
    reference = own if any(u.text for u in own.utterances) else corpus
    if rate is not None:
        from probing.corpus.corrupt import corrupted

        corpus = corrupted(corpus, rate)
        known |= {"method": CORRUPTED, "rate": rate}
    elif made:
        known |= {"wer": made.get("wer", {}), "counted": made.get("counted", "")}
    if not known.get("wer") and reference is not corpus:
        known |= counted(reference, corpus, made.get("language") or "en")
    return corpus, Words(**known, empty=sum(not u.text for u in corpus.utterances))


def counted(
    reference: Corpus, other: Corpus, language: str, spelling: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Word errors of each partition and how they were counted: the arguments `wer` and `counted` of `Words`.

    Args:
        reference: The corpus with its own words.
        other: The same utterances with other words.
        language: The language of both, as a code: `en`.
        spelling: As in `wer.normaliser`.
    """
    from probing.corpus import wer  # only here: it loads jiwer

    found = wer.errors_by_partition(reference, other, wer.normaliser(language, spelling))
    rates = {name: {"wer": errors.rate, **asdict(errors)} for name, errors in found.items() if errors.words}
    return {"wer": rates, "counted": f"jiwer after {wer.normaliser_name(language)}"}


def made_by(table: Path) -> dict[str, Any]:
    """What `probe transcribe` wrote beside its table; empty where the table is not its own, or has changed since.

    Raises:
        CorpusError: It is damaged (code `transcripts-damaged`).
    """
    beside, remedy = table.with_suffix(".json"), "delete it, or transcribe again"
    if not beside.is_file():
        return {}
    try:
        made = read_json(beside, remedy)
        if SEAL in made and made != sealed(made, SEAL):
            raise ProbingError(f"{beside}", "it is damaged (it is not what was written)", remedy)
        if made.get("sha256") != file_digest(table):
            return {}
        TypeAdapter(_Made).validate_python(made)
        return made
    except (ProbingError, ValidationError) as error:
        why = error.why if isinstance(error, ProbingError) else f"it is damaged ({error.errors()[0]['msg']})"
        raise CorpusError(f"{beside}", why, remedy, code="transcripts-damaged") from error
