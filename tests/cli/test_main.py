"""The commands as a user types them, on a small corpus and small checkpoints, with every error read back."""

from __future__ import annotations

import csv
import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from safetensors import safe_open

from probing import load, open_cache, open_corpus
from probing.cli.main import main

FIT = ["--epochs", "3", "--hidden", "4"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with blanks and unicode in its name."""
    folder = tmp_path / "mein Körper"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def probe(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result: Result, *says: str) -> None:
    """A user's mistake: exit status not 0, one message that says these things, no traceback."""
    assert result.exit_code != 0
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for text in says:
        assert text in result.stderr, result.stderr
    assert "Traceback" not in result.output


def test_the_main_job(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """check, extract, fit, figure and runs work one after another and write what they say."""
    encoder = checkpoints["hubert"]
    assert "problems: none" in probe("check", table).stdout
    extracted = probe("extract", table, "--encoder", encoder, "--store", "pooled")
    assert extracted.exit_code == 0, extracted.output
    fitted = probe("fit", table, "--encoder", encoder, "--seeds", 2, "--layers", "both", *FIT)
    assert fitted.exit_code == 0, fitted.output
    assert "valence" in fitted.stdout and "shuffled labels" in fitted.stdout and "store pooled" in fitted.stdout
    (folder,) = Path("runs").iterdir()
    weights = pd.read_csv(folder / "weights.csv")
    assert list(weights.columns) == ["dimension", "seed", "layer", "weight"]
    np.testing.assert_allclose(weights.groupby(["dimension", "seed"]).weight.sum(), 1, atol=1e-6)
    assert set(weights.layer) == set(range(4))
    predictions = pd.read_csv(folder / "predictions.csv")
    assert len(predictions) == 3 * 32 and {"weighted-seed1", "layer3-seed0", "shuffled-seed0"} <= set(predictions)
    record = json.loads((folder / "record.json").read_text())
    assert record["configuration"]["options"]["seeds"] == 2 and record["corpus"]["name"] == "small"
    with safe_open(folder / "probes.safetensors", "pt") as probes:
        assert len(json.loads(probes.metadata()["probes"])) == probes.get_tensor("outer_PH").shape[0] == 3 * 2 * 6
    drawn = probe("figure", 2)
    assert drawn.exit_code == 0 and Path("figures/figure2-small-hubert.png").is_file()
    listed = probe("runs").stdout
    assert "small" in listed and "hubert" in listed and "valence test2" in listed


def test_scores_are_those_of_the_predictions(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """scores.csv can be computed again from predictions.csv alone."""
    probe("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled")
    probe("fit", table, "--encoder", checkpoints["hubert"], "--dim", "valence", *FIT)
    (folder,) = Path("runs").iterdir()
    with (folder / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["partition"] == "test2"]
    y, p = (np.array([float(row[name]) for row in rows]) for name in ("truth", "weighted-seed0"))
    expected = 2 * np.cov(y, p, bias=True)[0, 1] / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)
    scores = pd.read_csv(folder / "scores.csv").query("partition == 'test2' and kind == 'weighted'")
    assert scores.ccc.item() == pytest.approx(expected, abs=1e-5)


def test_frames_and_pooled_lead_to_the_same_scores(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """`--store` chooses what is read; with mean pooling it does not change the answer."""
    tables = []
    for store in ("frames", "pooled"):
        options = ["--encoder", checkpoints["wav2vec2-layer"], "--dtype", "float32", "--store", store]
        assert probe("extract", table, *options).exit_code == 0
        fitted = probe("fit", table, *options, "--layers", "each", "--runs", store, *FIT)
        assert fitted.exit_code == 0, fitted.output
        tables.append(pd.read_csv(next(Path(store).glob("*/scores.csv"))))
    np.testing.assert_allclose(tables[0].ccc, tables[1].ccc, atol=1e-4)


def test_a_named_cache_is_read_without_its_encoder(
    here: Path, table: Path, save_checkpoint: Callable[..., Path]
) -> None:
    """With --cache FILE a fit needs no weights, as on a node that has none."""
    encoder = save_checkpoint("hubert", seed=9)
    probe("extract", table, "--encoder", encoder, "--store", "pooled")
    shutil.rmtree(encoder)
    (cache,) = Path("cache/small").glob("*.h5")
    fitted = probe("fit", table, "--cache", cache, "--dim", "valence", *FIT)
    assert fitted.exit_code == 0, fitted.output


def test_without_a_cache_the_command_to_type_is_named(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """The error's command, typed as it stands, makes the cache that the fit then reads."""
    options = ["--encoder", checkpoints["hubert"], "--scale", "0", "1"]
    result = probe("fit", table, *options, *FIT)
    refused(result, "nothing has been extracted there yet", "probe extract")
    import shlex

    words = shlex.split(result.stderr.split("type: ")[1].splitlines()[0])
    assert words[0] == "probe" and probe(*words[1:]).exit_code == 0
    assert probe("fit", table, *options, "--dim", "valence", *FIT).exit_code == 0


def test_a_cache_of_other_weights_is_not_read(here: Path, table: Path, save_checkpoint: Callable[..., Path]) -> None:
    """The same folder name with other weights is another fingerprint, and the error says so."""
    probe("extract", table, "--encoder", save_checkpoint("hubert", seed=5), "--store", "pooled")
    result = probe("fit", table, "--encoder", save_checkpoint("hubert", seed=6), *FIT)
    refused(result, "made under another fingerprint", "probe extract")


def test_damage_to_a_cache_is_named(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """Flipped bytes and a missing part stop a fit with the part's name and what to do."""
    probe("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled")
    (part,) = Path("cache/small").glob("*/part-00000.h5")
    with h5py.File(part, "r+") as file:
        file["mean"][3, 1, 5] += 1
    refused(
        probe("fit", table, "--encoder", checkpoints["hubert"], *FIT), "part-00000.h5", "checksum", "delete that part"
    )
    part.unlink()
    refused(probe("fit", table, "--encoder", checkpoints["hubert"], *FIT), "part-00000.h5", "missing", "probe extract")
    assert probe("extract", table, "--encoder", checkpoints["hubert"], "--store", "pooled").exit_code == 0
    assert probe("fit", table, "--encoder", checkpoints["hubert"], "--dim", "valence", *FIT).exit_code == 0


def test_a_corpus_that_has_grown_says_what_to_type(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """A cache of one partition does not do for a fit; extracting the rest keeps what is there."""
    options = [table, "--encoder", checkpoints["hubert"]]
    probe("extract", *options, "--store", "pooled", "--partition", "train")
    refused(probe("fit", *options, *FIT), "lacks 18 of the corpus's 32 utterances", "probe extract")
    probe("extract", *options, "--store", "pooled")
    assert len(list(Path("cache/small").glob("*/part-*.h5"))) == 2
    assert probe("fit", *options, "--dim", "valence", *FIT).exit_code == 0


def test_a_read_only_folder_is_explained(
    here: Path, table: Path, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written the error names the folder and the option."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    refused(probe("extract", table, "--encoder", checkpoints["hubert"]), "cache/small", "Read-only", "--out")


def test_verify_finds_damage_and_passes_what_is_sound(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """`probe verify` prints the error of each layer, and exits with 1 where a number has changed."""
    options = [table, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    refused(probe("verify", *options), "nothing has been extracted", "probe extract")
    probe("extract", *options)
    sound = probe("verify", *options, "--sample", 3)
    assert sound.exit_code == 0 and "verified" in sound.stdout and "32 right, 0 wrong" in sound.stdout
    (part,) = Path("cache/small").glob("*/part-00000.h5")
    with h5py.File(part, "r+") as file:
        file["max"][0, 0, 0] += 1
    damaged = probe("verify", *options)
    assert damaged.exit_code == 1 and "31 right, 1 wrong" in damaged.stdout and "NOT verified" in damaged.stdout


def test_the_raw_convolution_output_is_layer_c(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """With --convolution the states have one more layer in front, −1 in the tables and C in the figure."""
    options = [table, "--encoder", checkpoints["hubert"], "--convolution"]
    probe("extract", *options, "--store", "pooled")
    assert probe("fit", *options, "--layers", "both", "--dim", "valence", *FIT).exit_code == 0
    weights = pd.read_csv(next(Path("runs").glob("*/weights.csv")))
    assert sorted(set(weights.layer)) == [-1, 0, 1, 2, 3]
    assert probe("figure", 2).exit_code == 0 and Path("figures/figure2-small-hubert-C.png").is_file()


def test_latents_are_kept_once_for_all_transformers(
    here: Path, table: Path, save_checkpoint: Callable[..., Path]
) -> None:
    """`--store latents` holds what the front end gives each utterance alone, whatever transformer stands behind it."""
    from transformers import AutoFeatureExtractor, AutoModel

    folder = save_checkpoint("hubert", seed=11)
    extracted = probe(
        "extract", table, "--encoder", folder, "--store", "latents", "--batch-seconds", 9, "--dtype", "float32"
    )
    assert extracted.exit_code == 0, extracted.output
    cache = open_cache(extracted.stdout.splitlines()[-1])
    model = AutoModel.from_pretrained(folder).eval()
    preprocess = AutoFeatureExtractor.from_pretrained(folder)
    for utterance in open_corpus(str(table)).utterances[:6]:
        inputs = preprocess(load(utterance.path), sampling_rate=16_000, return_tensors="pt")["input_values"]
        alone = model.feature_extractor(inputs).detach().numpy()[0].T[:, None]
        error = np.linalg.norm(cache[utterance.id] - alone) / np.linalg.norm(alone)
        assert cache[utterance.id].shape == alone.shape and error < 1e-5
    pruned = probe("extract", table, "--encoder", folder, "--layers", 1, "--store", "latents", "--dtype", "float32")
    assert Path(pruned.stdout.splitlines()[-1]).stem[-8:] == cache.path.stem[-8:]  # the same fingerprint
    refused(probe("fit", table, "--encoder", folder, "--store", "latents"), "--store latents", "frames or pooled")


def test_dry_run_only_prints(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """--dry-run tells hours, frames, bytes and free disk, and writes nothing."""
    result = probe("extract", table, "--encoder", checkpoints["hubert"], "--dry-run")
    assert result.exit_code == 0 and "32 utterances" in result.stdout and "free" in result.stdout
    assert not list(Path("cache").rglob("*.h5"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check", "nowhere.csv"], ["nowhere.csv"]),
        (["extract", "TABLE", "--encoder", "hubert-bass"], ["did you mean hubert-base"]),
        (["extract", "TABLE", "--encoder", "hubert-base"], ["could not be opened", "hubert-base@random"]),
        (["extract", "TABLE", "--store", "zip"], ["--store zip", "frames or pooled"]),
        (["extract", "TABLE", "--dtype", "float8"], ["--dtype float8"]),
        (["extract", "TABLE", "--batch-seconds", "0"], ["--batch-seconds 0"]),
        (["extract", "TABLE", "--partition", "test9"], ["no partition test9", "test2"]),
        (["extract", "TABLE", "--layers", "99"], ["--layers 99", "12 transformer layers"]),
        (["fit", "TABLE", "--dim", "valance"], ["valance", "did you mean valence"]),
        (["fit", "TABLE", "--layers", "all"], ["--layers all", "weighted"]),
        (["fit", "TABLE", "--seeds", "0"], ["--seeds 0"]),
        (["fit", "TABLE", "--store", "zip"], ["--store zip"]),
        (["fit", "TABLE", "--cache", "nowhere.h5"], ["nowhere.h5", "no such cache"]),
        (["fit", "TABLE", "--device", "tpu"], ["tpu"]),
        (["extract", "TABLE", "--device", "cuda:77"], ["cuda:77"]),
        (["figure", "2"], ["probe fit"]),
        (["figure", "2", "nowhere"], ["nowhere"]),
        (["figure", "9"], ["9"]),
    ],
)
def test_mistakes_are_explained(here: Path, table: Path, words: list[str], says: list[str]) -> None:
    """Every mistake is one message that names the mistake and what to type, without a traceback."""
    refused(probe(*[table if word == "TABLE" else word for word in words]), *says)


def test_damaged_audio_stops_before_any_work(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """A cut recording is named before extraction; --allow-missing goes on without it and says so."""
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    (copy.parent / "04.wav").write_bytes((copy.parent / "04.wav").read_bytes()[:5000])
    (copy.parent / "05.wav").unlink()
    checked = probe("check", copy)
    assert checked.exit_code == 1 and "04.wav" in checked.stdout and "05.wav" in checked.stdout
    options = [copy, "--encoder", checkpoints["hubert"], "--store", "pooled"]
    refused(probe("extract", *options), "04.wav", "05.wav", "--allow-missing 2")
    assert not list(Path("cache").rglob("*.h5"))
    extracted = probe("extract", *options, "--allow-missing", 2)
    assert extracted.exit_code == 0 and "left out" in extracted.stderr and "u04, u05" in extracted.stderr


@pytest.mark.parametrize("name", [None, *main.commands])
def test_help_is_laid_out_for_reading(name: str | None) -> None:
    """No formatting mark is printed, and the example stands on a line of its own."""
    text = probe(*([name] if name else []), "--help").stdout
    assert "\\b" not in text and "\b" not in text
    assert name is None or any(line.strip().startswith("Example: probe") for line in text.splitlines())


def test_a_cache_file_of_another_store_or_with_other_options_is_refused(
    here: Path, table: Path, checkpoints: dict[str, Path]
) -> None:
    """Latents cannot be fitted, and a file that is named cannot be another encoder's."""
    made = probe("extract", table, "--encoder", checkpoints["hubert"], "--store", "latents")
    cache = made.stdout.splitlines()[-1]
    refused(probe("fit", table, "--cache", cache, *FIT), "its store is latents", "frames or pooled")
    refused(probe("fit", table, "--cache", cache, "--encoder", "demo-hubert", *FIT), "--encoder", "name the file alone")


def test_a_bank_beyond_the_memory_is_refused(here: Path, table: Path, checkpoints: dict[str, Path]) -> None:
    """Absurd numbers are refused before they take the machine down."""
    options = [table, "--encoder", checkpoints["hubert"]]
    probe("extract", *options, "--store", "pooled")
    refused(probe("fit", *options, "--hidden", 10**10), "hidden units needs", "lower --seeds or --hidden")
    refused(probe("fit", *options, "--seeds", 10**10), "hidden units needs", "lower --seeds or --hidden")


def test_a_corpus_without_development_says_so_before_extraction(
    here: Path, table: Path, checkpoints: dict[str, Path]
) -> None:
    """`check` notes it and `fit` refuses it before it asks for a cache."""
    lines = [line for line in table.read_text().splitlines() if "development" not in line]
    copy = Path(shutil.copytree(table.parent, here / "copy")) / "small.csv"
    copy.write_text("\n".join(lines) + "\n")
    assert "no development partition" in probe("check", copy).stdout
    refused(probe("fit", copy, "--encoder", checkpoints["hubert"]), "partition development", "has 0 utterances")
