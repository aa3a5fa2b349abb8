from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probing.extraction.plan import PLAN, Part, kept_plan, make_plan, settle_plan
from probing.files import digest

RATE = 16_000
lengths = st.dictionaries(st.text("abcäß/ -0123", min_size=1, max_size=4), st.integers(400, 10 * RATE), max_size=40)
some_lengths = lengths.filter(lambda samples: len(samples) >= 6)
budgets = st.sampled_from([0.5, 1.0, 7.5, 60.0])


def ids(plan: tuple[Part, ...]) -> list[str]:
    """Every utterance of a plan, in order."""
    return [id_ for part in plan for id_ in part.ids]


def finish(folder: Path, parts: tuple[Part, ...]) -> None:
    """Put a file in each part's place, as a finished extraction of it would."""
    for part in parts:
        (folder / part.name).touch()


def fewer(samples: dict[str, int], left_out: int) -> dict[str, int]:
    """The same without the first few ids in alphabetical order, whatever their lengths."""
    return {id_: samples[id_] for id_ in sorted(samples)[left_out:]}


@given(lengths, budgets, budgets)
def test_every_utterance_is_planned_once(samples: dict[str, int], batch_seconds: float, part_seconds: float) -> None:
    """Each utterance stands in exactly one batch of one part, and no batch or part is empty."""
    plan = make_plan(samples, batch_seconds, part_seconds)
    assert sorted(ids(plan)) == sorted(samples)
    assert all(part.batches and all(part.batches) for part in plan)
    assert [part.name for part in plan] == [f"part-{number:05d}.h5" for number in range(len(plan))]
    assert [part.number for part in plan] == list(range(len(plan)))


@given(lengths, budgets, budgets)
def test_budgets_are_kept(samples: dict[str, int], batch_seconds: float, part_seconds: float) -> None:
    """A batch with its padding stays within its budget unless it is one utterance; a part is the first to reach its."""
    plan = make_plan(samples, batch_seconds, part_seconds)
    for part in plan:
        for batch in part.batches:
            padded = len(batch) * max(samples[id_] for id_ in batch)
            assert len(batch) == 1 or padded <= batch_seconds * RATE
        total = [samples[id_] for id_ in part.ids]
        assert sum(total[:-1]) < part_seconds * RATE
        assert sum(total) >= part_seconds * RATE or part is plan[-1]


@given(lengths, budgets, budgets)
def test_batches_are_full(samples: dict[str, int], batch_seconds: float, part_seconds: float) -> None:
    """A batch ends only where the part's next utterance would break its budget: the budget is used."""
    for part in make_plan(samples, batch_seconds, part_seconds):
        for batch, following in zip(part.batches, part.batches[1:], strict=False):
            longest = max(samples[id_] for id_ in (*batch, following[0]))
            assert (len(batch) + 1) * longest > batch_seconds * RATE


@given(lengths, budgets, budgets)
def test_the_longest_comes_first(samples: dict[str, int], batch_seconds: float, part_seconds: float) -> None:
    """Lengths only fall along the plan, so that what does not fit into memory shows in the first batch."""
    planned = [samples[id_] for id_ in ids(make_plan(samples, batch_seconds, part_seconds))]
    assert planned == sorted(samples.values(), reverse=True)


def test_parts_of_a_large_corpus_grow() -> None:
    """Without an option a part is ten minutes of audio, and a corpus of 1000 hours has some 500 larger ones."""
    minute = 60 * RATE
    assert [len(part.ids) for part in make_plan({f"{n}": minute for n in range(25)}, 240)] == [10, 10, 5]
    large = make_plan({f"{n}": minute for n in range(60_000)}, 240)
    assert 490 <= len(large) <= 500


