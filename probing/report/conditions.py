"""What trained systems were trained on and tested under: human, recognised or damaged words, clean or noisy audio."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from probing.corpus.transcripts import Words
from probing.errors import RunError
from probing.report.compared import may_be_one_corpus
from probing.runs.records import EvaluationRecord, FinetuneRecord, SystemRecord
from probing.runs.store import EVALUATIONS, RECORD, demand_whole, read_kind


@dataclass(frozen=True)
class Condition:
    """A trained system, tested in one way.

    Args:
        run: The finetune run.
        tested: What holds its estimates: the run itself, or one of its evaluations on the same corpus.
        trained_on: Words that it was trained on.
        tested_on: Words that it was tested on.
        snr: Ratio of audio to noise in the test, in dB; None: clean.
    """

    run: FinetuneRecord
    tested: SystemRecord
    trained_on: Words
    tested_on: Words
    snr: float | None = None

    @property
    def matched(self) -> bool:
        """Whether it was tested on words of the kind that it was trained on."""
        return self.trained_on.same(self.tested_on)

    @property
    def on_human_words(self) -> bool:
        """Whether it was trained and tested on the corpus's own words."""
        return self.trained_on.human and self.tested_on.human

    def wer(self, partition: str) -> float:
        """Word error rate of the words that it was tested on; 0 for human ones, NaN where it was not counted."""
        if self.tested_on.human:
            return 0.0
        return float(self.tested_on.wer.get(partition, {}).get("wer", float("nan")))


def on_own_words(records: Sequence[FinetuneRecord]) -> list[FinetuneRecord]:
    """The runs that were trained on the corpus's own words, or that take none."""
    return [record for record in records if record.words.human]


def conditions(records: Sequence[FinetuneRecord]) -> list[Condition]:
    """Every way in which some runs were tested on their own corpus, each once.

    An evaluation of an earlier training in the same folder is skipped. Where no later one has its condition, stderr
    names the command to rerun. So is one that is damaged or not complete, which stderr names: it must not stop the
    others.
    """
    found = []
    for record in records:
        found.append(Condition(record, record, record.words, record.words))
        for other in _evaluations(record):
            condition = Condition(record, other, record.words, other.words, other.snr)
            if not condition.matched or condition.snr is not None:
                found.append(condition)
    return found


def _evaluations(run: FinetuneRecord) -> list[EvaluationRecord]:
    """A run's evaluations on its own corpus; of several under the same condition the newest."""
    newest: dict[object, EvaluationRecord] = {}
    outdated: dict[object, EvaluationRecord] = {}
    for path in sorted((run.folder / EVALUATIONS).glob(f"*/{RECORD}")):
        try:
            other = read_kind(path.parent, EvaluationRecord)
            demand_whole(other, digests=True)
            if not may_be_one_corpus(run, other):
                continue
        except RunError as error:
            print(f"skipped: {error.what}: {error.why}", file=sys.stderr)
            continue
        key = (other.words.method, other.words.sha256, other.words.rate, other.snr)
        found = newest if _current(run, other) else outdated
        if key not in found or other.date > found[key].date:
            found[key] = other
    for old in (other for key, other in outdated.items() if key not in newest):
        print(f"skipped {old.folder}: the run has been retrained since; rerun `{old.typed}`", file=sys.stderr)
    return list(newest.values())


def _current(run: FinetuneRecord, other: EvaluationRecord) -> bool:
    """Whether an evaluation scored the weights that the run has now, as far as both know their digests."""
    if other.run_signature != run.signature or other.seeds != run.seeds:
        return False
    scored, files = other.configuration.get("systems", {}), run.files or {}
    known = [name for name, sha256 in scored.items() if sha256 is not None and name in files]
    return all(files[name].sha256 == scored[name] for name in known)
