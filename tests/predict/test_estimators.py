"""A run made ready estimates what it did when it was made, with the encoder that it was made with or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from builders import waveform
from safetensors import safe_open
from safetensors.torch import save_file

from probing.audio.decode import load
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError, OptionError, ProbingError, RunError
from probing.extraction.extract import extract
from probing.predict.estimators import Probed, Trained, open_trained
from probing.probes.fit import fit
from probing.runs.records import EvaluationRecord, FinetuneRecord, FitRecord
from probing.runs.store import read_record, write_record
from probing.systems.inference import opened

EMOTIONS = ("arousal", "valence", "dominance")


def said(record: FitRecord, id_: str, kind: str) -> list[float]:
    """What a fit's predictions.csv says of an utterance: the mean over seeds, in the order of the dimensions."""
    table = pd.read_csv(record.folder / "predictions.csv").set_index(["id", "dimension"]).loc[id_]
    if kind == "ridge":
        importance = pd.read_csv(record.folder / "importance.csv").set_index("layer")
        best = importance.groupby("dimension").r2.idxmax()
        return [float(table.loc[name, f"ridge-layer{best[name]}"]) for name in EMOTIONS]
    columns = {name: kind if kind == "weighted" else f"layer{record.best_layers[name]}" for name in EMOTIONS}
    return [float(table.loc[name, [f"{columns[name]}-seed{seed}" for seed in (0, 1)]].mean()) for name in EMOTIONS]


def test_a_fine_tuned_run_is_the_mean_over_its_seeds(hears: FinetuneRecord) -> None:
    """On the corpus's scale, each waveform as if it were alone; against the systems themselves in a plain loop."""
    trained = open_trained(hears, "cpu")
    pieces = [waveform(seconds, seed) for seed, seconds in enumerate((0.5, 1.3, 0.8))]
    expected = []
    for piece in pieces:
        units = []
        for seed in (0, 1):
            system, processor = opened(hears.folder / f"seed{seed}")
            with torch.inference_mode():
                units.append(system.eval()(**processor([piece])).logits[0].numpy())
        expected.append(1 + 6 * np.mean(units, axis=0))
    assert trained.dimensions == ("valence", "arousal") and (trained.hears, trained.reads) == (True, False)
    np.testing.assert_allclose(trained.estimate(pieces, None), expected, atol=1e-4)


def test_a_system_that_reads_answers_to_its_words(reads: FinetuneRecord) -> None:
    """The same sound with other words is another estimate."""
    trained = open_trained(reads, "cpu")
    piece = waveform(0.5, 1)
    low, high = (trained.estimate([piece], [text]) for text in ("low", "high"))
    assert (trained.hears, trained.reads) == (True, True) and np.abs(low - high).max() > 1e-6


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "weighted"),
        ({"normalize": "none"}, "weighted"),
        ({"head": "linear"}, "weighted"),
        ({"head": "ridge"}, "ridge"),
        ({"store": "pooled", "pooling": "max"}, "weighted"),
        ({"store": "frames", "pooling": "mean+max", "normalize": "layer"}, "weighted"),
        ({"layers": "each"}, "best"),
    ],
)
def test_fitted_probes_give_what_their_run_says(
    fit_table: Callable[..., FitRecord], table: Path, settings: dict[str, Any], kind: str
) -> None:
    """From the audio, through the encoder again: the estimates that were made from the cache."""
    record = fit_table(**settings)
    trained = open_trained(record, "cpu")
    found = trained.estimate([load(table.parent / f"{number}.wav") for number in ("30", "07")], None)
    np.testing.assert_allclose(found, [said(record, id_, kind) for id_ in ("u30", "u07")], atol=1e-4)


def test_probes_of_state_c_and_of_words(
    fit_table: Callable[..., FitRecord], checkpoints: dict[str, Path], bert: Path, table: Path, tmp_path: Path
) -> None:
    """State C stands in front of the layers, which files number from −1; probes on a text encoder take words."""
    places: dict[str, Any] = {"cache": tmp_path / "cache", "dtype": "float32"}
    for encoder in (EncoderSpec(str(checkpoints["hubert"]), convolution=True), EncoderSpec(str(bert))):
        extract(str(table), encoder, store="pooled", **places)
        for kind, settings in {"best": {"layers": "each", "seeds": 2, "epochs": 3}, "ridge": {"head": "ridge"}}.items():
            record = fit(str(table), encoder, permutations=0, runs=tmp_path / "runs", **places, **settings)
            trained = open_trained(record, "cpu")
            found = trained.estimate([load(table.parent / "07.wav")], ["some words"] if trained.reads else None)
            np.testing.assert_allclose(found[0], said(record, "u07", kind), atol=1e-4)


