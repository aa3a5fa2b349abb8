"""Checkpoints: only whole ones are resumed, with the numbers of a training that nothing has disturbed."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_systems import same_weights, trained

from probing.runs.records import FinetuneRecord
from probing.training import checkpoints
from probing.training import finetune as module
from probing.training.checkpoints import DIGESTS, STATE, damaged, prune, resumable, seal, unsealed
from probing.training.progress import Progress


def saved(folder: Path, step: int, best: int, whole: bool = True) -> Path:
    """A checkpoint of two files."""
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "optimizer.pt").write_bytes(bytes(range(64)))
    (checkpoint / STATE).write_text(json.dumps({"global_step": step, "best_global_step": best}))
    if whole:
        seal(checkpoint)
    return checkpoint


def test_a_checkpoint_that_was_not_sealed_is_passed_over(tmp_path: Path) -> None:
    """A kill came while it was written, or while an old one was deleted; it goes, and the one before it counts."""
    saved(tmp_path, 2, 2, whole=False)
    saved(tmp_path, 4, 4)
    saved(tmp_path, 6, 4)
    saved(tmp_path, 8, 8, whole=False)
    (tmp_path / "checkpoint-10").mkdir()
    assert resumable(tmp_path) == tmp_path / "checkpoint-6"
    assert not (tmp_path / "checkpoint-8").exists() and not (tmp_path / "checkpoint-10").exists()
    assert damaged(tmp_path) == []  # an ordinary kill
    assert resumable(tmp_path / "nothing") is None


@pytest.mark.parametrize("what", ["changed", "cut", "missing", "more", "digests", "state"])
def test_a_checkpoint_that_has_changed_is_passed_over(tmp_path: Path, what: str) -> None:
    """It is remembered, for the record; the one before it counts."""
    saved(tmp_path, 4, 4)
    newest = saved(tmp_path, 6, 4)
    file = newest / "optimizer.pt"
    if what == "changed":
        file.write_bytes(bytes(64))
    elif what == "cut":
        file.write_bytes(bytes(range(32)))
    elif what == "missing":
        file.unlink()
    elif what == "more":
        (newest / "pytorch_model.bin").write_bytes(b"other weights")
    elif what == "digests":
        (newest / DIGESTS).write_text('{"files": ')
    else:
        (newest / STATE).write_text("{}")
    assert resumable(tmp_path) == tmp_path / "checkpoint-4"
    assert damaged(tmp_path) == [6] and not newest.exists()


def test_a_checkpoint_needs_that_of_its_best_state(tmp_path: Path) -> None:
    """Without it the training would end with other weights."""
    saved(tmp_path, 2, 2)
    best = saved(tmp_path, 4, 4)
    saved(tmp_path, 6, 4)
    (best / "optimizer.pt").write_bytes(bytes(64))
    assert resumable(tmp_path) == tmp_path / "checkpoint-2"
    assert sorted(path.name for path in tmp_path.glob("*-*")) == ["checkpoint-2", "damaged-4"]


def there(folder: Path) -> dict[str, bool]:
    """Name of each checkpoint, also of those set aside → whether its files are there."""
    return {path.name: (path / "optimizer.pt").exists() for path in folder.glob("*-*")}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("reader", ["read_json", "file_digest", "state_of"])
def test_a_checkpoint_that_cannot_be_read_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, number: int
) -> None:
    """Too many open files, a disk that does not answer: it may be whole, so the command ends and all stays."""
    for step in (20, 40):
        saved(tmp_path, step, 20)

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, reader, fails)
        with pytest.raises(OSError, match=re.escape(os.strerror(number))):
            resumable(tmp_path)
        if reader == "state_of":
            with pytest.raises(OSError, match=re.escape(os.strerror(number))):
                prune(tmp_path)
    assert there(tmp_path) == {"checkpoint-20": True, "checkpoint-40": True}
    assert resumable(tmp_path) == tmp_path / "checkpoint-40"


def test_nothing_is_deleted_before_a_whole_one_is_known(tmp_path: Path) -> None:
    """The newest is damaged, and the one before it cannot be read: perhaps the damaged one is all that there is."""
    first, newest = saved(tmp_path, 20, 20), saved(tmp_path, 40, 20)
    (newest / "optimizer.pt").write_bytes(b"other")
    shutil.rmtree(first)
    (tmp_path / "checkpoint-20").mkdir()
    (tmp_path / f"checkpoint-20/{DIGESTS}").symlink_to(DIGESTS)  # round in a circle: an error that is not of absence
    with pytest.raises(OSError, match=DIGESTS):
        resumable(tmp_path)
    assert there(tmp_path) == {"checkpoint-20": False, "checkpoint-40": True}


def test_damaged_checkpoints_are_set_aside_where_none_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The training begins anew; they stay until it has ended, also one whose best state alone is damaged."""
    best, _ = saved(tmp_path, 20, 20), saved(tmp_path, 40, 20)
    (best / "optimizer.pt").write_bytes(b"other")
    assert resumable(tmp_path) is None and damaged(tmp_path) == [20, 40]
    assert there(tmp_path) == {"damaged-20": True, "damaged-40": True}
    assert "kept as damaged-40" in capsys.readouterr().err


