"""A fit of every fold of a split, and a run that pools what they tested: the work of `probe fit --folds all`.

Every fold has a run of its own, as `probe fit --fold k` makes it; one that is there already is not made again, so that
a loop that was killed goes on where it was. The pooled run is written last. Of it

    scores, predictions    are of what each fold's probes say of the utterances that the fold tests, each once
    nulls                  are of labels permuted over the whole corpus, to which every fold is fitted again
    importance             is of ridge probes cross-validated over all speakers, as if there were no test
    weights                are those of the folds: their mean for each seed, and all of their refits
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from probing.corpus.checked import folds_to_learn
from probing.corpus.model import DEVELOPMENT, Corpus
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.extraction.options import CacheOptions
from probing.files.cells import to_csv
from probing.options import with_settings
from probing.probes.fit import make, options_named
from probing.probes.folds import CROSS_VALIDATION
from probing.probes.notes import SELECTED_ON
from probing.probes.options import FitOptions, FitPlace
from probing.probes.pool import Folds, Pool, whole_look
from probing.probes.prepared import ENCODER, Ready, configuration_of, identity_of, prepare
from probing.probes.results import best_layers, class_scores, probe_scores, write_tables
from probing.probes.ridge import Look
from probing.probes.ridge_results import RIDGE_FILES, said_of_layers, write_look
from probing.runs.folders import new_run
from probing.runs.folds import (
    fold_numbers,
    pooled_corpus,
    pooled_entry,
)
from probing.runs.pooling import members_of, pooled_notes, pooled_there
from probing.runs.records import FitRecord
from probing.runs.scores import labels_digest
from probing.runs.store import all_records, missing_files, provenance, signature, write_record
from probing.statistics.layers import of_all_folds


def fit_folds(
    corpus: CorpusSpec | str,
    encoder: EncoderSpec | str | None = ENCODER,
    options: FitOptions | None = None,
    source: CacheOptions | None = None,
    place: FitPlace | None = None,
    **settings: Any,
) -> FitRecord:
    """Fit every fold of a corpus, and write the run that pools them.

    Arguments are those of `probing.probes.fit.fit`.

    Returns:
        The pooled run's record; read back where it had been written before.

    Raises:
        CorpusError: The corpus is not split into folds (code `no-folds`), a fold is named (`exclusive`), or some folds
            cannot be learned (`folds`).
        ProbingError: As `fit`.
    """
    parts = (options or options_named(settings), source or CacheOptions(), place or FitPlace())
    options, source, place = with_settings(parts, settings)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    folds = _fitted(folds_to_learn(spec, options.dims), encoder, options, source, place)
    began = time.time()  # later than its members: it is the latest fit
    pooled = pooled_corpus(folds.corpora)
    configuration = _configuration(folds, pooled)
    if there := pooled_there(FitRecord, Path(place.runs), signature(configuration), folds.members):
        return there
    return _written(folds, pooled, configuration, place, began)


def _fitted(
    specs: Sequence[CorpusSpec],
    encoder: EncoderSpec | str | None,
    options: FitOptions,
    source: CacheOptions,
    place: FitPlace,
) -> Folds:
    """The fit of every fold, made where it is not there yet; one cache serves all.

    All of them are prepared before the first is made: a fold that cannot be fitted costs no work on the others.
    """
    first = prepare(specs[0], encoder, options, source, place)
    settled = replace(source, cache=first.cache.path, store=None)
    known = [one for one in all_records(Path(place.runs)) if isinstance(one, FitRecord) and not one.members]
    every = [first]
    for spec in specs[1:]:  # the encoder is not opened again
        own = prepare(spec, None, options, settled, place)
        every.append(replace(own, cache=first.cache, encoder=first.encoder, parameters=first.parameters))
    members = []
    for number, ready in enumerate(every, 1):
        record = next((one for one in reversed(known) if _is_of(one, ready)), None)
        print(f"fold {number} of {len(specs)}{f': {record.folder}' if record else ''}", file=sys.stderr)
        members.append(record or make(ready, place, time.time()))
    return Folds(first, tuple(members), tuple(ready.checked.corpus for ready in every))


def _is_of(record: FitRecord, ready: Ready) -> bool:
    """Whether a run is the fit that would be made."""
    if record.signature != signature(configuration_of(ready)):
        return False
    if record.corpus.identity != identity_of(ready.checked, ready.cache):
        return False
    # Its predictions are read, and of a run that is damaged the fold is fitted again.
    return not missing_files(record, digests=True)


def _configuration(folds: Folds, pooled: Corpus) -> dict[str, Any]:
    """Everything that settles the pooled run's numbers."""
    layout, options = folds.ready.cache.layout, folds.ready.options
    return {
        "corpus": pooled.name,
        "labels": labels_digest(pooled, options.dims),
        "scale": pooled.scale,
        "fingerprint": layout.fingerprint,
        "store": layout.store,
        "options": asdict(options),
        "folds": [member.signature for member in folds.members],
    }


def _written(
    folds: Folds, pooled: Corpus, configuration: Mapping[str, Any], place: FitPlace, began: float
) -> FitRecord:
    """Pool, and write the run's folder."""
    first = folds.members[0]
    numbers = fold_numbers(folds.corpora, pooled)
    look = whole_look(folds, pooled, numbers)
    tested = Pool(folds, pooled, numbers)
    tables = tested.tables(look)
    chosen = tested.with_development(tables)
    findings, layers = said_of_layers(look, tables.scores, tables.class_scores)
    recommended = {name: summary.best_layer for name, summary in layers.items()}
    record = replace(
        first,
        corpus=pooled_entry([member.corpus for member in folds.members], pooled, numbers),
        best_layers=best_layers(chosen),
        best_epochs=(),
        layers=layers,
        findings=tuple(of_all_folds(findings)),
        scores=tuple(s for s in probe_scores(chosen, recommended) if s.partition != DEVELOPMENT),
        category_scores=tuple(s for s in class_scores(chosen, recommended) if s.partition != DEVELOPMENT),
        notes=tuple(_notes(folds, pooled, look)),
        **provenance(configuration, began),
    )
    with new_run(f"fit-{record.corpus.file_name}-{record.encoder_file_name}", Path(place.runs)) as new:
        record = replace(record, members=members_of(folds.members, new.final))
        names = write_tables(tables, new.aside)
        write_look(look, new.aside)
        by_fold = tested.by_fold()
        for name, table in by_fold.items():
            to_csv(table, new.aside / name, "%.8g")
        record = write_record(record, new.aside, [*names, *RIDGE_FILES, *by_fold])
    return replace(record, folder=new.final)


def _notes(folds: Folds, pooled: Corpus, look: Look) -> list[str]:
    """What a reader should know."""
    kept = pooled_notes(folds.members, folds.corpora, pooled)
    kept = [note for note in kept if not note.startswith(CROSS_VALIDATION) and note != SELECTED_ON]
    whole = "importance is of ridge probes cross-validated over the speakers of all folds together"
    return [kept[0], whole, *kept[1:], *look.notes]
