"""What a page says of full systems: Tables 1 and 2, Figure 3, the comparison with the layers, and evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from probing.corpus.model import EMOTIONS
from probing.errors import RunError
from probing.report.classified import class_table, scored
from probing.report.compared import corpus_title, names_of
from probing.report.conditions import on_own_words
from probing.report.figure3 import gains, plot_gains
from probing.report.layers_and_systems import plot_layers_and_systems
from probing.report.page_blocks import NOTHING, Block, Drawing, Items, Section, Table, table_of, wide
from probing.report.page_fits import score_tables
from probing.report.page_svg import inline
from probing.report.published import SAID, published
from probing.report.table1 import table1
from probing.report.table2 import table2
from probing.runs.printing import ends, intervals_said, signed, spread, titled
from probing.runs.records import EvaluationRecord, FinetuneRecord, FitRecord
from probing.runs.store import read_record

_SPREAD_OVER = ["partition", "dimension"]
_TEXT_GAIN = "valence"  # Figure 3 is about it


def systems_section(everything: Sequence[FinetuneRecord], fits: Sequence[FitRecord]) -> Section:
    """The section of all finetune runs.

    Args:
        everything: The runs, at least one, in the order of the paper.
        fits: Fits on the same corpus.

    Raises:
        RunError: Files of a run are missing, changed or damaged.
    """
    records = on_own_words(everything) or everything  # other words have a table of their own
    blocks: list[Block] = [*_classes(records)]
    rated = [record for record in records if record.system.dimensions]
    if not rated:
        return Section("systems", "Full systems", (*blocks, *_notes(everything)))
    blocks = [*_table1(rated), *blocks, *_figure3(rated)]
    for place, fit in enumerate(fit for fit in fits if not fit.encoder.random):
        figure, title = Figure(), f"Layers of {fit.title} beside the full systems, {corpus_title(fit)}"
        plot_layers_and_systems(fit, rated, figure)
        said = f"{title}. Points: mean over training seeds; bars: 95 % interval; bands as in Figure 2."
        blocks.append(Drawing(inline(figure, f"comparison-{place}", title, said), said))
    blocks += _table2([record for record in everything if record.system.dimensions])
    blocks += _notes(everything)
    return Section("systems", "Full systems", tuple(blocks))


def evaluation_section(record: EvaluationRecord, name: str) -> Section:
    """The section of an evaluation."""
    heard = "clean audio" if record.snr is None else f"audio at a signal-to-noise ratio of {record.snr:g} dB"
    if not record.system.hears:
        heard = ""
    read = f"words: {record.words.title}" if record.system.reads else ""
    condition = "; ".join(part for part in (heard, read) if part)
    blocks: list[Block] = [*score_tables(record, selected=_selected_on(record))]
    blocks += [Items("Notes", tuple(record.notes))] if record.notes else []
    return Section(name, f"Evaluation of {record.title}: {condition}", tuple(blocks))


def _notes(records: Sequence[FinetuneRecord]) -> Iterator[Items]:
    """What a reader should know of the runs: each note once, with the runs that have it unless all do."""
    names = names_of(records)
    whose: dict[str, list[str]] = {}
    for record in records:
        for note in dict.fromkeys(record.notes):
            whose.setdefault(note, []).append(names[record.folder])
    if whose:
        items = [note if len(own) == len(records) else f"{', '.join(own)}: {note}" for note, own in whose.items()]
        yield Items("Notes", tuple(items))


def _selected_on(record: EvaluationRecord) -> bool:
    """Whether the system was selected on this development partition; another corpus's has selected nothing."""
    if record.published is not None:
        return record.published.trained_on(record.corpus)
    try:
        return read_record(record.folder / record.run).same_corpus(record)
    except RunError:  # an evaluation may be passed on without its run
        return True


def _table1(records: Sequence[FinetuneRecord]) -> Iterator[Table]:
    table, corpus = _titles(table1(records)), corpus_title(*records)
    keys = ["modality", "model", "parameters_M"]
    table = table.assign(parameters_M=[f"{number:.3g}" for number in table.parameters_M])
    said = f"Table 1 on {corpus}: CCC, mean over training seeds ± standard deviation over seeds"
    own = wide(table, keys, _SPREAD_OVER, _score)
    yield _of_systems(own, f"{said} [{intervals_said(table.seeds)}].", len(keys))
    yield from _differences(table, ["model"])
    if "fall" in table and table.fall.notna().any():
        fallen = table[table.fall.notna()]
        own = wide(fallen, ["model"], _SPREAD_OVER, lambda r: signed(r.fall, r.fall_low, r.fall_high))
        yield _of_systems(own, "From seen to unseen: CCC on unseen − CCC on seen, with 95 % intervals.", 1)
    yield _published("table1", ["modality", "model", "parameters_M", "partition"])


