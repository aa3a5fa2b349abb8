"""Names of emotions → ratings that stand in for those that nobody gave: proxies, and the corpus says so.

A map is a table `name,valence,arousal,dominance` in any format; one or two dimensions may be left out. One ships,
`pad`: the mean pleasure, arousal and dominance that students gave to terms of emotion, on [-1, 1] (Russell & Mehrabian
1977, Evidence for a three-factor theory of emotions, Journal of Research in Personality 11, 273–294; its column `term`
is the term that a name is taken for). Its values were read from public transcriptions of that paper's table of 151
terms: the basic emotions are the same in many, the others were in one complete transcription, whose ranks and values
agree with others wherever they overlap. Neutral speech has no term there; it is put at the midpoint of the scales.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from probing.corpus.model import EMOTIONS, Corpus, Utterance
from probing.corpus.readers.tables import table_file
from probing.corpus.readers.tables.absent import without_absent
from probing.corpus.readers.tables.cells import demand_unique
from probing.corpus.readers.tables.ratings import UNIT, ratings, rows_of
from probing.errors import CorpusError, first_names, number_of

_SHIPPED = {"pad": "Russell & Mehrabian 1977"}  # name → source
_PAD = (-1.0, 1.0)  # the scale of what ships


@dataclass(frozen=True)
class LabelMap:
    """Ratings of names.

    Args:
        title: What it is called in notes.
        ratings: Name in lower case → dimension → rating.
        scale: Lowest and highest possible rating.
    """

    title: str
    ratings: Mapping[str, Mapping[str, float]]
    scale: tuple[float, float]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that at least one name is rated on."""
        return tuple(d for d in EMOTIONS if any(d in rated for rated in self.ratings.values()))

    def of(self, name: str) -> Mapping[str, float]:
        """The ratings of a class, whatever the case of its letters; empty where the map does not have it."""
        return self.ratings.get(name.strip().lower(), {})


def with_proxies(corpus: Corpus, named: str) -> Corpus:
    """Rate every utterance as a map rates the class that it has.

    Args:
        corpus: One with a category and without ratings of its own on the map's dimensions. Of several categories it is
            the one of which the map knows the most utterances.
        named: What `--label-map` says: the path of a table whose ratings are on the corpus's scale, or the name of one
            that ships, whose scale is stretched to the corpus's.

    Returns:
        The corpus with these ratings, and a note that they are proxies. Utterances without a class, or with one that
        the map does not have, stay unrated, and a note counts them.

    Raises:
        CorpusError: There is no such map (code `label-map-unknown`) or it cannot be read (as a table corpus; also
            `label-map-empty`), the corpus has no category (`label-map-no-category`), none of its classes is in the map
            (`label-map-unfit`), or it has ratings of its own (`label-map-rated`).
    """
    chosen = read_label_map(named, corpus.scale)
    rated = [d for d in chosen.dimensions if d in corpus.dimensions]
    if rated:
        what = f"--label-map {named} does not fit {corpus.name}"
        why = f"its utterances are rated on {', '.join(rated)}: proxies would take the place of what people said"
        raise CorpusError(what, why, "leave --label-map out", code="label-map-rated")
    category = _category(corpus, chosen, named)
    utterances = tuple(_rated(utterance, category, chosen, corpus.scale) for utterance in corpus.utterances)
    said = (
        f"ratings of {', '.join(chosen.dimensions)} are proxies that {chosen.title} gives to the names of {category}: "
        "nobody rated these utterances"
    )
    return replace(corpus, utterances=utterances, notes=(*corpus.notes, said, *_unrated(corpus, category, chosen)))


def read_label_map(named: str, scale: tuple[float, float]) -> LabelMap:
    """Read a map.

    Args:
        named: The path of a table, or the name of one that ships.
        scale: Lowest and highest possible rating of a table; what ships has its own.
    """
    ships = not Path(named).suffix
    if ships and named not in _SHIPPED:
        near = difflib.get_close_matches(named.lower(), _SHIPPED, n=1, cutoff=0.4)
        what, why = (
            f"--label-map {named}",
            f"what ships is {', '.join(_SHIPPED)}; a table's path ends in .csv or such",
        )
        remedy = f"did you mean {near[0]}?" if near else "name that, or a table name,valence,arousal,dominance"
        raise CorpusError(what, why, remedy, code="label-map-unknown")
    path = Path(__file__).with_name("label_maps") / f"{named}.csv" if ships else Path(named)
    given = None if scale == UNIT else scale  # then ratings elsewhere ask for --scale
    own_scale = _PAD if ships else given
    cells = table_file.read(path, known=("name", *EMOTIONS), needed=("name",))
    cells, _ = without_absent(replace(cells, names=frozenset(("name",))))  # a class may be called None
    cells.demand_filled("name")
    names = [name.lower() for name in cells.column("name")]
    demand_unique(names, path)
    labels = {name: ratings(cells, name, own_scale, "name") for name in EMOTIONS if name in cells}
    if not any(np.isfinite(values).any() for values in labels.values()):
        why = f"its columns are {first_names(list(cells.columns), 20)}"
        remedy = "add a column valence, arousal or dominance, with a number for each name"
        raise CorpusError(f"table {path} rates no name", why, remedy, code="label-map-empty")
    title = f"the table {named} ({_SHIPPED[named]})" if ships else f"the table {path.name}"
    return LabelMap(title, dict(zip(names, rows_of(labels, len(cells)), strict=True)), own_scale or UNIT)


def _category(corpus: Corpus, chosen: LabelMap, named: str) -> str:
    """The category of which the map knows the most utterances."""
    if not corpus.categories:
        raise CorpusError(
            f"--label-map {named} has no effect on {corpus.name}",
            "it has no category: no column of names that repeat",
            "name the column of names: --category NAME, or leave --label-map out",
            code="label-map-no-category",
        )
    known = {
        category: sum(bool(chosen.of(u.categories.get(category, ""))) for u in corpus.utterances)
        for category in corpus.categories
    }
    best = max(known, key=lambda category: known[category])
    if not known[best]:
        classes = [name for category in corpus.categories for name in corpus.classes(category)]
        raise CorpusError(
            f"--label-map {named} has none of the classes of {corpus.name}",
            f"these are {first_names(classes)}; it has {first_names(list(chosen.ratings))}",
            "add them to the table, or give another one",
            code="label-map-unfit",
        )
    return best


def _rated(utterance: Utterance, category: str, chosen: LabelMap, scale: tuple[float, float]) -> Utterance:
    """An utterance with the ratings of its class, from the map's scale to the corpus's."""
    low, high = chosen.scale
    width = (scale[1] - scale[0]) / (high - low)
    given = chosen.of(utterance.categories.get(category, ""))
    proxies = {dimension: scale[0] + (rating - low) * width for dimension, rating in given.items()}
    return replace(utterance, labels={**utterance.labels, **proxies}) if proxies else utterance


def _unrated(corpus: Corpus, category: str, chosen: LabelMap) -> list[str]:
    """A note on the classes that the map does not have."""
    classes = Counter(u.categories[category] for u in corpus.utterances if category in u.categories)
    lacking = [name for name in classes if not chosen.of(name)]
    if not lacking:
        return []
    what = number_of(sum(classes[name] for name in lacking), "utterance")
    return [f"{what} without a proxy, since {chosen.title} does not have {first_names(lacking)}"]
