"""Estimates and their CCCs as tables, and estimates read back: once, whole, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpora import names_all, refusal
from scipy import stats
from spreads import spread_by_hand

from probing.corpus.model import Corpus, Utterance
from probing.errors import RunError, ScoreError
from probing.files import file_digest
from probing.files.recorded import File
from probing.runs.estimates import seed_of
from probing.runs.scores import (
    Estimator,
    Predictions,
    cluster_counts,
    clusters_of,
    interval_notes,
    labels_digest,
    places,
    predictions_table,
    ratings,
    score_rows,
    scores_table,
    summary,
)


def ccc_by_hand(truth: np.ndarray, found: np.ndarray) -> float:
    """Lin's coefficient as it is defined, with population moments."""
    covariance = ((truth - truth.mean()) * (found - found.mean())).mean()
    return 2 * covariance / (truth.var() + found.var() + (truth.mean() - found.mean()) ** 2)


@pytest.fixture
def corpus() -> Corpus:
    """Sixty utterances of twelve speakers on 1 to 7; one is not rated on valence, test3 on nothing."""
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(60):
        partition = ("train", "test1", "test3")[number % 3]
        labels = {"arousal": rng.uniform(1, 7), "valence": rng.uniform(1, 7)} if partition != "test3" else {}
        labels = {k: v for k, v in labels.items() if (number, k) != (1, "valence")}
        utterances.append(Utterance(f"u{number:02d}", None, partition, f"s{number % 12}", labels))
    return Corpus("c", (1.0, 7.0), tuple(utterances))


@pytest.fixture
def estimates(corpus: Corpus) -> dict[str, dict[Estimator, np.ndarray]]:
    """Two training seeds' estimates of two dimensions, in [0, 1]."""
    rng = np.random.default_rng(1)
    truth = np.nan_to_num(ratings(corpus, ["arousal", "valence"]), nan=0.5)
    return {
        name: {Estimator(f"seed{seed}", seed): truth[:, k] + 0.2 * rng.standard_normal(60) for seed in range(2)}
        for k, name in enumerate(("arousal", "valence"))
    }


# The corpus as arrays


def test_ratings_are_mapped_to_the_unit_interval(corpus: Corpus) -> None:
    """By name and in the order asked for; NaN where there is none."""
    found = ratings(corpus, ["valence", "arousal"])
    assert found.shape == (60, 2)
    assert found[0, 1] == (corpus.utterances[0].labels["arousal"] - 1) / 6
    assert np.isnan(found[1, 0]) and not np.isnan(found[1, 1]) and np.isnan(found[2]).all()


def test_places_are_those_of_a_partition(corpus: Corpus) -> None:
    """Every third utterance; none of a partition that is not there."""
    assert places(corpus, "test1").tolist() == list(range(1, 60, 3))
    assert places(corpus, "test2").tolist() == []


def test_intervals_are_by_speaker_or_utterance(corpus: Corpus) -> None:
    """Where one speaker of a partition is not named, the partition's intervals are by utterance, and a note says so."""
    assert cluster_counts(corpus)["train"] == {"by": "speaker", "number": 4}
    unnamed = Corpus("c", (0, 1), (Utterance("a", None, "test1"), Utterance("b", None, "test1", "s")))
    assert clusters_of(unnamed) == ["utterance:a", "s"]
    assert cluster_counts(unnamed) == {"test1": {"by": "utterance", "number": 2}}
    (note,) = interval_notes(unnamed)
    assert note.startswith("test1") and "by utterance" in note
    notes = interval_notes(corpus)  # four speakers in each partition
    assert [note.partition(":")[0] for note in notes] == ["train", "test1", "test3"]
    assert all("4 speakers" in note and "8 speakers" in note for note in notes)
    (alone,) = interval_notes(Corpus("c", (0, 1), (Utterance("a", None, "test1", "s"),)))
    assert "no intervals" in alone
    many = Corpus("c", (0, 1), tuple(Utterance(f"u{i}", None, "train", f"s{i}") for i in range(8)))
    assert interval_notes(many) == []


