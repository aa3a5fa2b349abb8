"""A published model is scored as a run is: by plain forward passes on the corpus's scale, in a run of its own."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from builders import write_run
from commands import done, probe, refused
from published import alone, save_published
from safetensors.torch import load_file
from small_systems import contents, trained

from probing.audio.decode import load
from probing.errors import OptionError
from probing.report.compare import compare
from probing.runs.records import EvaluationRecord
from probing.runs.store import all_records, missing_files, read_kind
from probing.statistics.concordance import ccc
from probing.training.evaluate import evaluate


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model of the Odyssey baseline's layout."""
    torch.manual_seed(3)
    return save_published(tmp_path_factory.mktemp("published") / "wavlm-dim", "Odyssey")


@pytest.fixture(scope="module")
def rated(places: Path) -> Path:
    """The small corpus with ratings from 1 to 5."""
    frame = pd.read_csv(places / "table.csv")
    names = ["arousal", "valence", "dominance"]
    path = places / "rated.csv"
    frame.assign(**{name: 1 + 4 * frame[name] for name in names}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def expected(model: Path, rated: Path) -> pd.DataFrame:
    """Of six utterances: id, and the estimates of the plain forward pass on [0, 1]."""
    weights = load_file(model / "model.safetensors")
    frame = pd.read_csv(rated)
    frame = frame[frame.partition == "test1"]
    estimates = [alone(model, load(rated.parent / path), weights) for path in frame.path]
    return pd.DataFrame(estimates, columns=["arousal", "dominance", "valence"], index=frame.id)


def test_predictions_are_those_of_the_forward_pass_on_msp_podcasts_scale(
    model: Path, rated: Path, expected: pd.DataFrame
) -> None:
    """Outputs 0 and 1 stand for 1 and 7; whole recordings, as `probe predict` prints them."""
    frame = pd.read_csv(rated).set_index("id")
    files = [rated.parent / frame.path[id_] for id_ in expected.index]
    found = pd.read_csv(io.StringIO(done("predict", model, *files).stdout))
    assert list(found.columns) == ["file", "start", "end", *expected.columns]
    np.testing.assert_allclose(found[expected.columns], 1 + 6 * expected, atol=1e-4)


def test_an_evaluation_is_a_run_of_its_own(model: Path, rated: Path, expected: pd.DataFrame) -> None:
    """Predictions on the corpus's own scale, their CCC, who the model is; typed again it is read back."""
    before = contents(model)
    words = ("evaluate", model, "--corpus", rated, "--scale", 1, 5, "--runs", "published")
    first = done(*words)
    folder = Path(first.paths[0]).parent
    record = read_kind(folder, EvaluationRecord)
    assert record.published is not None and not missing_files(record, digests=True)
    assert folder.parent == Path("published") and folder.name.startswith("evaluate-rated")
    assert folder.name.endswith(f"wavlm-dim-{record.published.weights[:8]}")
    assert (record.published.name, record.run, record.system.modality) == (str(model), str(model), "audio")
    table = pd.read_csv(folder / "predictions.csv").query("partition == 'test1'")
    for dimension in expected.columns:
        own = table[table.dimension == dimension].set_index("id").loc[expected.index]
        np.testing.assert_allclose(own.seed0, 1 + 4 * expected[dimension], atol=1e-4)
        (score,) = [s for s in record.scores if (s.dimension, s.partition) == (dimension, "test1")]
        assert score.ccc == pytest.approx(float(ccc(own.truth.to_numpy(), own.seed0.to_numpy())), abs=1e-5)
    assert any("from 1 to 7 through [0, 1] to 1 to 5" in note for note in record.notes)
    assert [one.folder for one in all_records(Path("published"))] == [folder]
    again, written = done(*words), contents(folder)
    assert again.stdout == first.stdout and contents(folder) == written and contents(model) == before
    copy = shutil.copytree(model, "moved/wavlm-dim")  # the same weights elsewhere are the same model
    assert done("evaluate", copy, *words[2:]).paths == first.paths


def test_a_published_model_stands_beside_runs_in_table_1(model: Path, rated: Path) -> None:
    """Its differences are paired with our run, which is the reference; alone it is no comparison."""
    record = evaluate(model, "table.csv", runs=Path("published"))
    own = trained("hubert", "own")
    found = compare([own.folder, record.folder], Path("figures"), name="x").table1
    assert set(found.model) == {"hubert", "wavlm-dim"}
    beside = found[found.model == "wavlm-dim"]
    assert (beside.against == "hubert").all() and beside.difference.notna().all()
    scores = {(score.partition, score.dimension): score.ccc for score in record.scores}
    for row in beside.itertuples():
        assert row.ccc == pytest.approx(scores[row.partition, row.dimension], abs=1e-5)
    refused(probe("compare", record.folder), "no-run")


def test_what_does_not_go_together_is_refused(model: Path, rated: Path) -> None:
    """No corpus, words, noise without effect, an encoder, a revision of a folder or of a run, a run's place."""
    refused(probe("evaluate", model), "no-corpus", status=2)
    with pytest.raises(OptionError) as caught:
        evaluate(model)
    assert caught.value.code == "no-corpus"
    refused(probe("evaluate", model, "--corpus", "table.csv", "--corrupt-words", 0.2), "no-effect", status=2)
    refused(probe("evaluate", model, "--corpus", "table.csv", "--revision", "main"), "no-effect", status=2)
    Path("x.wav").touch()  # a file that is not there is named first
    refused(probe("predict", model, "x.wav", "--encoder", "hubert-base"), "no-effect", status=2)
    refused(probe("predict", model, "x.wav", "--text", "words"), "no-effect", status=2)
    refused(probe("predict", model, "x.wav", "--revision", "main"), "no-effect", status=2)
    Path("runs").mkdir(exist_ok=True)
    refused(probe("evaluate", "runs/none"), "no-run")  # and is not looked for on the hub
    run = write_run(Path("runs"), "small", n=24).folder
    refused(probe("evaluate", run, "--runs", "elsewhere"), "no-effect", status=2)


def test_what_is_not_on_the_hub_is_named(table: Path) -> None:
    """A hub id is looked for there; offline the message says how to do without."""
    result = probe("predict", "owner/no-such-model", table)
    refused(result, "encoder-unopened")
    assert "hf download" in result.stderr
