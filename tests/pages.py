"""Pages read as a browser reads them, and a name that was made to be taken for markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

VOID = {"meta", "link", "br", "img", "hr", "input"}
EVIL = "<script>alert(1)</script>\"'&amp;<b>\u202egnp\u2066 ]]>--!> א"


class Reader(HTMLParser):
    """What stands in a page: elements, headings, tables, and the text that is seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag == "caption":
            self.captions.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.said.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data
        if {"h1", "h2", "h3"} & {*self.open}:
            self.headings[-1] += data
        if "caption" in self.open:
            self.captions[-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())

    def table(self, caption: str) -> pd.DataFrame:
        """The one table whose caption begins so."""
        (place,) = [i for i, own in enumerate(self.captions) if own.startswith(caption)]
        head, *rows = self.tables[place]
        assert all(len(row) == len(head) for row in rows)
        return pd.DataFrame(rows, columns=head)


def read(path: Path) -> Reader:
    return Reader(path.read_text("utf-8"))