@given(samples=some_lengths, recordings=st.integers(1, 5), part_seconds=st.sampled_from([3.0, 20.0, 600.0]))
def test_segments_of_a_recording_are_together(samples: dict[str, int], recordings: int, part_seconds: float) -> None:
    """Each recording is in as few parts as its length allows and, at a border, one more; in each it is one stretch."""
    places = {id_: (f"r{n % recordings}", float(n)) for n, id_ in enumerate(sorted(samples))}
    plan = make_plan(samples, 2, part_seconds, places)
    assert sorted(ids(plan)) == sorted(samples)
    assert make_plan(dict(reversed(samples.items())), 2, part_seconds, places) == plan
    for recording in {name for name, _ in places.values()}:
        own = [{id_ for id_ in part.ids if places[id_][0] == recording} for part in plan]
        length = sum(samples[id_] for id_ in set.union(*own)) / RATE
        assert sum(map(bool, own)) <= length // part_seconds + 2
        starts = [sorted(places[id_][1] for id_ in ids_) for ids_ in own if ids_]
        assert all(before[-1] < after[0] for before, after in pairwise(starts))
    longest = min(samples, key=lambda id_: (-samples[id_], id_))
    assert places[longest][0] in {places[id_][0] for id_ in plan[0].ids}
    for part in plan:
        assert [samples[id_] for id_ in part.ids] == sorted((samples[id_] for id_ in part.ids), reverse=True)