def test_probes_want_the_encoder_that_they_were_fitted_on(
    fit_table: Callable[..., FitRecord], checkpoints: dict[str, Path], table: Path
) -> None:
    """A fit from a cache file knows no encoder and must be told it; another one's weights are refused."""
    known = fit_table()
    record = fit_table(None, cache=Path(known.cache.path), dtype="float16")
    own = str(checkpoints["hubert"])
    for named, kind, code in (
        (None, RunError, "encoder-not-recorded"),
        (f"{own}@random", EncoderError, "encoder-other"),
        ("demo-distilhubert", EncoderError, "encoder-layers"),
        (str(table.parent / "gone"), EncoderError, "encoder-unknown"),
    ):
        with pytest.raises(kind) as caught:
            Probed(record, "cpu", named)
        assert caught.value.code == code
    pieces = [load(table.parent / "07.wav")]
    told, knows = open_trained(record, "cpu", own), open_trained(known, "cpu")
    np.testing.assert_allclose(told.estimate(pieces, None), knows.estimate(pieces, None), atol=1e-5)


@pytest.fixture
def copied(hears: FinetuneRecord, fit_table: Callable[..., FitRecord], tmp_path: Path) -> dict[str, Path]:
    """A run of each kind that may be damaged."""
    runs = {"finetune": hears.folder, "fit": fit_table(epochs=1).folder}
    return {kind: Path(shutil.copytree(folder, tmp_path / kind)) for kind, folder in runs.items()}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("finetune", "seed1/model.safetensors"),
        ("finetune", "seed0/config.json"),
        ("finetune", "seed0/preprocessor_config.json"),
        ("fit", "probes.safetensors"),
        ("fit", "predictions.csv"),
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_run_whose_files_are_not_all_there_is_refused(
    copied: dict[str, Path], kind: str, name: str, damage: str
) -> None:
    """A folder's presence is no proof that it is whole; what is said helps where rerunning the command would not."""
    path = copied[kind] / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError) as caught:
        open_trained(read_record(copied[kind]), "cpu")
    assert caught.value.code == "run-incomplete" and "copy the run again" in caught.value.remedy


