r"""Names in Markdown and LaTeX are text: what is read back out of a document is the name, and no markup came with it.

The readers here are written from the specifications of CommonMark (with GitHub's tables) and of TeX, for the one thing
that matters: which characters would have a meaning.
"""

from __future__ import annotations

import html
import random
import re
import unicodedata

import pandas as pd
import pytest

from probing.runs.escapes import latex, markdown, plain
from probing.runs.printing import latex_table, markdown_table

PIECES = [
    *("|", "$", "_", "\\", "{", "}", "&", "%", "#", "~", "^", "<", ">", '"', "'", "`", "*", "!", "(", ")", "[", "]"),
    *("\n", "\r", "\t", "\0", "\u2028", "\u202e", "\ud800", "😀", "é", "=cmd", "+1", "-1", "@x", "1.", "---", " ", "x"),
    *("<script>alert(1)</script>", "<!--", "&lt;", "&#60;", "[a](b)", "![a](b)", "[a]: b", "~~", "``", "\\\\", "\\("),
]


def names(number: int, seed: int = 0) -> list[str]:
    """Names made of what has a meaning somewhere."""
    rng = random.Random(seed)
    return ["".join(rng.choices(PIECES, k=rng.randint(1, 8))) for _ in range(number)]


def shown(source: str) -> str:
    """What Markdown shows of one line; fails where something in it has a meaning."""
    text, place = "", 0
    while place < len(source):
        here, before, after = source[place], source[place - 1 : place], source[place + 1 : place + 2]
        if here == "\\" and after and after in r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~""":
            text, place = text + after, place + 2
            continue
        if entity := re.match(r"&#?\w+;", source[place:]):
            text, place = text + html.unescape(entity[0]), place + len(entity[0])
            continue
        assert here not in "*`$|~" and not (here == "\\" and not after), source
        assert here != "_" or (_in_word(before) and _in_word(after)), source
        assert not (here == "<" and re.match(r"[A-Za-z/!?]", after)), source
        assert not (here == "]" and after in ("(", "[", ":")), source
        text, place = text + here, place + 1
    return text


def _in_word(character: str) -> bool:
    return bool(character) and (character == "_" or unicodedata.category(character)[0] in "LN")


def set_by_tex(source: str) -> str:
    """What LaTeX sets of one line; fails where a character is special in it."""
    words = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<"}
    words |= {"textgreater": ">", "textbar": "|", "textasciigrave": "`"}
    tokens = re.findall(r"\\(?:[a-zA-Z]+\{\}|[&%$#_{}])|\{[\[*]\}|.", source)
    assert not source.startswith(("[", "*")), source
    text = ""
    for token in tokens:
        if len(token) == 1:
            assert token not in "\\&%$#_{}~^`", source
            text += token
        elif token[0] == "{" or token[1:] in [*"&%$#_{}"]:
            text += token[1]
        else:
            text += words[token[1:-2]]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_what_is_shown_is_the_name(seed: int) -> None:
    """Whatever it is made of, in both languages."""
    for name in names(400, seed):
        assert shown(markdown(name)) == plain(name)
        assert set_by_tex(latex(name)) == plain(name)


def test_a_name_stands_on_one_line_and_disguises_nothing() -> None:
    """Line breaks become blanks; what turns the direction of text, and what is no character, is written as a number."""
    for name in names(400):
        text = plain(name)
        assert text.isprintable() and text.encode("utf-8").decode() == text
    assert plain("a\u202eb\n\x1b[31m\ud800") == "a\\u202eb \\x1b[31m\\ud800"


@pytest.mark.parametrize("name", ["# a", "## a", "> a", "- a", "+ a", "* a", "1. a", "12) a", "---", "===", "a #"])
def test_a_name_begins_nothing_where_it_begins_a_line(name: str) -> None:
    """No heading, quotation, list or rule."""
    written = markdown(name)
    assert not re.match(r"#{1,6}(\s|$)|>|[-+*](\s|$)|\d+[.)](\s|$)|-+$|=+$", written) and shown(written) == name
    assert not re.search(r"\s#+$", written)


def test_a_table_has_as_many_cells_as_it_was_given() -> None:
    """In every row; an escaped bar ends no cell, and a line break no row."""
    for name in names(200):
        name = name.replace("\ud800", "")  # which a DataFrame cannot hold
        header, rule, *rows = markdown_table(pd.DataFrame({name + "h": ["x", name]})).splitlines()
        cells = [re.split(r"(?<!\\)(?:\\\\)*\|", line) for line in (header, rule, *rows)]
        assert [len(one) for one in cells] == [3] * 4
        assert shown(cells[3][1].strip()) == plain(name)


def test_a_table_in_latex_has_as_many_cells_as_it_was_given() -> None:
    """A comment stays on its line, and no cell is taken for the argument of the end of a row."""
    for name in names(100):
        name = name.replace("\ud800", "")
        comment, said, *lines = latex_table(
            pd.DataFrame([[name + "n", "x"]], columns=["[a]", name + "n"]), "ll", name
        ).splitlines()
        assert comment.startswith("% ") and said == f"% {plain(name)}"
        rows = [line.removesuffix(r"\\").strip() for line in lines if line.endswith(r"\\")]
        assert len(rows) == 2 and all(len(re.findall(r"(?<!\\) & ", row)) == 1 for row in rows)
        assert set_by_tex(rows[1].removesuffix(" & x").strip()) == plain(name + "n")
