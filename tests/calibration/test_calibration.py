"""The calibration draws worlds whose truth is what it says, counts what it should, and goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probing.calibration import controls, coverage, recovery, results, tables, verdicts
from probing.calibration.simulated import Drawn, speakers
from probing.calibration.sweep import stopped
from probing.calibration.trials import Trials
from probing.calibration.worlds import CARRIED, DIMENSION, draw, ridge_score
from probing.corpus.model import DEVELOPMENT, TEST1, TEST2, TRAIN
from probing.probes.ridge import ridge_look
from probing.statistics.concordance import ccc
from probing.statistics.curves import r2_curve

FIGURES = Path(__file__).parents[2] / "figures"


def test_estimates_have_the_ccc_they_are_drawn_for() -> None:
    """Over very many utterances the score of a simulated system is the true one, for each training seed too."""
    drawn = Drawn(speakers(4000, unequal=True), 1, np.random.default_rng(0))
    for true in (0.0, 0.3, 0.9):
        estimates_RSN, true_RS = drawn.system(true, 2)
        assert ccc(drawn.truth_RN, estimates_RSN[0]) == pytest.approx(true_RS[0], abs=0.02)
        assert true_RS[0] == pytest.approx([true, true], abs=0.05)


def test_layers_have_the_r2_they_are_drawn_for() -> None:
    """The same for curves over layers."""
    drawn = Drawn(speakers(4000, unequal=False), 1, np.random.default_rng(1))
    true_L = np.array([0.05, 0.4, 0.8])
    names = drawn.who.names()
    found = r2_curve(range(3), drawn.truth_RN[0], drawn.layers(true_L)[0], np.zeros(len(names)), names)
    assert found.value_L == pytest.approx(true_L, abs=0.02)


def test_a_world_is_as_it_was_planted(number: int = 1) -> None:
    """The planted layer tells most; speakers of test2 are in no other partition, those of test1 in train."""
    world, drawn = draw(number)
    look = ridge_look(drawn.corpus, drawn.normalized().states, (DIMENSION,), permutations=0)
    assert CARRIED[0] <= ridge_score(drawn.corpus, look, world.planted) <= CARRIED[1]
    assert look.importance().r2.argmax() == world.planted == world.amplitude_L.argmax()
    who = {part: {u.speaker for u in own} for part, own in drawn.corpus.partitions.items()}
    assert not who[TEST2] & (who[TRAIN] | who[DEVELOPMENT]) and not who[DEVELOPMENT] & who[TRAIN]
    assert who[TEST1] <= who[TRAIN]
    draw.cache_clear()
    again, corpus = draw(number)
    assert np.array_equal(again.drawn().states, world.drawn().states) and corpus.corpus == drawn.corpus


def test_labels_of_controls_hold_nothing_of_the_states() -> None:
    """Permuted labels are the same numbers in other places; three dimensions have three permutations."""
    _, drawn = draw(1)
    corpus = controls._permuted(drawn, np.random.default_rng(0))
    own = {name: [u.labels[name] for u in corpus.utterances if u.partition == TRAIN] for name in ("arousal", "valence")}
    planted = [u.labels[DIMENSION] for u in drawn.corpus.utterances if u.partition == TRAIN]
    assert sorted(own["arousal"]) == sorted(own["valence"]) == sorted(planted)
    assert abs(np.corrcoef(own["arousal"], planted)[0, 1]) < 0.2 and own["arousal"] != own["valence"]


def test_an_interval_of_a_score_holds_it_about_as_often_as_it_says() -> None:
    """A short form of the coverage: 95 % within four Monte Carlo errors."""
    cell = {"measure": "score", "speakers": 20, "sizes": "unequal", "samples": 400, "seeds": 1, "true": [0.6]}
    found = coverage.measure(cell)["found"]["score"]
    assert found["of"] == 400
    assert found["held"] / found["of"] == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 400))


def test_every_measure_is_counted() -> None:
    """Differences, falls, curves and gains give intervals too."""
    cells = {cell["measure"]: {**cell, "samples": 3} for cell in coverage.cells(3)}
    found = {name: coverage.measure(cell)["found"] for name, cell in cells.items()}
    assert {name for own in found.values() for name in own} > {"fall", "difference", "centre", "gain of a layer"}
    assert all(count["held"] <= count["of"] for own in found.values() for count in own.values())


@pytest.mark.parametrize("seeds", [1, 3])
def test_reports_without_a_difference_say_little(seeds: int) -> None:
    """With one seed there is no verdict at all; with three there are margins that hold, and no false claim here."""
    cell = next(c for c in verdicts.cells(32) if c["truth"] == "no difference" and c["seeds"] == seeds)
    found = verdicts.judge({**cell, "corpora": 8})
    assert found["false holds"] == 0
    assert found["any"] == 0 or seeds > 1


def test_a_large_difference_is_found() -> None:
    """Silence is no virtue: a distilled system that is much worse is said to be."""
    cell = next(c for c in verdicts.cells(32) if c["truth"] == "the distilled is worse" and c["gap"] == 0.12)
    found = verdicts.judge({**cell, "gap": 0.3, "corpora": 8})
    assert found["found"] == found["tested"] == 16


def test_finished_trials_are_kept(tmp_path: Path) -> None:
    """A second run makes only what is not finished; a line cut off by a kill, or damaged, is made again."""
    made: list[Any] = []

    def trial(identity: Any) -> dict[str, Any]:
        made.append(identity["number"])
        return {"double": 2 * identity["number"]}

    path = tmp_path / "kept" / "part.jsonl"
    assert Trials(path).run([{"number": 1}], trial) == [{"number": 1, "double": 2}]
    other = json.dumps({"key": '{"number": 2}', "result": {"number": 3, "double": 7}})  # a line of two trials
    path.write_text(
        "\n".join([path.read_text(), "[]", "7", '{"key": 1}', "[" * 9999, other, '{"key": "{\\"number\\": 2}'])
    )
    found = Trials(path).run([{"number": 1}, {"number": 2}], trial)
    assert [one["double"] for one in found] == [2, 4] and made == [1, 2]
    assert Trials(path).run([{"number": 2}], trial)[0]["double"] == 4 and made == [1, 2]


def test_less_patience_stops_where_it_would_have() -> None:
    """The best epoch and the last one, against a plain loop over a long curve."""
    scores = np.random.default_rng(3).standard_normal(60).cumsum().tolist()
    for patience in (1, 5, 20):
        best = last = 0
        for epoch in range(1, len(scores) + 1):
            last = epoch
            best = epoch if not best or scores[epoch - 1] > scores[best - 1] else best
            if epoch - best >= patience:
                break
        assert stopped(scores, patience) == (best, last)


def test_rates_are_counts_with_their_error() -> None:
    """Made-up trials of each kind give the rates that a reader would count, and tables that show them."""
    named = dict.fromkeys(recovery.IMPORTANCES, 4)
    worlds = [
        {"kind": "standard", "planted": 4, "named": named, "set": [4], "largest": [0.5, 0.1]},
        {"kind": "standard", "planted": 5, "named": named, "set": [4, 5, 6], "largest": [0.5, 0.1]},
        {"kind": "standard", "planted": 9, "named": named, "set": [4], "largest": [0.5, 0.1]},
    ]
    score = {"held": 95, "of": 100}
    cells = [{"measure": "score", "speakers": n, "sizes": "equal", "found": {"score": score}} for n in (8, 20, 60)]
    voices = {"labels": "voices alone", "carried": {TEST1: 1, TEST2: 0}, "claims": 0}
    table = results.rates({"recovery": worlds, "coverage": cells, "controls": [voices]})
    own = table.set_index(["quantity", "setting"])
    assert own.loc[("ridge R²: exact", "standard")].rate == pytest.approx(1 / 3)
    assert own.loc[("ridge R²: within one layer", "standard")].hits == 2
    assert own.loc[("95 % confidence set holds the layer", "standard")].hits == 2
    assert own.loc[("median size of the confidence set", "standard")].value == 1
    assert own.loc[("score", "8 speakers, equal sizes")].error == pytest.approx(np.sqrt(0.95 * 0.05 / 100))
    assert own.loc[("some dimension said to be carried on test1", "voices alone")].rate == 1
    text = "\n".join(tables.markdown(table))
    assert "33 (67) %" in text and "95.0 %" in text


@pytest.mark.skipif(not (FIGURES / tables.FILE).is_file(), reason="the figures are not those of the built-in world")
def test_the_committed_calibration_is_in_full() -> None:
    """What the README shows has the Monte Carlo sizes that it claims."""
    table = pd.read_csv(FIGURES / tables.FILE)
    reports = table[(table.part == "verdicts") & table.quantity.str.contains("systems: a false")]
    several = reports.setting.str.contains("no difference") & ~reports.setting.str.contains("one seed")
    assert (reports[several].of >= 1000).all() and several.any()
    scores = table[(table.part == "coverage") & (table.quantity == "score")]
    assert (scores.of >= 2000).all() and len(scores)
    assert (table[(table.part == "recovery") & (table.setting == "standard")].of.dropna() >= 100).all()
