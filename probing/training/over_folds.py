"""A training for every fold of a split, and a run that pools what they tested: `probe finetune --folds all`.

Every fold has a run of its own, as `probe finetune --fold k` makes and resumes it, so that a loop that was killed goes
on where it was. The pooled run is written last; it has scores and estimates, and no system.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from probing.corpus.opening import every_fold
from probing.corpus.spec import CorpusSpec
from probing.files import slug
from probing.files.cells import to_csv
from probing.options import with_settings
from probing.runs.categories import (
    CATEGORIES,
    CATEGORY_SCORES,
    categories_table,
    category_scores_table,
    category_summary,
)
from probing.runs.entries import CategoryScore, Score
from probing.runs.estimates import seed_of
from probing.runs.folders import new_run
from probing.runs.folds import (
    CATEGORY_FOLDS,
    FOLDS,
    fold_category_scores,
    fold_numbers,
    fold_scores,
    pooled_classes,
    pooled_corpus,
    pooled_entry,
    pooled_estimates,
)
from probing.runs.pooling import corpus_of, members_of, pooled_notes, pooled_there
from probing.runs.records import PREDICTIONS, FinetuneRecord
from probing.runs.scores import (
    labels_digest,
    predictions_table,
    score_rows,
    scores_table,
    summary,
)
from probing.runs.store import provenance, signature, write_record
from probing.training.finetune import SYSTEM, finetune
from probing.training.job import checked_to_learn
from probing.training.options import FinetuneOptions, FinetunePlace
from probing.training.tables import SCORES


def finetune_folds(
    corpus: CorpusSpec | str,
    system: str = SYSTEM,
    options: FinetuneOptions = FinetuneOptions(),  # noqa: B008 - frozen
    place: FinetunePlace = FinetunePlace(),  # noqa: B008
    **settings: Any,
) -> FinetuneRecord | None:
    """Train and score a system on every fold of a corpus, and write the run that pools them.

    Arguments are those of `probing.training.finetune.finetune`; a name of the run becomes that of each fold with
    `-fold1`, `-fold2` … behind it.

    Returns:
        The pooled run's record, read back where it had been written before; None in all but the first of several
        processes.

    Raises:
        CorpusError: The corpus is not split into folds (code `no-folds`), or a fold is named (`exclusive`).
        ProbingError: As `finetune`.
    """
    options, place = with_settings((options, place), settings)
    specs = every_fold(corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus))
    for spec in specs:  # before the first is trained: one that cannot be learned costs no work on the others
        checked_to_learn(spec, system, options, place)
    found = []
    for number, spec in enumerate(specs, 1):
        print(f"fold {number} of {len(specs)}", file=sys.stderr)
        own = replace(place, name=f"{place.name}-fold{number}") if place.name else place
        found.append(finetune(spec, system, options, own))
    members = [record for record in found if record is not None]
    return _pooled(members, place, time.time()) if members else None  # begun later than its members: it is the latest


def _pooled(members: Sequence[FinetuneRecord], place: FinetunePlace, began: float) -> FinetuneRecord:
    """The run that pools some."""
    corpora = [corpus_of(record) for record in members]
    pooled = pooled_corpus(corpora)
    seeds = tuple(seed for seed in members[0].seeds if all(seed in record.seeds for record in members))
    first, targets = members[0], (*members[0].system.dimensions, *members[0].system.categories)
    configuration = {
        **first.configuration,
        "labels": labels_digest(pooled, targets),
        "seeds": list(seeds),
        "folds": [record.signature for record in members],
    }
    root = Path(place.runs)
    if there := pooled_there(FinetuneRecord, root, signature(configuration), members):
        return there
    numbers = fold_numbers(corpora, pooled)
    rated = [_of_seeds(record.predictions.table, seeds) for record in members if record.scores]
    named = [_of_seeds(record.classes.table, seeds) for record in members if record.category_scores]
    tables: dict[str, pd.DataFrame] = {}
    if rated:
        estimates = pooled_estimates(rated, corpora, pooled)
        tables |= {PREDICTIONS: predictions_table(pooled, estimates), SCORES: scores_table(pooled, estimates)}
        tables[FOLDS] = fold_scores(pooled, numbers, estimates)
    if named:
        classes = pooled_classes(named, corpora, pooled)
        tables |= {CATEGORIES: categories_table(pooled, classes)}
        tables |= {CATEGORY_SCORES: category_scores_table(pooled, classes)}
        tables[CATEGORY_FOLDS] = fold_category_scores(pooled, numbers, classes)
    record = replace(
        first,
        corpus=pooled_entry([record.corpus for record in members], pooled, numbers),
        seeds=seeds,
        trainings=(),
        notes=tuple(pooled_notes(members, corpora, pooled)),
        **_scores(tables),
        **provenance(configuration, began),
    )
    parts = [record.corpus.file_name, slug(record.system.name)]
    parts += [f"frozen-{'-'.join(record.system.frozen)}"] if record.system.frozen else []
    with new_run("-".join(["finetune", *parts]), root) as new:
        for name, table in tables.items():
            to_csv(table, new.aside / name, "%.7g" if name in (PREDICTIONS, CATEGORIES) else "%.8g")
        record = write_record(replace(record, members=members_of(members, new.final)), new.aside, list(tables))
    return replace(record, folder=new.final)


def _of_seeds(table: pd.DataFrame, seeds: Sequence[int]) -> pd.DataFrame:
    """Estimates without those of training seeds that only some folds have."""
    found = {name: seed for name in table.columns if (seed := seed_of(name)) is not None}
    return table.drop(columns=[name for name, seed in found.items() if seed not in seeds])


def _scores(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Mean over seeds of the scores, as a record keeps them."""
    rated, named = tables.get(SCORES), tables.get(CATEGORY_SCORES)
    own = score_rows(summary(rated)) if rated is not None else []
    classes = score_rows(category_summary(named)) if named is not None else []
    return {
        "scores": tuple(Score(**row) for row in own),
        "category_scores": tuple(CategoryScore(**row) for row in classes),
    }