def test_the_labels_digest_knows_what_is_learned(corpus: Corpus) -> None:
    """Ids, partitions, speakers and the ratings asked for, whatever their order; not the text."""
    one = labels_digest(corpus, ["valence", "arousal"])
    assert one == labels_digest(corpus, ["arousal", "valence"]) != labels_digest(corpus, ["arousal"])
    first, *others = corpus.utterances
    for changes, same in (({"text": "x"}, True), ({"speaker": "x"}, False), ({"labels": {"arousal": 1.0}}, False)):
        changed = Utterance(**{**vars(first), **changes})
        other = Corpus("c", corpus.scale, (changed, *others))
        assert (labels_digest(other, ["arousal", "valence"]) == one) is same


# Tables


def test_predictions_are_on_the_corpus_own_scale(corpus: Corpus, estimates: dict) -> None:
    """A row for each utterance and dimension, also of those without a rating."""
    table = predictions_table(corpus, estimates)
    assert list(table.columns) == ["id", "partition", "speaker", "dimension", "truth", "seed0", "seed1"]
    assert len(table) == 120 and list(table.dimension[:60]) == ["arousal"] * 60
    assert table.seed1[60 + 4] == pytest.approx(1 + 6 * list(estimates["valence"].values())[1][4])
    assert table.truth[0] == corpus.utterances[0].labels["arousal"]
    assert table.truth.isna().sum() == 2 * 20 + 1


def test_scores_are_concordance_coefficients_over_the_rated_utterances(corpus: Corpus, estimates: dict) -> None:
    """Written out by hand; a partition without ratings has no row."""
    table = scores_table(corpus, estimates)
    assert list(table.columns) == "dimension seed partition n ccc low high mean_low mean_high".split()
    assert list(dict.fromkeys(table.partition)) == ["train", "test1"]
    for row in table.itertuples():
        members = places(corpus, row.partition)
        truth = ratings(corpus, [row.dimension])[members, 0]
        found = estimates[row.dimension][Estimator(f"seed{row.seed}", row.seed)][members]
        rated = np.isfinite(truth)
        assert row.n == rated.sum() and row.ccc == pytest.approx(ccc_by_hand(truth[rated], found[rated]), abs=1e-12)
        assert row.low < row.ccc < row.high and row.mean_low < row.mean_high
    assert table[(table.dimension == "valence") & (table.partition == "test1")].n.tolist() == [19, 19]


def test_probes_of_one_kind_and_layer_share_a_mean_interval(corpus: Corpus, estimates: dict) -> None:
    """And their scores say kind and layer."""
    first, second = estimates["arousal"].values()
    probes = {
        Estimator("weighted-seed0", 0, "weighted"): first,
        Estimator("weighted-seed1", 1, "weighted"): second,
        Estimator("layer3-seed0", 0, "single", 3): first,
    }
    table = scores_table(corpus, {"arousal": probes})
    own = table[table.partition == "train"].set_index(["kind", "seed"])
    assert own.mean_low["weighted", 0] == own.mean_low["weighted", 1] != own.mean_low["single", 0]
    assert own.layer["single", 0] == 3 and pd.isna(own.layer["weighted", 0])
    assert own.mean_low["single", 0] == own.low["single", 0]


def test_the_interval_of_the_mean_includes_the_spread_over_seeds(corpus: Corpus, estimates: dict) -> None:
    """By SciPy's Student's t on Fisher's z, from scores without each speaker in plain loops."""
    row = scores_table(corpus, estimates).iloc[0]  # arousal on train
    members = places(corpus, "train")
    truth, found = ratings(corpus, ["arousal"])[members, 0], [own[members] for own in estimates["arousal"].values()]
    speakers = np.array([corpus.utterances[i].speaker for i in members])
    left = np.array([[ccc_by_hand(truth[speakers != s], p[speakers != s]) for s in np.unique(speakers)] for p in found])
    scores = np.array([ccc_by_hand(truth, own) for own in found])
    for number in (1, 2):
        trainings = [(np.arctanh(scores[:number]), np.arctanh(left[:number]))]
        variance, df = spread_by_hand(np.arctanh(left[:number].mean(0)), [5] * 4, trainings)
        ends = np.tanh(stats.t.interval(0.95, df, np.arctanh(scores[:number].mean()), np.sqrt(variance)))
        assert tuple(ends) == pytest.approx((row.low, row.high) if number == 1 else (row.mean_low, row.mean_high))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_estimate_that_is_no_number_is_an_error(corpus: Corpus, estimates: dict, number: float) -> None:
    """A training that has diverged is not scored; dimension and partition are named."""
    broken = dict(estimates["valence"])
    broken[Estimator("seed1", 1)] = np.full(60, number)
    error = refusal(
        ScoreError, "not-finite", scores_table, corpus, {"arousal": estimates["arousal"], "valence": broken}
    )
    assert names_all(error, "valence", "train")


