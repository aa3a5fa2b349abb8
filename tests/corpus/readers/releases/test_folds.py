"""Each session is the unseen one in one fold, the one before it is development, and all must be there."""

from __future__ import annotations

import pytest
from corpora import names_all, refusal

from probing.corpus.readers.releases.folds import Fold, settle_fold
from probing.errors import CorpusError


@pytest.mark.parametrize("sessions", [3, 5, 6])
def test_each_session_is_test2_once_and_development_once(sessions):
    """And train in all other folds."""
    splits = [[Fold(k, sessions).partition(s) for s in range(1, sessions + 1)] for k in range(1, sessions + 1)]
    for session in range(sessions):
        parts = [split[session] for split in splits]
        assert sorted(parts) == ["development", "test2"] + ["train"] * (sessions - 2)
        assert parts.index("test2") == session


@pytest.mark.parametrize(("fold", "development"), [(1, 5), (2, 1), (5, 4)])
def test_development_is_the_session_before(fold, development):
    """Before the first comes the last."""
    assert Fold(fold, 5).development == development
    assert f"Session {fold} is test2" in Fold(fold, 5).note()


def test_no_fold_asked_for_is_the_last():
    """Session 5 of IEMOCAP, as in the literature."""
    assert settle_fold(None, 5) == settle_fold(5, 5) == Fold(5, 5)


@pytest.mark.parametrize("number", [0, -1, 6])
def test_a_fold_that_there_is_not_is_refused(number):
    """With the option and the folds that there are."""
    assert names_all(refusal(CorpusError, "fold", settle_fold, number, 5), f"--fold {number}", "1 to 5")


def test_missing_sessions_are_named():
    """A whole release passes; of others the missing sessions are named."""
    fold = Fold(5, 5)
    fold.demand_all({1, 2, 3, 4, 5}, "here", "turns")
    assert names_all(
        refusal(CorpusError, "session-missing", fold.demand_all, {1, 3, 5}, "here", "turns"), "Session 2, Session 4"
    )
