"""A planted category is a world's ratings cut into classes; what is named and claimed of it is counted."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probing.calibration import categories, results, tables
from probing.calibration.categories import CATEGORY, named, recover
from probing.calibration.worlds import DIMENSION, draw


def test_classes_follow_the_ratings() -> None:
    """In order, none of train empty, of unequal size; the ratings are gone."""
    _, drawn = draw(1)
    corpus = named(drawn.corpus, 1)
    assert corpus.dimensions == () and corpus.categories == (CATEGORY,)
    ratings = np.array([u.labels[DIMENSION] for u in drawn.corpus.utterances])
    classes = np.array([u.categories[CATEGORY] for u in corpus.utterances])
    train = np.array([u.partition == "train" for u in corpus.utterances])
    names, sizes = np.unique(classes[train], return_counts=True)
    assert tuple(names) == corpus.classes(CATEGORY) and len(set(sizes)) > 1
    ends = [(ratings[classes == name].min(), ratings[classes == name].max()) for name in names]
    assert all(high <= low for (_, high), (low, _) in pairwise(ends))


@pytest.mark.slow
def test_a_trial_names_the_planted_layer_of_a_plain_world() -> None:
    """One world; its confidence set holds the layer, and some layer is carried."""
    found = recover({"kind": "standard", "world": 102})
    assert found["named"] == found["planted"] and found["planted"] in found["set"] and found["carried"]
    assert found["low"] < found["uar"] < found["high"] and found["uar"] > 1 / found["classes"]


def test_trials_are_counted() -> None:
    """Exact and near, held, claimed; of worlds with nothing planted only what is claimed."""
    one = {"kind": "standard", "planted": 3, "named": 4, "set": [3, 4], "carried": True}
    null = {"kind": "null", "planted": 3, "named": 4, "set": [3], "carried": False}
    table = results.rates({"categories": [one, {**one, "named": 3, "set": [3]}, null]}).set_index(
        ["quantity", "setting"]
    )
    assert (
        table.rate["ridge R²: exact", "standard"] == 0.5 and table.rate["ridge R²: within one layer", "standard"] == 1
    )
    claimed = table.rate["some layer said to carry the category on test2"]
    assert claimed.to_dict() == {"standard": 1.0, "nothing planted": 0.0}
    assert [trial["kind"] for trial in categories.trials([1], [2])] == ["standard", "null"]


def test_a_table_without_categories_is_shown_as_before() -> None:
    """The published calibration may be older than categories; with them one table more is shown."""
    old = pd.read_csv(Path(__file__).parents[2] / "figures" / tables.FILE)
    new = results.rates({"categories": [{"kind": "null", "planted": 3, "named": 4, "set": [3], "carried": False}]})
    without = old[old.part != "categories"]
    assert len(tables.markdown(pd.concat([without, new]))) == len(tables.markdown(without)) + 2
