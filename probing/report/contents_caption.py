"""The caption of what layers contain: what the picture shows and how to read it, and beneath it the findings."""

from __future__ import annotations

import pandas as pd

from probing.errors import number_of
from probing.report.contents_similarity import others_in
from probing.report.contents_table import (
    DESCRIPTION,
    ERASURE,
    FALL,
    INSIDE,
    NUISANCE,
    RANDOM,
    SHARES,
    WORDS,
    components_in,
    concepts_in,
)
from probing.report.wording import said_in_markdown
from probing.runs.escapes import markdown
from probing.runs.records import LayersRecord


def caption(record: LayersRecord, table: pd.DataFrame) -> str:
    """The caption as Markdown.

    Args:
        record: A run of `probe layers`.
        table: Its numbers (`probing.runs.contents.read_contents`).
    """
    lines = [_paragraph(*described(record, table))]
    if others_in(table):
        lines += ["", _paragraph(*described_similarity(record, table))]
    if record.findings:
        lines += ["", "Findings:", "", *map(said_in_markdown, record.findings)]
    return "\n".join(lines) + "\n"


def described(record: LayersRecord, table: pd.DataFrame) -> tuple[str, str]:
    """The caption without the findings: its title, and what the panels show."""
    title, parts = f"What the layers of {record.title} contain, on {record.corpus.full_title}{_synthetic(record)}.", []
    sentences = {SHARES: _shares, ERASURE: _falls, DESCRIPTION: _bits, NUISANCE: _nuisances}
    panels = [name for name in sentences if (table.analysis == name).any()]
    for letter, name in zip("abcd", panels, strict=False):
        parts.append(f"({letter}) {sentences[name](record, table)}")
    return title, " ".join([*parts, "Bars: 95 % intervals over speakers, cut off where they leave the panel."])


def described_similarity(record: LayersRecord, table: pd.DataFrame) -> tuple[str, str]:
    """What the maps of similarity show: a title and a text."""
    others = [name for name in others_in(table) if name != record.encoder.name]
    beside = f" and of {', '.join(others)}" if others else ""
    title = f"Which layers of {record.title}{beside} are alike, on {record.corpus.full_title}{_synthetic(record)}."
    sentences = ["Debiased linear CKA of pooled states."]
    if record.encoder.name in others_in(table):
        sentences.append("Outlined within the encoder: layers that learned weights cannot tell apart.")
    if others:
        sentences.append(
            "Dots: the other encoder's layer that each layer is most like, and outlined those that it may be with 95 % "
            "confidence; diamonds: the layer of this encoder that each of the other's is most like."
        )
    return title, " ".join(sentences)


def _paragraph(title: str, text: str) -> str:
    return f"**{markdown(title)}** {markdown(text)}"


def _shares(record: LayersRecord, table: pd.DataFrame) -> str:
    beside = [f"words ({record.text.title})"] if record.text else []
    beside += [f"sound ({record.acoustics.measures} measures, {record.acoustics.recipe})"] if record.acoustics else []
    if len(components_in(table)) < 2:
        return "R² of ridge probes on each layer, cross-validated over speakers in train and development."
    return (
        "Cross-validated R² of ridge probes on each layer, split into what it has in common with "
        f"{' and '.join(beside)} and what is its own (commonality analysis). A share can be negative, and is then "
        "drawn below 0: what stands above 0 less what hangs below is the layer's R² (diamonds). Lines: what is reached "
        "without the layer."
    )


def _falls(record: LayersRecord, table: pd.DataFrame) -> str:
    own = table[table.analysis == ERASURE]
    on = ", ".join(dict.fromkeys(own.partition))
    names = [f"{name} (rank {record.ranks[name]})" if name in record.ranks else name for name in concepts_in(table)]
    text = f"Fall of CCC on {on}, 1 − after / before, when {_listed(names)} {_is(names)} erased from a layer (LEACE)"
    text += " and ridge probes are fitted anew; no fall is given where the interval of the CCC before includes 0."
    if (own.measure == RANDOM).any():
        randoms = record.options.get("randoms")
        many = f"{number_of(int(randoms), 'random subspace')}" if randoms else "random subspaces"
        text += f" Grey: from the smallest to the largest fall of {many} of each rank, for the filled marks."
    inside = table[table.analysis == INSIDE]
    if (inside.measure == FALL).any():
        text += " Hollow: erased inside the running fine-tuned system, of its own CCC"
        drawn = inside[inside.measure == RANDOM]
        ends = f"{drawn.low.min():z.2f} to {drawn.high.max():z.2f}"
        text += f"; random subspaces took {ends} there." if len(drawn) else "."
    return text


def _bits(record: LayersRecord, table: pd.DataFrame) -> str:
    own = table[(table.analysis == DESCRIPTION) & (table.measure == "bits-each")]
    orders = own.part.nunique()
    over = f"mean over {number_of(orders, 'order')} of the speakers, and their range" if orders else "with its range"
    return f"Online description length: bits that a layer saves per rating against a code without it; {over}."


def _nuisances(record: LayersRecord, table: pd.DataFrame) -> str:
    return "What else each layer tells: R² of ridge probes, cross-validated, or the accuracy where a row says so."


def _listed(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is(names: list[str]) -> str:
    """The verb behind them: `words are`, and of several the verb of the last.

    >>> _is(["words (rank 8)"]), _is(["sound", "speaker"])
    ('are', 'is')
    """
    return "are" if names[-1].startswith(WORDS) else "is"


def _synthetic(record: LayersRecord) -> str:
    return " (built-in synthetic speech)" if record.corpus.spec.prefix == "demo" else ""
