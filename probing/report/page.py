"""One file that says what some runs found: figures, tables, claims with verdicts, and how it all was made.

The page loads nothing from anywhere, runs no script, and shows what stands in a run's folder as text: folders are
passed around, and a name may have been made to be taken for markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import probing
from probing.errors import OptionError, number_of
from probing.files import write_text
from probing.report.compared import corpus_title
from probing.report.naming import roles_said, set_stem, shortened
from probing.report.page_blocks import Section
from probing.report.page_claims import Judged, judged
from probing.report.page_contents import contents_section
from probing.report.page_fits import fit_section
from probing.report.page_record import citation_section, corpus_section, record_section
from probing.report.page_runs import Runs, sorted_runs
from probing.report.page_systems import evaluation_section, systems_section
from probing.report.style import FIGURES
from probing.runs.escapes import DISGUISES
from probing.runs.printing import partition_title
from probing.runs.records import Record
from probing.runs.store import RUNS

TEMPLATE = "page.html.j2"
_NOUNS = {"analysis of layers": "analyses of layers"}
_SCORE = r"[-+]?\d+\.\d+"
_TOGETHER = re.compile(rf"{_SCORE} ± {_SCORE}|\[{_SCORE}, {_SCORE}\]|p (=|&lt;) {_SCORE}|\d+ %")  # on one line


def write_page(
    runs: Sequence[Path | Record],
    out: Path = FIGURES,
    name: str | None = None,
    root: Path = RUNS,
    controls: bool = True,
    teacher: str | None = None,
    student: str | None = None,
) -> Path:
    """Write a page on some runs of one corpus.

    Args:
        runs: Fits, analyses of layers, finetune runs and evaluations, in any order. A fit on random weights is a
            control of the fit that it belongs to; one that belongs to none stands for itself.
        out: Folder for `report-<name>.html`.
        name: What stands for these runs in the file's name; by default the corpus and a digest of the runs.
        root: Folder of all runs: there fits on random encoders are looked for, where none is named.
        controls: Whether they are.
        teacher: The audio encoder that claims about systems call the full one; by default what is known of encoders.
        student: The one that they call the distilled one.

    Returns:
        The file.

    Raises:
        RunError: A run is missing, incomplete, damaged or on another corpus; nothing is written then.
        OptionError: No system has the encoder that is named as teacher or student (code `no-such-encoder`), or there
            are no systems (`no-effect`).
    """
    found = sorted_runs(runs, root, controls)
    if (teacher is not None or student is not None) and not found.systems:
        why, remedy = "none of the runs is a full system", "leave them out, or name finetune runs"
        raise OptionError("--teacher and --student change nothing", why, remedy, code="no-effect")
    # Any record has what the name is made of.
    stem = set_stem(found.main, name, *found.beside, *roles_said(teacher, student))  # type: ignore[arg-type]
    path = out / f"{shortened(f'report-{stem}')}.html"
    write_text(path, _rendered(found, judged(found, teacher, student)))
    return path


def visible(value: Any) -> Any:
    """What the template puts on the page: characters that disguise others are written as numbers.

    >>> visible("Anna\\u202e")
    'Anna\\\\u202e'
    """
    if isinstance(value, Markup):
        return value
    return DISGUISES.sub(lambda found: ascii(found[0])[1:-1], unicodedata.normalize("NFC", str(value)))


def unbroken(value: Any) -> Markup:
    """Text for the page whose scores, intervals and shares are never broken across lines.

    >>> unbroken("<b> 0.5 [0.4, 0.6]")
    Markup('&lt;b&gt; 0.5 <span class="one">[0.4, 0.6]</span>')
    """
    return Markup(_TOGETHER.sub(r'<span class="one">\g<0></span>', str(escape(visible(value)))))


def _rendered(runs: Runs, claims: Judged) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    first = runs.main[0]
    return environment.get_template(TEMPLATE).render(
        title=f"{_what(runs)} on {corpus_title(first)}",
        date=datetime.now().astimezone().strftime("%Y-%m-%d"),
        version=probing.__version__,
        holds=_holds(runs),
        sections=_sections(runs, claims),
        titled=partition_title,
    )


def _what(runs: Runs) -> str:
    """What the page is about."""
    of_layers = [*runs.fits, *runs.contents]
    if of_layers and (runs.systems or runs.evaluations):
        return "Layers and full systems"
    if of_layers:
        encoders = {record.title for record in of_layers}
        return f"Layers of {of_layers[0].title}" if len(encoders) == 1 else "Layers of several encoders"
    return "Full systems"


def _holds(runs: Runs) -> str:
    """How many runs of each kind stand in the page."""
    counts = (
        (runs.fits, "fit"),
        (runs.beside, "control"),
        (runs.contents, "analysis of layers"),
        (runs.systems, "system"),
        (runs.evaluations, "evaluation"),
    )
    return ", ".join(number_of(len(own), noun, _NOUNS.get(noun, "")) for own, noun in counts if own)


def _sections(runs: Runs, claims: Judged) -> list[Section]:
    found = [Section("findings", "Findings", claims.blocks)]
    for place, (fit, where) in enumerate(zip(runs.fits, claims.summaries, strict=True)):
        found.append(fit_section(fit, f"fit-{place}", runs.controls[fit.folder], where))
    for place, record in enumerate(runs.contents):
        found.append(contents_section(record, f"contents-{place}"))
    if runs.systems:
        found.append(systems_section(runs.systems, runs.fits))
    for place, evaluation in enumerate(runs.evaluations):
        found.append(evaluation_section(evaluation, f"evaluation-{place}"))
    everything = [*runs.main, *runs.beside]
    return [*found, corpus_section(everything), record_section(everything), citation_section(everything)]