def test_checkpoints_of_an_earlier_version_are_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They have no digests, so nobody knows whether they are whole: not resumed, not deleted, and remembered."""
    for step in (20, 40):
        saved(tmp_path, step, 20, whole=False)
    assert resumable(tmp_path) is None and unsealed(tmp_path) == [20, 40] and damaged(tmp_path) == []
    assert there(tmp_path) == {"unsealed-20": True, "unsealed-40": True}
    assert "kept as unsealed-40" in capsys.readouterr().err
    saved(tmp_path, 20, 20)
    saved(tmp_path, 40, 20, whole=False)  # of this version, which was killed before it had sealed it
    assert resumable(tmp_path) == tmp_path / "checkpoint-20" and unsealed(tmp_path) == [20, 40]


def test_a_kill_before_the_first_checkpoint_is_whole_is_no_earlier_version(tmp_path: Path) -> None:
    """A training of this version that has begun says so in its folder."""
    assert resumable(tmp_path) is None
    saved(tmp_path, 20, 20, whole=False)
    assert resumable(tmp_path) is None and unsealed(tmp_path) == [] and there(tmp_path) == {}


def test_what_either_of_the_newest_two_needs_is_kept(tmp_path: Path) -> None:
    """At most three: the newest, the one before it, and the best until then."""
    for step, best, kept in ((2, 2, [2]), (4, 2, [2, 4]), (6, 2, [2, 4, 6]), (8, 8, [2, 6, 8]), (10, 8, [8, 10])):
        saved(tmp_path, step, best)
        prune(tmp_path)
        assert sorted(int(path.name.partition("-")[2]) for path in tmp_path.iterdir()) == kept


HOW: dict[str, Any] = {"max_steps": 7, "evaluate_every": 2, "dropout": 0.2}  # 3 steps an epoch
SYSTEM = "bert"


@pytest.fixture(scope="module")
def spared(places: Path) -> FinetuneRecord:
    """A training that nothing has disturbed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(places)
        return trained(SYSTEM, "spared", **HOW)


def interrupted_at(step: int, name: str) -> Path:
    """Train until a step is to be made; where its checkpoints are."""

    def begun(self: Progress, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == step:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Progress, "on_step_begin", begun)
        trained(SYSTEM, name, **HOW)
    return Path("runs") / name / ".seed0"


def interrupted_at_the_end(name: str, **how: Any) -> None:
    """Train, but do not save what has been trained."""
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, "finish_seed", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        trained(SYSTEM, name, **{**HOW, **how})


def assert_same(record: FinetuneRecord, spared: FinetuneRecord) -> None:
    """Weights, history and scores are those of an undisturbed training."""
    assert same_weights(record.folder / "seed0", spared.folder / "seed0") and record.scores == spared.scores
    histories = [pd.read_csv(one.folder / "seed0/history.csv") for one in (record, spared)]
    assert list(histories[0]) == list(histories[1])
    pd.testing.assert_frame_equal(*(history[["step", "loss", "eval_ccc"]] for history in histories))
    steps = [(one.trainings[0]["steps"], one.trainings[0]["best_step"]) for one in (record, spared)]
    assert steps[0] == steps[1] and not list(record.folder.glob(".seed*"))


SELDOM = [pytest.param(name, marks=pytest.mark.slow) for name in ("scheduler.pt", "model.safetensors", STATE)]


@pytest.mark.parametrize("file", ["optimizer.pt", "rng_state.pth", *SELDOM])
def test_a_training_never_goes_on_with_other_numbers(
    file: str, spared: FinetuneRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is missing of the newest checkpoint: stderr and the record say what was resumed."""
    name = f"lacks-{file}"
    work = interrupted_at(5, name)
    assert sorted(path.name for path in work.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    (work / "checkpoint-4" / file).unlink()
    record = trained(SYSTEM, name, **HOW)
    assert_same(record, spared)
    assert "checkpoint-2" in capsys.readouterr().err and any("step 4 was damaged" in note for note in record.notes)
    assert not any("damaged" in note for note in spared.notes)


def test_a_folder_that_is_moved_is_resumed(spared: FinetuneRecord) -> None:
    """Trainer's state names its best checkpoint by the old path."""
    interrupted_at_the_end("here")
    shutil.move("runs/here", "runs/there")
    assert_same(trained(SYSTEM, "there", **HOW), spared)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("all-steps", {}),  # 7 steps end within an epoch
        ("patience", {"max_steps": 60, "evaluate_every": 1, "patience": 1, "lr": 0.5}),
    ],
)
def test_a_training_that_had_ended_is_not_trained_further(
    name: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill before the trained system was saved: not a step is added, nor another best state looked for."""
    undisturbed = trained(SYSTEM, f"{name}-undisturbed", **{**HOW, **how})
    interrupted_at_the_end(name, **how)
    monkeypatch.setattr(Progress, "on_step_begin", lambda *_, **__: pytest.fail("it was trained further"))
    assert_same(trained(SYSTEM, name, **{**HOW, **how}), undisturbed)


def test_no_number_depends_on_processes_that_read_ahead(spared: FinetuneRecord) -> None:
    """Dropout draws from the random numbers that a loader's start draws from; also resumed with another number."""
    assert_same(trained(SYSTEM, "ahead", workers=2, **HOW), spared)
    interrupted_at(5, "mixed")
    assert_same(trained(SYSTEM, "mixed", workers=1, **HOW), spared)
