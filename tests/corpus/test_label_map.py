"""Names of emotions become ratings by a table, and the corpus says that these are proxies."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from corpora import corpus_of, names_all, refusal, write

from probing.corpus import label_map
from probing.corpus.label_map import read_label_map, with_proxies
from probing.corpus.model import EMOTIONS, Corpus, Utterance
from probing.errors import CorpusError

NAMES = ("Angry", "neutral", "sad", "angry", "calm")
# As printed for these terms in Russell & Mehrabian (1977): pleasure, arousal, dominance.
ANGRY, SAD, HAPPY = (-0.51, 0.59, 0.25), (-0.63, -0.27, -0.33), (0.81, 0.51, 0.46)


def named(*names: str, scale: tuple[float, float] = (0.0, 1.0), category: str = "emotion") -> Corpus:
    """A corpus of these classes."""
    classes = [{category: name} if name else {} for name in names]
    return corpus_of(*(Utterance(f"u{i}", None, "train", categories=c) for i, c in enumerate(classes)), scale=scale)


def vad(utterance: Utterance) -> list[float]:
    """Its valence, arousal and dominance."""
    return [utterance.labels[dimension] for dimension in ("valence", "arousal", "dominance")]


def test_the_table_that_ships_rates_names_as_published():
    """From [-1, 1] onto the corpus's scale; letters may be of any case, neutral is the midpoint."""
    corpus = with_proxies(named("Angry", "neutral", "SAD", "Happiness", scale=(-1, 1)), "pad")
    assert [vad(u) for u in corpus.utterances] == [pytest.approx(v) for v in (ANGRY, (0, 0, 0), SAD, HAPPY)]
    unit = with_proxies(named("angry", "neutral"), "pad")
    assert vad(unit.utterances[0]) == pytest.approx([0.245, 0.795, 0.625])
    assert vad(unit.utterances[1]) == [0.5, 0.5, 0.5]
    five = with_proxies(named("angry", scale=(1, 5)), "pad")
    assert vad(five.utterances[0]) == pytest.approx([1.98, 4.18, 3.5])


def test_the_corpus_says_that_its_ratings_are_proxies():
    """With the table, its source and the category; categories and everything else stay."""
    corpus = with_proxies(named(*NAMES), "pad")
    (note,) = corpus.notes
    assert "proxies" in note and "Russell & Mehrabian 1977" in note and "names of emotion" in note
    assert corpus.dimensions == EMOTIONS and corpus.classes("emotion") == ("Angry", "angry", "calm", "neutral", "sad")


def test_every_row_that_ships_is_on_its_scale_and_names_its_term():
    """Nouns and adjectives of one term are rated alike."""
    path = Path(label_map.__file__).with_name("label_maps") / "pad.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["name"] for row in rows}) == len(rows) > 40
    by_term: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        values = tuple(row[dimension] for dimension in EMOTIONS)
        assert all(-1 <= float(value) <= 1 for value in values)
        by_term.setdefault(row["term"], set()).add(values)
    assert all(len(values) == 1 for values in by_term.values())


def test_a_table_of_one_s_own_is_on_the_corpus_s_scale(tmp_path):
    """It may have fewer dimensions and blank cells; other columns are passed over."""
    table = write(tmp_path / "map.csv", "Name,arousal,valence,why", "angry,6.5,1.5,x", "sad,,2,y", "calm,1,5,z")
    corpus = with_proxies(named("Angry", "sad", "", scale=(1, 7)), str(table))
    assert [dict(u.labels) for u in corpus.utterances] == [{"arousal": 6.5, "valence": 1.5}, {"valence": 2.0}, {}]
    assert "map.csv" in corpus.notes[0]