def test_a_fit_of_the_version_before_is_opened(
    fit_table: Callable[..., FitRecord], checkpoints: dict[str, Path], table: Path, tmp_path: Path
) -> None:
    """Its bank had one head with one output, other names, and a control of permuted labels, which does not estimate.

    Only what an old run had is there: no ridge probes, none of the options since.
    """
    record = fit_table(layers="both", normalize="none")
    folder = Path(shutil.copytree(record.folder, tmp_path / "old"))
    with safe_open(folder / "probes.safetensors", "pt") as held:
        now = {name.removeprefix("head."): held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        metadata = held.metadata()
    # In the order of version 0.1.0: those that learn their weights first, the control among them.
    control = {name: torch.ones_like(tensor[:1]) for name, tensor in now.items()}
    old = {name: torch.cat([now[name][:6], control[name], now[name][6:]]) for name in now}
    old = {
        "logits_WL": old["logits_WL"],
        "inner_PDH": old["inner_PDH"],
        "inner_bias_PH": old["inner_bias_PH"],
        "outer_PH": old["outer_PHO"][..., 0].contiguous(),
        "outer_bias_P": old["outer_bias_PO"][..., 0].contiguous(),
    }
    probes = json.loads(metadata["probes"])
    metadata["probes"] = json.dumps([*probes[:6], ["arousal", "shuffled", 0, None], *probes[6:]])
    save_file(old, folder / "probes.safetensors", {name: metadata[name] for name in ("probes", "pooling", "normalize")})
    since = {"head", "dropout", "permutations", "refits"}
    options = {name: value for name, value in record.options.items() if name not in since} | {"shuffled": True}
    files = ("weights.csv", "scores.csv", "predictions.csv", "probes.safetensors")
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    before = replace(record, configuration={**record.configuration, "options": options}, layers={}, findings=())
    write_record(replace(before, files=None), folder, files)
    pieces = [load(table.parent / f"{number}.wav") for number in ("30", "07")]
    found = open_trained(read_record(folder), "cpu").estimate(pieces, None)
    np.testing.assert_allclose(found, [said(record, id_, "weighted") for id_ in ("u30", "u07")], atol=1e-4)


@pytest.mark.parametrize("kind", ["finetune", "fit"])
def test_runs_of_version_0_1_0_are_opened(copied: dict[str, Path], table: Path, kind: str) -> None:
    """Their record names neither files nor digests, and has other words for the encoder."""
    record = read_record(copied[kind])
    path = copied[kind] / "record.json"
    content = json.loads(path.read_text())
    names = ("name", "title", "scale", "utterances")
    content["corpus"] = {name: content["corpus"][name] for name in names} | {"spec": str(table)}
    if isinstance(record, FitRecord) and record.encoder.spec is not None:
        del content["encoder"]["spec"], content["encoder"]["random"]
        content["encoder"]["opened"] = {"name": record.encoder.spec.name, "revision": None}
    else:
        content["encoder"] = {"name": record.title, "title": record.title}
        del content["words"]
    del content["files"], content["version"], content["sha256"]
    path.write_text(json.dumps(content))
    old = read_record(copied[kind])
    assert old.version == 1 and old.files is None
    pieces = [waveform(0.7, 2)]
    found, expected = (open_trained(one, "cpu").estimate(pieces, None) for one in (old, record))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (copied[kind] / record.required[-1]).unlink()
    with pytest.raises(RunError) as caught:
        open_trained(old, "cpu")
    assert caught.value.code == "run-incomplete"


def test_what_estimates_nothing_is_refused(hears: FinetuneRecord) -> None:
    """An evaluation is no run to estimate with, and a fine-tuned run takes no other encoder."""
    shared = {
        name: getattr(hears, name) for name in ("corpus", "configuration", "signature", "date", "system", "seeds")
    }
    evaluation = EvaluationRecord(command="evaluate", run="..", run_signature="", **shared)
    cases: list[tuple[type[ProbingError], str, Callable[[], Trained]]] = [
        (RunError, "run-kind", lambda: open_trained(evaluation, "cpu")),
        (OptionError, "no-effect", lambda: open_trained(hears, "cpu", "hubert-base")),
    ]
    for kind, code, run in cases:
        with pytest.raises(kind) as caught:
            run()
        assert caught.value.code == code


def test_transcripts_are_truncated_as_in_training(
    write_tuned: Callable[..., FinetuneRecord],
    checkpoints: dict[str, Path],
    bert: Path,
    reads: FinetuneRecord,
    tmp_path: Path,
) -> None:
    """A run that was trained with --truncate-text cuts off words beyond the encoder's maximum; another refuses them."""
    piece, long = [waveform(0.5, 1)], ["some words " * 100]
    truncating = write_tuned(tmp_path / "run", checkpoints["hubert"], bert, truncate_text=True)
    assert np.isfinite(open_trained(truncating, "cpu").estimate(piece, long)).all()
    with pytest.raises(EncoderError) as caught:
        open_trained(reads, "cpu").estimate(piece, long)
    assert caught.value.code == "transcript-too-long"


def test_weights_of_another_run_are_refused(
    hears: FinetuneRecord, fit_table: Callable[..., FitRecord], tmp_path: Path
) -> None:
    """Probes and systems that have the size of the run's own; only their digest tells them apart."""
    fits = [fit_table(layers="weighted", lr=lr) for lr in (1e-3, 1e-2)]
    for number, (record, name, other) in enumerate(
        (
            (fits[0], "probes.safetensors", fits[1].folder / "probes.safetensors"),
            (hears, "seed0/model.safetensors", hears.folder / "seed1/model.safetensors"),
        )
    ):
        folder = shutil.copytree(record.folder, tmp_path / str(number))
        assert (folder / name).stat().st_size == other.stat().st_size
        assert (folder / name).read_bytes() != other.read_bytes()
        shutil.copyfile(other, folder / name)
        with pytest.raises(RunError) as caught:
            open_trained(read_record(folder), "cpu")
        assert caught.value.code == "run-incomplete" and name in caught.value.why