def test_one_speaker_alone_has_no_interval(corpus: Corpus, estimates: dict) -> None:
    """One cluster says nothing about the spread."""
    alone = Corpus(
        "c", corpus.scale, tuple(Utterance(u.id, None, u.partition, "s", u.labels) for u in corpus.utterances)
    )
    table = scores_table(alone, estimates)
    assert table[["low", "high", "mean_low", "mean_high"]].isna().all(axis=None) and table.ccc.notna().all()


def test_a_summary_is_the_mean_and_spread_over_seeds(corpus: Corpus, estimates: dict) -> None:
    """With the interval of the mean; as a record keeps it, what is not there is None."""
    table = scores_table(corpus, estimates)
    (row, *_) = summary(table).to_dict("records")
    own = table[(table.dimension == "arousal") & (table.partition == "train")]
    assert row["ccc"] == pytest.approx(own.ccc.mean()) and row["sd"] == pytest.approx(own.ccc.std(ddof=1))
    assert (row["low"], row["high"], row["n"]) == (own.mean_low.iloc[0], own.mean_high.iloc[0], 20)
    single = score_rows(summary(table[table.seed == 0]))
    assert all(found["sd"] is None and found["ccc"] == round(found["ccc"], 6) for found in single)


# Estimates read back


@pytest.fixture
def written(corpus: Corpus, estimates: dict, tmp_path: Path) -> Path:
    """The file predictions.csv of a run."""
    path = tmp_path / "predictions.csv"
    predictions_table(corpus, estimates).to_csv(path, index=False, float_format="%.7g")
    return path


def files_of(path: Path) -> dict[str, File]:
    """What a record says of its files."""
    return {path.name: File(path.stat().st_size, file_digest(path))}


def test_a_sample_is_what_was_estimated(corpus: Corpus, estimates: dict, written: Path) -> None:
    """The rated utterances by id, each seed's estimates, and their speakers."""
    sample = Predictions(written, files_of(written)).sample("valence", "test1")
    rated = [u for u in corpus.partitions["test1"] if "valence" in u.labels]
    assert sample.ids == tuple(u.id for u in rated) and sample.seeds == (0, 1)
    assert sample.clusters == tuple(u.speaker for u in rated)
    assert sample.truth_N == pytest.approx(np.array([u.labels["valence"] for u in rated]), rel=1e-6)
    found = [1 + 6 * values[[int(u.id[1:]) for u in rated]] for values in estimates["valence"].values()]
    assert sample.estimates_SN == pytest.approx(np.array(found), rel=1e-6)