@pytest.mark.parametrize("name", ["map.json", "map.jsonl", "map.parquet", "map.csv"])
def test_a_map_may_be_a_table_of_any_format(tmp_path, name):
    """As a corpus may; a rating that is missing is none, and a class may be called None."""
    made = pd.DataFrame({"Name": ["sad", "None"], "valence": [0.25, None], "arousal": [0.5, 1.0]})
    kinds = {"csv": partial(made.to_csv, index=False, na_rep="NA"), "parquet": made.to_parquet}
    kinds |= {
        "json": partial(made.to_json, orient="records"),
        "jsonl": partial(made.to_json, orient="records", lines=True),
    }
    kinds[name.rpartition(".")[2]](tmp_path / name)
    ratings = read_label_map(str(tmp_path / name), (0.0, 1.0)).ratings
    assert ratings == {"sad": {"valence": 0.25, "arousal": 0.5}, "none": {"arousal": 1.0}}
    objects = tmp_path / "objects.json"
    objects.write_text('{"sad": {"valence": 0.25, "arousal": 0.5}, "None": {"arousal": 1}}')
    assert read_label_map(str(objects), (0.0, 1.0)).ratings == ratings


def test_classes_that_the_map_lacks_are_counted_and_stay_unrated(tmp_path):
    """Nothing is guessed, and nothing dropped."""
    table = write(tmp_path / "map.csv", "name,arousal", "angry,0.9", "sad,0.2")
    corpus = with_proxies(named(*NAMES), str(table))
    assert [u.labels.get("arousal") for u in corpus.utterances] == [0.9, None, 0.2, 0.9, None]
    assert corpus.notes[1].startswith("2 utterances without a proxy") and corpus.notes[1].endswith("neutral, calm")


def test_of_several_categories_the_one_that_the_map_knows_is_rated():
    """Sentences, rooms and such are no emotions."""
    utterances = [
        Utterance(f"u{i}", None, "train", categories={"a_room": "hall", "label": name, "zone": "sad"[: i + 1]})
        for i, name in enumerate(["angry", "sad", "happy"])
    ]
    corpus = with_proxies(corpus_of(*utterances, scale=(-1, 1)), "pad")
    assert [vad(u) for u in corpus.utterances] == [pytest.approx(v) for v in (ANGRY, SAD, HAPPY)]


@pytest.mark.parametrize(
    ("lines", "code", "facts"),
    [
        (("name,arousal", "angry,2"), "scale-needed", ["arousal", "--scale"]),
        (("name,arousal", "angry,high"), "not-a-number", ["'high'"]),
        (("name,arousal", "angry,.5", "Angry,.6"), "ids-repeated", ["angry"]),
        (("name,arousal", ",.5"), "cell-blank", ["name"]),
        (("emotion,arousal", "angry,.5"), "column-missing", ["name"]),
        (("name,colour", "angry,.5"), "label-map-empty", ["colour", "valence"]),
        (("name,arousal", "angry,"), "label-map-empty", ["arousal"]),
        (("name,arousal", "wut,.5"), "label-map-unfit", ["Angry", "wut"]),
    ],
)
def test_a_map_that_cannot_be_read_names_the_place(tmp_path, lines, code, facts):
    """As a table corpus does."""
    table = write(tmp_path / "map.csv", *lines)
    error = refusal(CorpusError, code, with_proxies, named(*NAMES), str(table))
    assert names_all(error, *facts)


def test_a_map_that_does_not_exist_is_told():
    """A name that does not ship, with the nearest that does; a path without a table."""
    assert names_all(refusal(CorpusError, "label-map-unknown", with_proxies, named(*NAMES), "pda"), "did you mean pad")
    refusal(CorpusError, "table-missing", with_proxies, named(*NAMES), "/nowhere/map.csv")


def test_ratings_that_people_gave_are_not_replaced():
    """Of a corpus that is rated, proxies are refused; other dimensions do not matter."""
    rated = corpus_of(Utterance("u", None, "train", labels={"arousal": 3.0}, categories={"emotion": "sad"}))
    assert names_all(refusal(CorpusError, "label-map-rated", with_proxies, rated, "pad"), "rated on arousal")
    louder = corpus_of(Utterance("u", None, "train", labels={"loudness": 3.0}, categories={"emotion": "sad"}))
    assert with_proxies(louder, "pad").utterances[0].labels["loudness"] == 3.0


def test_a_corpus_without_names_has_nothing_to_map():
    """The remedy names --category."""
    plain = corpus_of(Utterance("u", None, "train"))
    assert names_all(refusal(CorpusError, "label-map-no-category", with_proxies, plain, "pad"), "--category")


def test_the_map_knows_its_dimensions():
    """Those with at least one number."""
    assert read_label_map("pad", (0.0, 1.0)).dimensions == EMOTIONS