@given(lengths, budgets, st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_the_corpus(
    samples: dict[str, int], batch_seconds: float, random: object
) -> None:
    """The same utterances in any order, equal lengths among them, give the same plan."""
    shuffled = list(samples)
    random.shuffle(shuffled)
    coarse = {id_: length // RATE for id_, length in samples.items()}  # many of equal length
    assert make_plan({id_: coarse[id_] for id_ in shuffled}, batch_seconds, 3) == make_plan(coarse, batch_seconds, 3)


@settings(deadline=None)
@given(some_lengths, budgets, st.data())
def test_a_plan_outlives_any_kill(samples: dict[str, int], batch_seconds: float, data: st.DataObject) -> None:
    """Whichever parts are finished, the plan stays the same to its last batch."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "parts"
        plan = settle_plan(folder, samples, batch_seconds, 3)
        assert plan == make_plan(samples, batch_seconds, 3)
        for _ in range(3):
            finish(folder, tuple(part for part in plan if data.draw(st.booleans())))
            assert settle_plan(folder, dict(reversed(samples.items())), batch_seconds, 3) == plan


@settings(deadline=None)
@given(some_lengths, st.data())
def test_a_corpus_may_grow(samples: dict[str, int], data: st.DataObject) -> None:
    """Finished parts stay as they are; all other utterances get parts with numbers that were never used."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        before = settle_plan(folder, fewer(samples, 3), 1, 3)
        done = tuple(part for part in before if data.draw(st.booleans()))
        finish(folder, done)
        after = settle_plan(folder, samples, 1, 3)
        assert after[: len(done)] == done
        assert sorted(ids(after)) == sorted(samples)
        assert not {part.name for part in after[len(done) :]} & {part.name for part in before}
        assert settle_plan(folder, samples, 1, 3) == after


@settings(deadline=None)
@given(some_lengths, st.data())
def test_options_may_change(samples: dict[str, int], data: st.DataObject) -> None:
    """With another batch budget finished parts stay, and the rest is planned with the new one."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        before = settle_plan(folder, samples, 60, 3)
        done = tuple(part for part in before if data.draw(st.booleans()))
        finish(folder, done)
        after = settle_plan(folder, samples, 0.5, 3)
        rest = {id_: length for id_, length in samples.items() if id_ not in ids(done)}
        if rest:
            assert after == done + make_plan(rest, 0.5, 3, first=len(before))
        else:
            assert after == before


def test_a_finished_extraction_stays_whatever_the_options(tmp_path: Path) -> None:
    """Where nothing is left to do, no plan is made and none is written."""
    samples = {"a": RATE, "b": 2 * RATE, "c": 3 * RATE}
    plan = settle_plan(tmp_path, samples, 1, 3)
    finish(tmp_path, plan)
    written = (tmp_path / PLAN).read_bytes()
    assert settle_plan(tmp_path, samples, 240, None) == plan
    assert settle_plan(tmp_path, {"b": 2 * RATE}, 1, 3) == plan
    assert (tmp_path / PLAN).read_bytes() == written


def test_a_part_that_was_deleted_is_planned_as_before(tmp_path: Path) -> None:
    """Deleting a damaged part brings back that part alone, with its number and its batches."""
    samples = {f"u{n}": (n + 1) * RATE for n in range(6)}
    plan = settle_plan(tmp_path, samples, 4, 5)
    finish(tmp_path, plan)
    (tmp_path / plan[1].name).unlink()
    assert settle_plan(tmp_path, samples, 4, 5) == plan


NAMES = [
    "../../part-00000.h5",
    "/tmp/part-00000.h5",
    "part-0.h5",
    "part-00000.h5/../x.h5",
    "",
    "part-x.h5",
    "part-٠٠٠٠٠.h5",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_plan_names_a_file_outside_of_the_cache(tmp_path: Path, name: str) -> None:
    """A part is called part- and a number; a plan that calls one otherwise is as good as none, checked or not."""
    kept = {"parts": {name: [["a"]]}, "options": {"batch_seconds": 1, "part_seconds": None}}
    (tmp_path / PLAN).write_text(json.dumps(kept))
    assert kept_plan(tmp_path) == ()
    (tmp_path / PLAN).write_text(json.dumps(kept | {"check": digest([kept["options"], [[name, [["a"]]]]])}))
    assert kept_plan(tmp_path) == () and settle_plan(tmp_path, {"a": RATE}, 1) == make_plan({"a": RATE}, 1)


def test_a_plan_that_changed_is_made_again(tmp_path: Path) -> None:
    """Any byte of it: the plan is the same as before, or is seen to be damaged and made again."""
    samples = {f"u{n}": (n + 1) * RATE for n in range(4)}
    plan = settle_plan(tmp_path, samples, 4, 5)
    whole = (tmp_path / PLAN).read_bytes()
    for where in range(len(whole)):
        (tmp_path / PLAN).write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
        assert kept_plan(tmp_path) in (plan, ())
        assert settle_plan(tmp_path, samples, 4, 5) == plan


def test_a_plan_of_version_0_1_0_is_followed(tmp_path: Path) -> None:
    """It has no check, and is kept as it is."""
    plan = settle_plan(tmp_path, {"a": RATE, "b": RATE}, 1, 3)
    kept = json.loads((tmp_path / PLAN).read_text("utf-8"))
    del kept["check"]
    (tmp_path / PLAN).write_text(json.dumps(kept))
    assert settle_plan(tmp_path, {"a": RATE, "b": RATE}, 1, 3) == plan
    assert "check" not in json.loads((tmp_path / PLAN).read_text("utf-8"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"parts": {"part-00000.h5": [["a", "a"]]}, "options": {}}'])
def test_a_hostile_plan_is_made_again(tmp_path: Path, text: str) -> None:
    """One that is nested without end, or has an utterance twice."""
    (tmp_path / PLAN).write_text(text)
    assert settle_plan(tmp_path, {"a": RATE}, 1) == make_plan({"a": RATE}, 1)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"parts": {}}', '{"parts": [], "options": {}}', '{"parts": {"a": 1}, "options": {}}', "ÿ"],
)
def test_a_damaged_plan_is_made_again(tmp_path: Path, text: str) -> None:
    """A plan that cannot be read is no loss: where there is no part yet, it is made anew."""
    (tmp_path / PLAN).write_bytes(text.encode("latin-1"))
    assert settle_plan(tmp_path, {"a": RATE}, 1) == make_plan({"a": RATE}, 1)
    assert json.loads((tmp_path / PLAN).read_text("utf-8"))["parts"] == {"part-00000.h5": [["a"]]}


def test_a_plan_is_written_aside(tmp_path: Path) -> None:
    """The plan is a JSON file that people can read, with unicode ids as they are and nothing left beside it."""
    settle_plan(tmp_path, {"Käthe/1": RATE}, 1, 3)
    assert [entry.name for entry in tmp_path.iterdir()] == [PLAN]
    kept = json.loads((tmp_path / PLAN).read_text("utf-8"))
    assert kept["parts"] == {"part-00000.h5": [["Käthe/1"]]}
    assert "Käthe/1" in (tmp_path / PLAN).read_text("utf-8")
