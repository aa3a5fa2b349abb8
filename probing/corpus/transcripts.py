"""The words that a system reads in place of a corpus's own: recognised, from a table, or damaged on purpose.

`probe transcribe` writes a table `id,text` and, beside it, a `.json` that says which recogniser made it and how many
errors it made; `--transcripts FILE` reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from probing.corpus.model import Corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError
from probing.files import file_digest, read_json

OWN = "own"  # the corpus's own words, where a run's were others
HUMAN, RECOGNISED, CORRUPTED = "human", "recognised", "corrupted"


@dataclass(frozen=True)
class Words:
    """What is known of the words that were read.

    Args:
        method: `human` (the corpus's own), `recognised` (a table) or `corrupted` (damaged on purpose).
        file: Absolute path of the table.
        sha256: Its digest.
        asr: The recogniser, or the table's name where that is not known.
        parameters: The recogniser's.
        rate: Word errors made on purpose, per word.
        wer: Partition → wer (errors per word), words, substitutions, deletions, insertions.
        counted: How errors were counted.
        empty: Number of empty transcripts.
    """

    method: str = HUMAN
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
        """Their origin in words, for a table or a legend.

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
        return OWN if self.human else "-".join(table + [f"corrupted-{self.rate:g}"] * (self.rate is not None))

    def same(self, other: Words) -> bool:
        """Whether both are of one origin: the same table, damaged at the same rate."""
        return (self.method, self.sha256, self.rate) == (other.method, other.sha256, other.rate)

    def notes(self) -> list[str]:
        """What to know of them, a line each."""
        if self.human:
            return []
        rates = ", ".join(f"{partition} {row['wer']:.1%}" for partition, row in self.wer.items())
        lines = [f"transcripts: {self.title}" + (f"; WER {rates} ({self.counted})" if rates else "")]
        return lines + ([f"{self.empty:,} transcripts are empty"] if self.empty else [])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | None) -> Self:
        """What `to_json` gave, also of version 0.1.0; None stands for the corpus's own words."""
        known = {key: value for key, value in (content or {}).items() if key in cls.__dataclass_fields__}
        words = cls(**known)
        if words.method not in (HUMAN, RECOGNISED, CORRUPTED) or not isinstance(words.wer, Mapping):
            raise CorpusError("what a record says of transcripts", "it is damaged", code="damaged")
        return words


def reworded(corpus: Corpus, own: Corpus, spec: CorpusSpec) -> tuple[Corpus, Words]:
    """Put other words in the place of a corpus's own, and say what they are.

    Args:
        corpus: The utterances in question, with the words of the spec's table where it names one.
        own: The same corpus with its own words, if it has any: what errors are counted against.
        spec: Names the table and the rate of errors made on purpose.

    Raises:
        CorpusError: The rate is no share, or there is nothing to damage.
    """
    table, rate = (Path(spec.transcripts) if spec.transcripts else None), spec.corrupt_words
    if table is None and rate is None:
        return corpus, Words()
    made = made_by(table) if table else {}
    known: dict[str, Any] = {"method": RECOGNISED}
    if table is not None:
        known |= {"file": str(table), "sha256": file_digest(table), "asr": made.get("asr") or table.stem}
        known["parameters"] = made.get("parameters")
    reference = own if any(u.text for u in own.utterances) else corpus
    if rate is not None:
        from probing.corpus.corrupt import corrupted

        corpus = corrupted(corpus, rate)
        known |= {"method": CORRUPTED, "rate": rate}
    elif made:
        known |= {"wer": made["wer"], "counted": made["counted"]}
    if not known.get("wer") and reference is not corpus:
        known |= counted(reference, corpus, made.get("language") or "en")
    return corpus, Words(**known, empty=sum(not u.text for u in corpus.utterances))


def counted(
    reference: Corpus, other: Corpus, language: str, spelling: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Errors of each partition and how they were counted, as `Words` keeps them: `wer` and `counted`.

    Args:
        reference: The corpus with its own words.
        other: The same utterances with others.
        language: Of both.
        spelling: As `wer.normaliser` takes it.
    """
    from probing.corpus import wer  # only here: it loads jiwer

    found = wer.errors_by_partition(reference, other, wer.normaliser(language, spelling))
    rates = {name: {"wer": errors.rate, **asdict(errors)} for name, errors in found.items() if errors.words}
    return {"wer": rates, "counted": f"jiwer after {wer.normaliser_name(language)}"}


def made_by(table: Path) -> dict[str, Any]:
    """What `probe transcribe` wrote beside its table; empty where somebody else made it, or has changed it since."""
    beside = table.with_suffix(".json")
    if not beside.is_file():
        return {}
    made = read_json(beside, "delete it, or transcribe again")
    return made if made.get("sha256") == file_digest(table) else {}
