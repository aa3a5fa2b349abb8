"""Scoring a trained system: on its own corpus and on others, from every directory, each in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpora import names_all, refusal
from small_systems import as_version_1, contents, trained

from probing.corpus.opening import open_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import CorpusError, EncoderError, FitError, OptionError, RunError
from probing.runs.records import EvaluationRecord, FinetuneRecord
from probing.runs.store import missing_files, read_kind
from probing.training import evaluate as module
from probing.training.evaluate import evaluate
from probing.training.learned import UNKNOWN
from probing.training.options import EvaluateOptions
from probing.training.resume import sole_writer
from probing.training.scored_corpus import corpus_to_score


@pytest.fixture(scope="module")
def run(places: Path) -> FinetuneRecord:
    """A run of two seeds on the table."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(places)
        return replace(trained("hubert+bert", "it", seeds=2), folder=places / "runs/it")


def table(places: Path, name: str, **columns: object) -> Path:
    """Another table of the same sound files."""
    frame = pd.read_csv(places / "table.csv")
    frame["path"] = [str(places / file) for file in frame.path]
    path = places / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.assign(**columns).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


# --- what is scored


def test_a_run_scored_again_gives_its_own_scores(run: FinetuneRecord) -> None:
    """In other batches, the estimates agree to 1e-5, and so do the scores."""
    found = evaluate(run.folder, options=EvaluateOptions(batch=3))
    assert found.folder == run.folder / "evaluations" / run.corpus.file_name
    for name, columns in (("predictions", ["seed0", "seed1"]), ("scores", ["ccc", "low", "mean_high"])):
        first, again = (pd.read_csv(folder / f"{name}.csv") for folder in (run.folder, found.folder))
        np.testing.assert_allclose(first[columns], again[columns], atol=1e-5)
    assert (found.run, found.run_signature, found.seeds) == ("../..", run.signature, run.seeds)
    assert found.system == run.system and not missing_files(found, digests=True)
    assert found == read_kind(found.folder, EvaluationRecord) and found.same_corpus(run)


def test_another_corpus_is_scored_on_its_own_scale(run: FinetuneRecord, places: Path) -> None:
    """The same recordings rated from 1 to 5 and without dominance: estimates are mapped, CCC stays the same."""
    frame = pd.read_csv("table.csv")
    own = {name: 1 + 4 * frame[name] for name in ("arousal", "valence")}
    path = table(places, "other.csv", **own)
    pd.read_csv(path).drop(columns="dominance").to_csv(path, index=False)
    found = evaluate(run.folder, CorpusSpec.resolve("other.csv", (1, 5)))
    first, second = (pd.read_csv(folder / "scores.csv") for folder in (run.folder, found.folder))
    merged = first.merge(second, on=["dimension", "seed", "partition"])
    assert set(second.dimension) == {"arousal", "valence"} and len(merged) == len(second)
    np.testing.assert_allclose(merged.ccc_x, merged.ccc_y, atol=1e-5)
    before, after = (pd.read_csv(folder / "predictions.csv") for folder in (run.folder, found.folder))
    np.testing.assert_allclose(1 + 4 * before[before.dimension != "dominance"].seed0, after.seed0, atol=1e-4)
    assert any("through [0, 1]" in note for note in found.notes)


def test_a_corpus_that_holds_recordings_that_a_system_learned_from_is_refused(
    run: FinetuneRecord, places: Path
) -> None:
    """The same files in another table, as a test partition; as train it is a note, and where nothing is known, too."""
    table(places, "elsewhere/again.csv", partition="test")
    error = refusal(CorpusError, "leaks", evaluate, run.folder, "elsewhere/again.csv")
    assert names_all(error, "20 recordings of test were learned from (table)", "--allow-leaks")
    allowed = evaluate(run.folder, "elsewhere/again.csv", allow_leaks=True)
    assert allowed.corpus.shared == ("leak: 20 recordings of test were learned from (table)",)
    table(places, "elsewhere/train.csv", partition="train")
    found = evaluate(run.folder, "elsewhere/train.csv")
    assert "20 recordings of train were learned from (table)" in found.notes and found.corpus.leaks == ()
    (places / "table.csv").rename(places / "moved.csv")
    try:
        shutil.copy("elsewhere/again.csv", "elsewhere/later.csv")
        found = evaluate(run.folder, "elsewhere/later.csv")
    finally:
        (places / "moved.csv").rename(places / "table.csv")
    assert any(note.startswith(UNKNOWN) for note in found.notes) and found.corpus.leaks == ()


