"""Classes that train or development lacks are named, since they count in UAR although nothing learned them."""

from __future__ import annotations

from collections.abc import Iterable

from probing.corpus.model import Corpus, Utterance
from probing.corpus.untaught import untaught, untaught_in_folds


def _corpus(rows: Iterable[tuple[str, str | None]]) -> Corpus:
    """Partition and class of each utterance."""
    return Corpus(
        "made-up",
        (1.0, 7.0),
        tuple(
            Utterance(f"u{i}", None, partition, f"s{i}", categories={"emotion": name} if name else {})
            for i, (partition, name) in enumerate(rows)
        ),
    )


def _partitions(**classes: str) -> Corpus:
    """Of each partition an utterance for each letter, which is its class; `-` has none."""
    return _corpus((p, None if name == "-" else name) for p, names in classes.items() for name in names)


def test_classes_that_train_or_development_lacks_are_named() -> None:
    """Each with what follows from it; where they have all of them, there is nothing to say."""
    train, development = untaught(_partitions(train="aabb-", development="aac", test1="ab", test2="abcd"), ["emotion"])
    assert train.startswith("2 classes of emotion are not in train") and train.endswith("c, d")
    assert development.startswith("2 classes of emotion are not in development") and development.endswith("b, d")
    assert not [*untaught(_partitions(train="ab", development="ab", test2="ab"), ["emotion", "valence"])]
    assert not [*untaught(_partitions(train="ab", development="aa", test2="ab"), ["valence"])]


def test_a_class_of_one_speaker_is_named_of_all_folds() -> None:
    """One that is tested in two folds is learned in both; one of a single fold never is where it is tested."""
    parts = ("abc", "ab", "ab", "abd")
    folds = []
    for tested in range(len(parts)):
        named = dict.fromkeys(range(len(parts)), "train") | {(tested + 1) % 4: "development", tested: "test2"}
        folds.append(_corpus((named[place], name) for place, names in enumerate(parts) for name in names))
    (line,) = untaught_in_folds(folds, ["emotion", "valence"])
    assert line.startswith("2 classes of emotion are tested") and line.endswith("c (1 fold), d (1 fold)")
    assert not [*untaught_in_folds(folds[1:3], ["emotion"])]