def test_the_file_is_read_once_and_each_sample_made_once(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is deleted in between."""
    read, calls = pd.read_csv, []
    monkeypatch.setattr(pd, "read_csv", lambda *args, **options: (calls.append(args), read(*args, **options))[1])
    found = Predictions(written)
    assert calls == []
    one = found.sample("valence", "test1")
    written.unlink()
    assert found.sample("valence", "test1") is one
    assert found.sample("arousal", "train") is found.sample("arousal", "train") is not one
    assert len(calls) == 1


def test_words_that_pandas_takes_for_missing_are_ids_and_speakers(tmp_path: Path) -> None:
    """Only a blank speaker is none: then the utterance is its own cluster."""
    path = tmp_path / "predictions.csv"
    lines = ["NA,t,None,d,1,1", "null,t,,d,2,2", "007,t,nan,d,3,3", "nan,t,1,d,,4"]
    path.write_text("\n".join(["id,partition,speaker,dimension,truth,seed0", *lines]) + "\n")
    sample = Predictions(path).sample("d", "t")
    assert sample.ids == ("007", "NA", "null")
    assert sample.clusters == ("nan", "None", "utterance:null")


def test_a_file_that_is_missing_or_not_the_run_s_own_is_refused(written: Path) -> None:
    """By the digests in the record; a run of version 0.1.0 has none, and is read as it is."""
    known = files_of(written)
    with written.open("a") as file:
        file.write("x,train,s,arousal,1,1,1\n")
    for files in (known, {}):
        refusal(RunError, "run-incomplete", Predictions(written, files).sample, "arousal", "train")
    assert len(Predictions(written).sample("arousal", "train").ids) == 21
    written.unlink()
    assert names_all(refusal(RunError, "run-incomplete", Predictions(written).sample, "arousal", "train"), str(written))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "id,partition,speaker,dimension,seed0\na,t,s,d,1\n",
        "id,partition,speaker,truth,seed0\na,t,s,1,1\n",
        "partition,speaker,dimension,truth,seed0\nt,s,d,1,1\n",
        "id,partition,speaker,dimension,truth,seed0\na,t,s,d,high,1\n",
        "id,partition,speaker,dimension,truth,seed0\na,t,s,d,1,low\n",
        "id,partition,speaker,dimension,truth,seed0\na,t,s,d,1,inf\n",
        "id,partition,speaker,dimension,truth,seed0\na,t,s,d,1,1,1,1\na,b\n",
        'id,partition,speaker,dimension,truth,seed0\n"a,t,s,d,1,1\n',
        "id,partition,speaker,dimension,truth,seed0\na,t,s,d,1,1\na,t,s,d,1,2\n",
        "id,partition,speaker,dimension,truth,seed0\n,t,s,d,1,1\n",
        b"id,partition,speaker,dimension,truth,seed0\n\xe9,t,s,d,1,1\n",
        bytes(100),
    ],
)
def test_a_damaged_file_is_a_run_error(tmp_path: Path, text: str | bytes) -> None:
    """Never a traceback."""
    path = tmp_path / "predictions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert names_all(refusal(RunError, "run-damaged", Predictions(path).sample, "d", "t"), str(path))


@pytest.mark.parametrize(
    ("dimension", "partition", "lines"),
    [
        ("joy", "t", ["a,t,s,d,1,1"]),
        ("d", "test2", ["a,t,s,d,1,1"]),
        ("d", "t", ["a,t,s,d,,1"]),
        ("d", "t", ["a,t,s,d,1,"]),
        ("d", "t", []),
    ],
)
def test_what_was_not_estimated_is_told(tmp_path: Path, dimension: str, partition: str, lines: list[str]) -> None:
    """An unknown dimension or partition, nothing rated, or an estimate that is missing."""
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(["id,partition,speaker,dimension,truth,seed0", *lines]) + "\n")
    error = refusal(RunError, "no-estimates", Predictions(path).sample, dimension, partition)
    assert names_all(error, dimension, partition)


def test_a_fit_has_probes_and_no_training_seeds_of_a_system(tmp_path: Path) -> None:
    """Its columns are not taken for seeds."""
    path = tmp_path / "predictions.csv"
    path.write_text("id,partition,speaker,dimension,truth,weighted-seed0,seedling\na,t,s,d,1,1,1\n")
    refusal(RunError, "no-estimates", Predictions(path).sample, "d", "t")


@pytest.mark.parametrize("number", ["9" * 5000, "01", "٣", "-1", "", "1.5"])
def test_a_column_that_no_training_wrote_is_no_seed(tmp_path: Path, number: str) -> None:
    """Python refuses to read thousands of digits as a number; two columns must not be one seed."""
    path = tmp_path / "predictions.csv"
    path.write_text(f"id,partition,speaker,dimension,truth,seed1,seed{number}\na,t,s,d,1,1,1\n")
    assert Predictions(path).sample("d", "t").seeds == (1,)
    assert seed_of(f"seed{2**64 - 1}") == 2**64 - 1 and seed_of("seed0") == 0