def test_noise_changes_estimates_and_is_named(run: FinetuneRecord) -> None:
    """In the folder's name, the record and a note."""
    found = evaluate(run.folder, options=EvaluateOptions(snr=5))
    assert found.folder.name == f"{run.corpus.file_name}-snr5" and found.snr == 5
    clean, noisy = (pd.read_csv(folder / "predictions.csv").seed0 for folder in (run.folder, found.folder))
    assert not np.allclose(clean, noisy) and any("5 dB" in note for note in found.notes)


def test_evaluations_at_nearly_the_same_noise_have_two_names(run: FinetuneRecord) -> None:
    """Every digit counts."""
    names = [evaluate(run.folder, options=EvaluateOptions(snr=snr)).folder.name for snr in (10.0, 10.0000001)]
    assert names == [f"{run.corpus.file_name}-snr10", f"{run.corpus.file_name}-snr10.0000001"]


def test_what_changes_nothing_is_refused(run: FinetuneRecord) -> None:
    """Noise for a system that takes no audio, words for one that takes no text."""
    text, audio = trained("bert", "reads"), trained("hubert", "hears")
    with pytest.raises(OptionError) as caught:
        evaluate(text.folder, options=EvaluateOptions(snr=5))
    assert caught.value.code == "no-effect"
    with pytest.raises(OptionError) as caught:
        evaluate(audio.folder, corpus_to_score(audio, corrupt_words=0.5))
    assert caught.value.code == "no-effect"


def test_a_corpus_that_rates_nothing_of_it_is_refused(run: FinetuneRecord, places: Path) -> None:
    """There is nothing to score."""
    path = table(places, "joy.csv", joy=0.5)
    pd.read_csv(path).drop(columns=["arousal", "valence", "dominance"]).to_csv(path, index=False)
    with pytest.raises(FitError) as caught:
        evaluate(run.folder, "joy.csv")
    assert caught.value.code == "no-ratings"


# --- which run


