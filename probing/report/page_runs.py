"""Which runs a page is about: read, whole, on one corpus, and sorted by what they are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probing.errors import RunError
from probing.files import LOCK, PARTIAL
from probing.report.compared import demand_one_corpus, systems
from probing.report.controls import differences, find_controls, require_controls
from probing.runs.records import EvaluationRecord, FinetuneRecord, FitRecord, LayersRecord, Record
from probing.runs.store import all_records, demand_whole, is_complete, latest, read_record


@dataclass(frozen=True)
class Runs:
    """The runs of a page.

    Args:
        fits: Those that stand for themselves.
        controls: Folder of a fit → the fits on random encoders that belong to it.
        contents: What layers contain.
        systems: Finetune runs, in the order of the paper.
        evaluations: What scored a trained system.
    """

    fits: tuple[FitRecord, ...]
    controls: Mapping[Path, tuple[FitRecord, ...]]
    contents: tuple[LayersRecord, ...]
    systems: tuple[FinetuneRecord, ...]
    evaluations: tuple[EvaluationRecord, ...]

    @property
    def main(self) -> tuple[Record, ...]:
        """All that the page is about; controls are only beside it."""
        return (*self.fits, *self.contents, *self.systems, *self.evaluations)

    @property
    def beside(self) -> tuple[FitRecord, ...]:
        """All controls, each once."""
        found = {control.folder.resolve(): control for own in self.controls.values() for control in own}
        return tuple(found.values())


def sorted_runs(runs: Sequence[Path | Record], root: Path, look_for_controls: bool = True) -> Runs:
    """Read some runs and sort them by what they are.

    Args:
        runs: Folders or records, in any order; one that is still training is skipped, which is said on stderr.
        root: Folder of all runs, where controls are looked for.
        look_for_controls: Whether fits on random encoders that no one named are taken from there.

    Raises:
        RunError: A run is missing, incomplete or damaged; none has finished (code `no-run`); or they are on several
            corpora (`several-corpora`).
    """
    records = _finished(runs)
    fits = [record for record in records if isinstance(record, FitRecord)]
    controls = {fit.folder: _controls(fit, fits, root, look_for_controls) for fit in fits}
    taken = {control.folder for own in controls.values() for control in own}
    found = Runs(
        tuple(fit for fit in fits if fit.folder not in taken),
        controls,
        tuple(record for record in records if isinstance(record, LayersRecord)),
        tuple(systems([record for record in records if isinstance(record, FinetuneRecord)])),
        tuple(record for record in records if isinstance(record, EvaluationRecord)),
    )
    demand_one_corpus([*found.main, *found.beside])
    return found


def latest_trained_fit(root: Path) -> FitRecord:
    """The latest fit on trained weights, or, where there is none, on random ones.

    Raises:
        RunError: There is no fit (code `no-run`).
    """
    fits = [record for record in reversed(all_records(root)) if isinstance(record, FitRecord)]
    trained = (record for record in fits if not record.encoder.random and is_complete(record))
    return next(trained, None) or latest(FitRecord, root)


def _finished(runs: Sequence[Path | Record]) -> list[Record]:
    """Each once, in an order that does not depend on that of the arguments."""
    found: dict[Path, Record] = {}
    for run in runs:
        folder = run.folder if isinstance(run, Record) else run
        if folder.resolve() in found or folder.name.endswith((LOCK, PARTIAL)):
            continue
        try:
            record = run if isinstance(run, Record) else read_record(run)
        except RunError as error:
            if error.code != "run-unfinished":
                raise
            print(f"skipped: {folder} is still training, or was interrupted", file=sys.stderr)
            continue
        demand_whole(record)
        found[folder.resolve()] = record
    if not found:
        raise RunError("none of the runs has finished", "", "name finished runs (see `probe runs`)", code="no-run")
    return sorted(found.values(), key=lambda record: (record.title, record.signature, str(record.folder)))


def _controls(fit: FitRecord, named: Sequence[FitRecord], root: Path, look: bool) -> tuple[FitRecord, ...]:
    """A fit's controls: those among the runs that are named, or else the latest of each random encoder."""
    if fit.encoder.random:
        return ()
    own = [other for other in named if other is not fit and not differences(fit, other)]
    if own:
        return tuple(require_controls(fit, own))
    return tuple(find_controls(fit, root)) if look else ()
