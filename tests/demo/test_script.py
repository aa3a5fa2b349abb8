"""Who says what and how it is rated: each partition has its speakers, and each dimension its place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from probing.demo import script
from probing.demo.language import sentence_firmness, transcript


def held_out_correlation(features: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Correlation of a ridge regression's predictions with the truth, on the second half of the rows."""
    half = len(target) // 2
    centre, mean = features[:half].mean(axis=0), target[:half].mean()
    x = features - centre
    weights = np.linalg.solve(x[:half].T @ x[:half] + np.eye(x.shape[1]), x[:half].T @ (target[:half] - mean))
    return float(np.corrcoef(x[half:] @ weights, target[half:])[0, 1])


def counts_of(units: list[list[str]]) -> NDArray[np.float64]:
    kinds = sorted({unit for sentence in units for unit in sentence})
    return np.array([[sentence.count(kind) for kind in kinds] for sentence in units], dtype=np.float64)


def test_partitions_have_the_counts_and_speakers_they_should() -> None:
    """792 lines; test1 has the speakers of train, development and test2, with 40 unseen ones, have their own."""
    lines = script.plan()
    assert Counter(line.partition for line in lines) == {"train": 480, "development": 96, "test1": 96, "test2": 120}
    speakers = {p: {line.speaker.name for line in lines if line.partition == p} for p in script.COUNTS}
    assert speakers["test1"] == speakers["train"]
    assert not speakers["test2"] & (speakers["train"] | speakers["development"])
    assert not speakers["development"] & speakers["train"]
    assert len(speakers["test2"]) == 40


def test_unseen_speakers_are_heard_in_other_rooms() -> None:
    """The rooms of test2 ring longer and louder and are noisier than any other."""
    speakers = {line.speaker.name: (line.speaker, line.partition) for line in script.plan()}
    for name in ("room_seconds", "room_level", "floor"):
        unseen = [getattr(speaker, name) for speaker, partition in speakers.values() if partition == "test2"]
        others = [getattr(speaker, name) for speaker, partition in speakers.values() if partition != "test2"]
        assert min(unseen) > max(others)


def test_no_sentence_is_said_twice() -> None:
    """Test sentences are new: every transcript of the corpus is unique, and so is every id."""
    lines = script.plan()
    assert len({transcript(line.words) for line in lines}) == len({line.id for line in lines}) == len(lines)


def test_ratings_follow_the_latent_values_with_noise() -> None:
    """Ratings lie on the scale and correlate with their latent value highly, not perfectly."""
    lines = script.plan()
    ratings = np.array([line.ratings for line in lines])
    latent = np.array([(line.arousal, line.valence, line.dominance) for line in lines])
    assert ratings.min() >= 1 and ratings.max() <= 7
    for dimension in range(3):
        assert 0.9 < np.corrcoef(ratings[:, dimension], latent[:, dimension])[0, 1] < 0.99


def test_valence_is_independent_of_arousal_and_dominance_which_go_together() -> None:
    """Arousal and dominance correlate, valence with neither."""
    lines = script.plan({"train": 3000})
    arousal, valence, dominance = np.array([(line.arousal, line.valence, line.dominance) for line in lines]).T
    assert 0.4 < np.corrcoef(arousal, dominance)[0, 1] < 0.7
    assert abs(np.corrcoef(arousal, valence)[0, 1]) < 0.06
    assert abs(np.corrcoef(dominance, valence)[0, 1]) < 0.06


def test_an_unknown_partition_is_refused() -> None:
    """A partition without a cast is named in the error."""
    with pytest.raises(ValueError, match="test3"):
        script.plan({"train": 1, "test3": 1})


def test_every_mood_of_every_speaker_gives_a_legal_voice() -> None:
    """The most extreme latent values stay within the documented ranges of a voice."""
    for speaker in script.cast():
        for arousal in script.LATENT_RANGE:
            for dominance in script.LATENT_RANGE:
                script.delivery(speaker, arousal, dominance, np.random.default_rng(0))


def test_dominance_is_in_the_voice_and_in_the_words() -> None:
    """Each explains a part of the ratings that the other does not; nothing else does."""
    lines = script.plan({"train": 3000})
    rated = np.array([line.ratings[2] for line in lines])
    voice = np.array([line.voice_dominance for line in lines])
    firmness = np.array([sentence_firmness(line.words) for line in lines])
    assert abs(np.corrcoef(voice, firmness)[0, 1]) < 0.05
    assert 0.7 < np.corrcoef(voice, rated)[0, 1] < 0.85
    assert 0.45 < np.corrcoef(firmness, rated)[0, 1] < 0.65
    assert np.corrcoef(voice + script.DOMINANCE_WORDS * firmness, rated)[0, 1] > 0.95


def test_rare_words_are_said_only_where_they_may_be() -> None:
    """One valenced word in three is rare in test2, none in the other partitions."""
    lines = script.plan({"train": 1000, "development": 100, "test1": 100, "test2": 1000})
    for partition in script.COUNTS:
        valenced = [w for line in lines if line.partition == partition for w in line.words if w.valence]
        share = np.mean([word.rare for word in valenced])
        assert share == pytest.approx(1 / 3, abs=0.04) if partition == "test2" else share == 0


def test_valence_is_in_the_words_and_not_in_the_sounds() -> None:
    """A ridge over word counts predicts rated valence in new sentences; over syllables or pairs of them nothing."""
    lines = script.plan({"train": 6000})
    rated = np.array([line.ratings[1] for line in lines])
    spoken = [[s for word in line.words for s in word.syllables] for line in lines]
    words = counts_of([transcript(line.words).split() for line in lines])
    stressed = counts_of([[word.syllables[0] for word in line.words] for line in lines])
    neighbours = counts_of([["".join(pair) for pair in pairwise(sounds)] for sounds in spoken])
    assert held_out_correlation(words, rated) > 0.9
    for sounds in (counts_of(spoken), stressed, neighbours):
        assert abs(held_out_correlation(sounds, rated)) < 0.08
