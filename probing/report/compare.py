"""One run of `probe compare`: runs → Table 1, Table 2, findings, Figure 3 and the comparison figure in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probing.files import slug
from probing.report import figure3 as comparison
from probing.report import findings, table2
from probing.report import table1 as tables
from probing.report.conditions import on_own_words
from probing.report.controls import on_random_weights
from probing.runs.records import Record, all_records, read_record


def run(folders: Sequence[Path], out: Path, against: Path | None = None, fit: Record | None = None) -> str:
    """Write all comparisons of some runs, and return what to print.

    Args:
        folders: `finetune` runs on one corpus.
        out: Where tables and figures go.
        against: The run that differences are taken to.
        fit: A `fit` run on the same corpus, for the comparison figure.

    Raises:
        ProbingError: A folder is incomplete, no finetune run, or on another corpus.
    """
    everything = tables.systems([read_record(folder) for folder in dict.fromkeys(folders)])
    records = on_own_words(everything) or everything  # other words have a table of their own
    reference = next((r for r in records if against and r.folder.resolve() == against.resolve()), None)
    reference = reference or (read_record(against) if against else None)
    corpus = tables.corpus_title(records[0])
    table, found = tables.table1(records, reference), findings.findings(records)
    out.mkdir(parents=True, exist_ok=True)
    stem = slug(str(records[0]["corpus"]["title"]))
    texts = {
        f"table1-{stem}.md": tables.markdown(table, corpus),
        f"table1-{stem}.tex": tables.latex(table, corpus),
        f"findings-{stem}.md": findings.markdown(found, corpus),
    }
    for name, text in texts.items():
        (out / name).write_text(text, "utf-8")
    table.to_csv(out / f"table1-{stem}.csv", index=False, float_format="%.6g")
    found.to_csv(out / f"findings-{stem}.csv", index=False, float_format="%.6g")
    paths = [out / f"table1-{stem}.csv", out / f"findings-{stem}.csv", *(out / name for name in texts)]
    words = table2.table2(everything)
    if len(words):
        texts[f"table2-{stem}.md"] = table2.markdown(words, corpus)
        (out / f"table2-{stem}.md").write_text(texts[f"table2-{stem}.md"], "utf-8")
        words.to_csv(out / f"table2-{stem}.csv", index=False, float_format="%.6g")
        paths += [out / f"table2-{stem}.csv", out / f"table2-{stem}.md"]
    paths += comparison.figure3(records, out)
    if fit is not None:
        paths += comparison.comparison_figure(fit, records, out)
    shown = [text for name, text in texts.items() if name.endswith(".md")]
    return "\n".join([*shown, *map(str, paths)])


def latest_fit(system: Record, root: Path) -> Record | None:
    """The latest fit on the corpus of a system, on trained weights, with learned weights; None where there is none."""
    title = system["corpus"]["title"]
    return next(
        (
            record
            for record in reversed(all_records(root))
            if record["command"] == "fit"
            and record["corpus"].get("title", record["corpus"]["name"]) == title
            and not on_random_weights(record)
            and (record.folder / "weights.csv").is_file()
        ),
        None,
    )