def test_a_run_that_is_not_whole_is_refused(run: FinetuneRecord, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Weights that are gone, a run that has not ended, another folder; nothing is written there."""
    half = shutil.copytree(run.folder, tmp_path / "half")
    (half / "seed1/model.safetensors").unlink()
    before = contents(half)
    with pytest.raises(RunError) as caught:
        evaluate(half)
    assert caught.value.code == "run-incomplete" and "seed1/model.safetensors" in caught.value.why
    assert contents(half) == before
    (half / "record.json").unlink()
    for folder, code in ((half, "run-unfinished"), (run.folder / "seed0", "no-run"), (tmp_path / "none", "no-run")):
        with pytest.raises(RunError) as caught:
            evaluate(folder)
        assert caught.value.code == code
    with pytest.raises(EncoderError) as named:  # no run, and no published model either
        evaluate(checkpoints["hubert"], "table.csv")
    assert named.value.code == "model-foreign"
    with pytest.raises(RunError) as caught:
        evaluate(evaluate(run.folder).folder)
    assert caught.value.code == "run-kind"


def test_weights_of_another_training_are_refused(run: FinetuneRecord, tmp_path: Path) -> None:
    """They have the size of the run's own, so only their digest tells them apart."""
    mixed = shutil.copytree(run.folder, tmp_path / "mixed")
    own, other = (mixed / seed / "model.safetensors" for seed in ("seed0", "seed1"))
    assert own.stat().st_size == other.stat().st_size and own.read_bytes() != other.read_bytes()
    shutil.copyfile(other, own)
    with pytest.raises(RunError) as caught:
        evaluate(mixed)
    assert caught.value.code == "run-incomplete" and "seed0/model.safetensors" in caught.value.why


@pytest.mark.parametrize("ending", ["csv", "CSV", "tsv"])
def test_a_run_can_be_scored_from_every_directory(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Its table is found with its scale, and so are the words that it was trained on."""
    frame = pd.read_csv("table.csv")
    own = {name: 1 + 6 * frame[name] for name in ("arousal", "valence", "dominance")}
    path = table(places, f"from-{ending}/labels.{ending}", **own)
    words = path.with_name("words.csv")
    pd.DataFrame({"id": frame.id, "text": ["words", "some"] * 16}).to_csv(words, index=False)
    spec = CorpusSpec.resolve(str(path.relative_to(places)), (1, 7), transcripts=str(words.relative_to(places)))
    record = trained("bert", f"from-{ending}", spec)
    monkeypatch.chdir(tmp_path)
    found = evaluate(places / "runs" / f"from-{ending}")
    assert found.corpus.scale == (1, 7) and found.words.same(record.words) and found.scores == record.scores


# --- which words


def test_a_run_is_given_the_words_that_it_was_trained_on(places: Path) -> None:
    """Unless it is told otherwise; each has a folder of its own."""
    record = trained("bert", None, CorpusSpec.resolve("table.csv", corrupt_words=1))
    again, own = evaluate(record.folder), evaluate(record.folder, corpus_to_score(record, transcripts="own"))
    assert (again.words.rate, own.words.human) == (1, True)
    assert (again.folder.name, own.folder.name) == (record.corpus.file_name, f"{record.corpus.file_name}-own")
    first, same, other = (pd.read_csv(r.folder / "predictions.csv").seed0 for r in (record, again, own))
    np.testing.assert_allclose(first, same, atol=1e-5)
    assert not np.allclose(first, other)


def test_words_that_have_changed_are_asked_for(places: Path) -> None:
    """The table that a run was trained on must hold what it held, or be named."""
    file = places / "recognised.csv"
    ids = pd.read_csv("table.csv").id
    pd.DataFrame({"id": ids, "text": "words some"}).to_csv(file, index=False)
    record = trained("bert", None, CorpusSpec.resolve("table.csv", transcripts="recognised.csv"))
    assert record.words.asr == "recognised"
    pd.DataFrame({"id": ids, "text": "some"}).to_csv(file, index=False)
    for change in (lambda: None, file.unlink):
        change()
        with pytest.raises(RunError) as caught:
            evaluate(record.folder)
        assert caught.value.code == "transcripts-changed"
    pd.DataFrame({"id": ids, "text": "some"}).to_csv(file, index=False)
    found = evaluate(record.folder, corpus_to_score(record, transcripts="recognised.csv"))
    assert found.words.sha256 != record.words.sha256


def test_what_is_typed_settles_the_corpus(run: FinetuneRecord, places: Path) -> None:
    """Beside a run: its own corpus with other words, scale or fold, or another corpus with its own."""
    own = run.corpus.spec
    assert corpus_to_score(run) == own == CorpusSpec(str(places / "table.csv"))
    assert corpus_to_score(run, corrupt_words=0.3) == replace(own, corrupt_words=0.3)
    assert corpus_to_score(run, scale=(0, 2)) == replace(own, scale=(0, 2))
    assert corpus_to_score(run, transcripts="own") == own
    words = corpus_to_score(run, transcripts="t.csv")
    assert words.transcripts == str(places / "t.csv")
    other = corpus_to_score(run, "x.csv", (1, 7), transcripts="own", corrupt_words=0.1)
    assert other == CorpusSpec(str(places / "x.csv"), (1, 7), corrupt_words=0.1)
    folds = replace(run, corpus=replace(run.corpus, spec=CorpusSpec("iemocap:/data", fold=3)))
    assert (corpus_to_score(folds).fold, corpus_to_score(folds, fold=1).fold) == (3, 1)


# --- where it goes


def test_two_tables_of_one_name_have_two_evaluations(run: FinetuneRecord, places: Path) -> None:
    """The first's scores stay."""
    frame = pd.read_csv("table.csv")
    paths = [
        table(places, f"{place}/labels.csv", arousal=frame.arousal * share) for place, share in (("a", 1), ("b", 0.5))
    ]
    first = evaluate(run.folder, str(paths[0]))
    before = contents(first.folder)
    second = evaluate(run.folder, str(paths[1]))
    assert first.folder != second.folder and contents(first.folder) == before
    assert all(record.folder.name.startswith("labels-") for record in (first, second))


def test_a_table_named_by_dots_stays_among_the_evaluations(run: FinetuneRecord, places: Path) -> None:
    """`...csv` has the stem `..`, the run's own folder."""
    before = contents(run.folder)["record.json"]
    found = evaluate(run.folder, str(table(places, "...csv")))
    assert found.folder.parent == run.folder / "evaluations" and found.folder.name not in ("", ".", "..")
    assert contents(run.folder)["record.json"] == before


def test_a_finished_evaluation_is_not_made_again(run: FinetuneRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is returned and nothing is written; damaged, it is made again."""
    first = evaluate(run.folder, options=EvaluateOptions(snr=20))
    before = contents(run.folder)
    with monkeypatch.context() as patched:
        patched.setattr(module, "estimates", lambda *_, **__: pytest.fail("it was scored"))
        assert evaluate(run.folder, options=EvaluateOptions(snr=20)) == first
    assert contents(run.folder) == before
    (first.folder / "scores.csv").write_text("half")
    again = evaluate(run.folder, options=EvaluateOptions(snr=20))
    assert again.files == first.files and again.folder == first.folder
    (first.folder / "record.json").write_text('{"half')
    assert evaluate(run.folder, options=EvaluateOptions(snr=20)).files == first.files


def test_a_run_that_has_got_seeds_is_evaluated_anew(places: Path) -> None:
    """Its evaluation of fewer seeds stays, and the new one has a name of its own."""
    first = evaluate(trained("bert", "grows").folder)
    before = contents(first.folder)
    second = evaluate(trained("bert", "grows", seeds=2).folder)
    assert second.folder == first.folder.with_name(f"{first.folder.name}-{second.signature[:6]}")
    assert second.seeds == (0, 1) and contents(first.folder) == before
    assert evaluate(places / "runs/grows").signature == second.signature


def test_an_evaluation_of_version_0_1_0_is_never_overwritten(places: Path) -> None:
    """It knows no digest of its corpus: on the built-in one it is taken as it is, on a table it is made beside it."""
    record = trained("bert", "old")
    first = evaluate(record.folder)
    as_version_1(first)
    before = contents(first.folder)
    second = evaluate(record.folder)
    assert second.folder != first.folder and second.version > 1 and contents(first.folder) == before
    as_version_1(replace(first, corpus=replace(first.corpus, spec=CorpusSpec("demo"))))
    before = contents(first.folder)
    found = evaluate(record.folder)
    assert (found.folder, found.version, found.scores) == (first.folder, 1, first.scores)
    assert contents(first.folder) == before


def test_an_evaluation_is_written_by_one_process(run: FinetuneRecord) -> None:
    """The second one is refused, and not half of both is kept."""
    with sole_writer(run.folder / "evaluations" / f"{run.corpus.file_name}-snr7"), pytest.raises(RunError) as caught:
        evaluate(run.folder, options=EvaluateOptions(snr=7))
    assert caught.value.code == "run-busy"


def test_an_evaluation_that_another_process_has_finished_meanwhile_is_read(
    run: FinetuneRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets the claim later computes and writes nothing."""
    made = []

    @contextmanager
    def after_another(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(module, "sole_writer", sole_writer)
        made.append(evaluate(run.folder, options=EvaluateOptions(snr=11)))
        monkeypatch.setattr(module, "estimates", lambda *_, **__: pytest.fail("it was scored again"))
        made.append(contents(run.folder))
        with sole_writer(folder):
            yield

    monkeypatch.setattr(module, "sole_writer", after_another)
    assert evaluate(run.folder, options=EvaluateOptions(snr=11)) == made[0]
    assert contents(run.folder) == made[1]


def test_the_corpus_s_ratings_are_the_truth(run: FinetuneRecord) -> None:
    """As its table has them."""
    truth = pd.read_csv(evaluate(run.folder).folder / "predictions.csv").query("dimension == 'valence'")
    expected = [utterance.labels["valence"] for utterance in open_corpus("table.csv").utterances]
    np.testing.assert_allclose(truth.truth, expected)
