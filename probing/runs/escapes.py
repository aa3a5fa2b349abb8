r"""Names in documents: whatever a corpus, an encoder or a dimension is called, it is text there and nothing else.

Names come from tables, folders and records that other people made. In a document one could become a link, a formula, a
heading or an element, or turn the direction of what stands around it.
"""

from __future__ import annotations

import re

# Controls, marks that turn the direction of what follows, lone surrogates: they can disguise the text around them.
DISGUISES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\x0b\x0c\x1c-\x1f]+")  # line breaks too, but no controls
_MARKS = re.compile(
    r"""
      [*`$|~]                         # emphasis, code, formulas, cells, strike-through
    | (?<!\w)_ | _(?!\w)              # emphasis: within a word an underscore has no meaning
    | \](?=[(\[:])                    # a link, or the definition of one
    | \\(?=[!-/:-@\[-`{-~]|$)         # would escape what follows, or break the line
    | <(?=[A-Za-z/!?])                # an element
    | &(?=\#?\w+;)                    # an entity
    | ^(?: [-+](?=\s|$) | \#(?=\#*(?:\s|$)) | > | =(?==*$) | -(?=[-\s]*$) )  # a list, heading, quotation or rule
    | (?<=\s)\#(?=\#*$)               # would close a heading
    """,
    re.VERBOSE,
)
_ENTITIES = {"<": "&lt;", "&": "&amp;", ">": "&gt;"}  # which every dialect of Markdown knows
_ITEM = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",  # behind an exclamation mark it would turn that over
    "±": r"$\pm$",
    "⇒": r"$\Rightarrow$",
    "²": "$^2$",
    "—": "--",
    "–": "--",
}
_ARGUMENT = re.compile(r"^[\[*]")  # what stands behind a line's end, where LaTeX looks for an argument


def one_line(text: str) -> str:
    """Text with a blank for whatever spaces and line breaks it has.

    >>> one_line(" two\\nlines\\u2028and more ")
    'two lines and more'
    """
    return _SPACES.sub(" ", text).strip(" ")


def plain(text: object) -> str:
    r"""Text on one line; characters that disguise others are written as their numbers.

    >>> print(plain("two\nlines\u2028and \u202emore"))
    two lines and \u202emore
    """
    return DISGUISES.sub(lambda found: ascii(found[0])[1:-1], one_line(str(text)))


def markdown(text: object) -> str:
    r"""Text that Markdown shows as it is, in a paragraph, a heading, an item of a list or a cell of a table.

    Only what would have a meaning where it stands is escaped, so that a table can be read as it is, too.

    >>> print(markdown("a|b $x_1$ <script> snake_case 0.5 [0.4, 0.6], p < 0.001"))
    a\|b \$x_1\$ &lt;script> snake_case 0.5 [0.4, 0.6], p < 0.001
    """
    shown = _MARKS.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), plain(text))
    return _ITEM.sub(r"\1\\\2", shown)


def latex(text: object) -> str:
    r"""Text that LaTeX sets as it is, in a cell of a table too.

    >>> print(latex("50 % of $x_1$"), latex("[a]"))
    50 \% of \$x\_1\$ {[}a]
    """
    shown = "".join(_LATEX.get(character, character) for character in plain(text))
    return _ARGUMENT.sub(r"{\g<0>}", shown)
