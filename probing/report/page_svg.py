"""Figures as parts of a page: SVG without comments, scripts, links or names that another figure has too."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib.figure import Figure

from probing.report.style import drawing

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r"^#|(?<=url\()#")
_LEFT_OUT = ("metadata", "style")  # of a file that stands alone; the page has a style sheet


def inline(figure: Figure, name: str, title: str, description: str) -> Markup:
    """A figure as an element of a page. Its text is outlines, so it looks the same wherever it is read.

    Args:
        figure: The figure.
        name: Begins all of its identifiers, which must be unique in a page.
        title: What it is, for those who cannot see it.
        description: What it shows, for the same.
    """
    buffer = io.StringIO()
    with drawing():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    # Matplotlib repeats each text as a comment, where a name can hold characters that no XML may have.
    root = ElementTree.fromstring(_COMMENT.sub("", buffer.getvalue()))
    for element in root.iter():
        _rename(element, name)
        for child in [child for child in element if _local(str(child.tag)) in _LEFT_OUT]:
            element.remove(child)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-description"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        told = ElementTree.Element(tag, {"id": f"{name}-{'title' if tag == 'title' else 'description'}"})
        told.text = "".join(character if character.isprintable() else " " for character in text)
        root.insert(place, told)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # the serialiser has escaped all text


def _rename(element: ElementTree.Element, name: str) -> None:
    """Drop name spaces, which HTML does not have, and make identifiers and references to them this figure's own."""
    element.tag = _local(str(element.tag))
    attributes = dict(element.attrib)
    element.attrib.clear()
    for key, value in attributes.items():
        own = _local(key)
        element.attrib[own] = f"{name}-{value}" if own == "id" else _REFERENCE.sub(f"#{name}-", value)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