def _table2(records: Sequence[FinetuneRecord]) -> Iterator[Table]:
    table = table2(records)
    if table.empty:
        return
    table, keys = _titles(table), ["model", "trained_on", "tested_on"]
    # Of two runs of one name, and of two tests of one run, each must have a row of its own.
    apart = table.groupby([*keys, *_SPREAD_OVER]).ccc.transform("size") > 1
    keys += ["run", "test"] * bool(apart.any())
    table = table.assign(wer=[f"{x:.1%}" if x == x else NOTHING for x in table.wer])
    said = f"Table 2 on {corpus_title(*records)}: CCC, mean over training seeds ± standard deviation over seeds"
    counted = "; ".join(how for how in dict.fromkeys(table.counted) if how)
    said += f" [{intervals_said(table.seeds)}]." + f" Word errors: {counted}." * bool(counted)
    cells = wide(table, keys, _SPREAD_OVER, _score)
    rates = wide(table.assign(partition="WER " + table.partition), keys, ["partition"], lambda r: r.wer)
    own = rates.merge(cells, on=keys, sort=False)
    yield _of_systems(own, said, len(keys))
    yield from _differences(table, keys)
    yield _published("table2", ["transcription"])


def _classes(records: Sequence[FinetuneRecord]) -> Iterator[Table]:
    """Systems of categories, and their paired differences."""
    table = class_table(records)
    if table.empty:
        return
    table = _titles(table).assign(parameters_M=[f"{number:.3g}" for number in table.parameters_M])
    keys, over = ["modality", "model", "parameters_M"], ["partition", "category"]
    own = wide(table, keys, over, scored)
    said = f"Categories on {corpus_title(*records)}: UAR, mean over training seeds ± standard deviation over seeds"
    yield _of_systems(own, f"{said} [{intervals_said(table.seeds)}]; macro-F1; accuracy.", len(keys))
    if "difference" in table and table.difference.notna().any():
        apart = table[table.difference.notna()]
        against = ", ".join(dict.fromkeys(map(str, apart.against)))
        cells = wide(apart, ["model"], over, lambda r: signed(r.difference, r.difference_low, r.difference_high))
        yield _of_systems(cells, f"Paired differences of UAR to {against}, with 95 % intervals.", 1)


def _score(row: Any) -> str:
    return f"{row.ccc:.3f}{spread(row.sd)} {ends(row.low, row.high)}"


def _differences(table: pd.DataFrame, keys: Sequence[str]) -> Iterator[Table]:
    """Paired differences, where there are any."""
    if "difference" not in table or not table.difference.notna().any():
        return
    own = table[table.difference.notna()]
    against = ", ".join(dict.fromkeys(map(str, own.against)))
    cells = wide(own, keys, _SPREAD_OVER, lambda r: signed(r.difference, r.difference_low, r.difference_high))
    yield _of_systems(cells, f"Paired differences of CCC to {against}, with 95 % intervals.", len(keys))


def _published(name: str, keys: Sequence[str]) -> Table:
    """What the paper printed; on which corpus stands in its caption."""
    table = published(name).drop(columns="source")
    scores = [column for column in table if column in EMOTIONS]
    table[scores] = table[scores].map("{:.3f}".format)
    table = _titles(table)[[*keys, *(column for column in table if column not in keys)]]
    table = table.astype(object).where(table.notna(), NOTHING)
    return _of_systems(table, f"Table {name.removeprefix('table')} as published. {SAID}", len(keys))


def _of_systems(table: pd.DataFrame, caption: str, keys: int) -> Table:
    names = {"parameters_M": "parameters (M)", "asr_parameters_M": "parameters of the recogniser (M)", "wer": "WER"}
    names |= {"trained_on": "trained on", "tested_on": "tested on"}
    return table_of(table.rename(columns=names), caption, keys)


def _titles(table: pd.DataFrame) -> pd.DataFrame:
    """Partitions as the paper calls them; development as selected on."""
    return table.assign(partition=[titled(partition) for partition in table.partition])


def _figure3(records: Sequence[FinetuneRecord]) -> Iterator[Drawing]:
    own = [record for record in records if _TEXT_GAIN in record.system.dimensions]
    drawn = gains(own) if own else pd.DataFrame()
    if drawn.empty:
        return
    figure, title = Figure(), f"Figure 3: what text adds to valence, {corpus_title(*records)}"
    plot_gains(own, figure)
    unknown = drawn[drawn.said.fillna("") != ""]
    undefined = " ".join(f"{row.encoder}, {titled(row.partition)}: {row.said}." for row in unknown.itertuples())
    said = f"{title}: gain in CCC of the system with text over the one on audio alone; bars: 95 % interval. {undefined}"
    yield Drawing(inline(figure, "figure3", title, said.strip()), said.strip())
