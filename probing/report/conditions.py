"""What trained systems were trained on and tested under: human, recognised or damaged words, clean or noisy audio."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probing.corpus.transcripts import HUMAN, name_of
from probing.runs.records import RECORD, Record, read_record

_HUMAN = {"method": HUMAN}


@dataclass(frozen=True)
class Condition:
    """A trained system, tested in one way.

    Args:
        run: The `finetune` run.
        tested: What holds its estimates: the run itself, or one of its evaluations on the same corpus.
        trained_on: Words that it was trained on, as `transcripts.reworded` says.
        tested_on: Words that it was tested on.
        snr: Ratio of audio to noise in the test, in dB; None: clean.
    """

    run: Record
    tested: Record
    trained_on: Mapping[str, Any]
    tested_on: Mapping[str, Any]
    snr: float | None

    @property
    def matched(self) -> bool:
        """Whether it was tested on words of the kind that it was trained on."""
        return name_of(self.trained_on) == name_of(self.tested_on)

    def wer(self, partition: str) -> float:
        """Word error rate of the words that it was tested on; 0 for human ones, NaN where it was not counted."""
        if self.tested_on["method"] == HUMAN:
            return 0.0
        return float(self.tested_on.get("wer", {}).get(partition, {}).get("wer", float("nan")))


def trained_words(record: Record) -> Mapping[str, Any]:
    """The words that a run was trained on; a system without text counts as trained on the corpus's own."""
    return record.content.get("transcripts") or _HUMAN


def on_own_words(records: Sequence[Record]) -> list[Record]:
    """The runs that were trained on the corpus's own words, or that read none."""
    return [record for record in records if trained_words(record)["method"] == HUMAN]


def conditions(records: Sequence[Record]) -> list[Condition]:
    """Every way in which some `finetune` runs were tested on their own corpus."""
    found = []
    for record in records:
        words = trained_words(record)
        found.append(Condition(record, record, words, words, None))
        for path in sorted((record.folder / "evaluations").glob(f"*/{RECORD}")):
            other = read_record(path.parent)
            if other["corpus"]["title"] != record["corpus"]["title"]:
                continue
            if other["configuration"]["run"] != record["signature"] or other.content.get("seeds") != record["seeds"]:
                again = f"type `{other['typed']}` again"
                print(f"passed over {path.parent}: the run was trained anew since; {again}", file=sys.stderr)
                continue
            condition = Condition(record, other, words, trained_words(other), other.content.get("snr"))
            if not condition.matched or condition.snr is not None:
                found.append(condition)
    return found
