"""What the runs of all folds say of what they test, as the tables of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probing.corpus.model import DEVELOPMENT, TRAIN, Corpus
from probing.files.checked_csv import read_table
from probing.probes.pooled_nulls import Pooled, pooled_nulls
from probing.probes.prepared import Ready
from probing.probes.results import SCORES, WEIGHTS, Tables
from probing.probes.ridge import PERMUTATIONS, Look, pooled_states, refuse_large_states, ridge_look
from probing.probes.ridge_plan import plans_of
from probing.probes.sources import features_from, rows_of
from probing.runs.categories import CATEGORY_SCORES, Classified, categories_table, category_scores_table
from probing.runs.folds import (
    CATEGORY_FOLDS,
    FOLDS,
    Estimates,
    divided,
    fold_category_scores,
    fold_scores,
    pooled_classes,
    pooled_estimates,
)
from probing.runs.owned import own_file
from probing.runs.records import FitRecord
from probing.runs.scores import predictions_table, scores_table

_REFIT = ["dimension", "seed", "layer"]


@dataclass(frozen=True)
class Folds:
    """The fits of all folds.

    Args:
        ready: What the first one read.
        members: Their records, the first fold first.
        corpora: The corpus as each of them has it.
    """

    ready: Ready
    members: tuple[FitRecord, ...]
    corpora: tuple[Corpus, ...]


@dataclass(frozen=True)
class Pool:
    """What the folds' runs say of what they test.

    Args:
        folds: The fits of all folds.
        pooled: What they test, each utterance once.
        numbers: The fold that tests each utterance.
    """

    folds: Folds
    pooled: Corpus
    numbers: NDArray[np.int64]

    @cached_property
    def estimates(self) -> Estimates:
        """Dimension → estimator → estimates."""
        tables = [member.predictions.table for member in self.folds.members if member.scores]
        return pooled_estimates(tables, self.folds.corpora, self.pooled) if tables else {}

    @cached_property
    def classes(self) -> Classified:
        """Category → estimator → estimated classes."""
        tables = [member.classes.table for member in self.folds.members if member.category_scores]
        return pooled_classes(tables, self.folds.corpora, self.pooled) if tables else {}

    def tables(self, look: Look) -> Tables:
        """The tables of the pooled run."""
        pooled, rated, named = self.pooled, self.estimates, self.classes
        learned = (self.folds.members[0].files or {}).get(WEIGHTS)
        return Tables(
            scores_table(pooled, rated) if rated else None,
            predictions_table(pooled, rated) if rated else None,
            look.nulls if rated else None,
            category_scores_table(pooled, named) if named else None,
            categories_table(pooled, named) if named else None,
            look.class_nulls if named else None,
            _weights(self.folds.members) if learned else None,
        )

    def with_development(self, tables: Tables) -> Tables:
        """The same with the folds' scores on development, by which a trained single layer is chosen."""
        scores, named = tables.scores, tables.class_scores
        if scores is not None:
            own = (_development(one, SCORES) for one in self.folds.members)
            scores = pd.concat([scores, *own], ignore_index=True).astype({"layer": "Int64"})
        if named is not None:
            own = (_development(one, CATEGORY_SCORES) for one in self.folds.members)
            named = pd.concat([named, *own], ignore_index=True).astype({"layer": "Int64"})
        return replace(tables, scores=scores, class_scores=named)

    def by_fold(self) -> dict[str, pd.DataFrame]:
        """File → the scores of each fold alone."""
        found = {FOLDS: fold_scores(self.pooled, self.numbers, self.estimates)} if self.estimates else {}
        if self.classes:
            found[CATEGORY_FOLDS] = fold_category_scores(self.pooled, self.numbers, self.classes)
        return found


def _table(member: FitRecord, name: str) -> pd.DataFrame:
    """A table of a fold's run."""
    return read_table(own_file(member.folder, name, member.files), ("dimension", "category", "kind", "partition"))


def _development(member: FitRecord, name: str) -> pd.DataFrame:
    """A fold's scores on development."""
    scores = _table(member, name)
    return scores[scores.partition == DEVELOPMENT]


def whole_look(folds: Folds, pooled: Corpus, numbers: NDArray[np.int64]) -> Look:
    """Ridge probes over the whole, and what they reach on permuted labels over all folds.

    Args:
        folds: The fits of all folds.
        pooled: What they test.
        numbers: The fold that tests each utterance.
    """
    ready, count = folds.ready, len(pooled)
    layout, options = ready.cache.layout, ready.options
    refuse_large_states(count, layout.n_states, layout.width)
    rows = rows_of(ready.cache, [u.id for u in pooled.utterances], "the `probe extract` command")
    states = pooled_states(features_from(ready.cache, rows, options, ready.device), count)
    # Importance is cross-validated over train and development, whichever of the two an utterance is in.
    whole = divided(pooled, [DEVELOPMENT if number == 1 else TRAIN for number in numbers])
    look = ridge_look(whole, states, options.dims, layout.first_layer, 0, ready.device, options.balanced)
    permutations = max(options.permutations, PERMUTATIONS) if options.permutations else 0
    plans = plans_of(whole, options.dims, 0)
    number_of = dict(zip((u.id for u in pooled.utterances), numbers.tolist(), strict=True))
    development = tuple(number_of[corpus.partitions[DEVELOPMENT][0].id] for corpus in folds.corpora)
    tested = Pooled(pooled, numbers, development, permutations, options.balanced)
    nulls, class_nulls = pooled_nulls(tested, states, plans, layout.first_layer, ready.device)
    return replace(look, corpus=pooled, nulls=nulls, class_nulls=class_nulls)


def _weights(members: Sequence[FitRecord]) -> pd.DataFrame:
    """Layer weights: of each seed the mean over folds, and each fold's refits, which count on from fold to fold."""
    own, refits, count = [], [], 0
    for member in members:
        table = _table(member, WEIGHTS)
        own.append(table[table.refit.isna()])
        again = table[table.refit.notna()]
        refits.append(again.assign(refit=again.refit + count))
        count = int(max(count, refits[-1].refit.max())) if len(again) else count
    mean = pd.concat(own).groupby(_REFIT, sort=False).weight.mean().reset_index().assign(refit=np.nan)
    columns = ["dimension", "seed", "refit", "layer", "weight"]
    return pd.concat([mean, *(one for one in refits if len(one))])[columns].astype({"refit": "Int64"})
