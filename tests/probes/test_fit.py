"""One fit from cache to finished run: what is recorded, what its folder holds, and what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from builders import save_text_encoder
from hidden_states import N_LAYERS, planted_layer, write_cache, write_table

from probing.corpus.checked import Needs, check_corpus
from probing.corpus.identity import identify
from probing.corpus.opening import open_corpus
from probing.corpus.scan import file_checksum
from probing.corpus.spec import CorpusSpec
from probing.encoders.spec import EncoderSpec
from probing.errors import CacheError, CorpusError, FitError, OptionError, ProbingError
from probing.extraction.extract import extract
from probing.probes.fit import fit
from probing.probes.options import FitOptions, FitPlace
from probing.probes.saved import load_bank
from probing.runs.records import FitRecord
from probing.runs.scores import labels_digest
from probing.runs.store import all_records, missing_files, read_record, signature

SHORT: dict[str, Any] = {
    "dims": "valence",
    "epochs": 2,
    "layers": "both",
    "seeds": 2,
    "permutations": 0,
    "refits": 0,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The planted world as a table without audio, and a cache file of it."""
    folder = tmp_path_factory.mktemp("world")
    corpus, states = planted_layer(2, count=60)
    cache = write_cache(folder / "cache/planted", states, "pooled", audio=[7] * len(corpus))
    return write_table(corpus, folder / "planted.csv"), cache.path


@pytest.fixture(scope="module")
def whole(world: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> FitRecord:
    """A fit of the planted world with all that a fit has; for tests that only read it."""
    runs = tmp_path_factory.mktemp("whole")
    settings = SHORT | {"permutations": 2, "refits": 3}
    return fit(str(world[0]), None, cache=world[1], runs=runs, **settings)


@pytest.fixture
def fit_world(world: tuple[Path, Path], tmp_path: Path) -> Callable[..., FitRecord]:
    """A function that fits the planted world from its cache file."""
    table, file = world

    def run(**settings: Any) -> FitRecord:
        return fit(str(table), None, **{"cache": file, "runs": tmp_path / "runs", **SHORT, **settings})

    return run


def test_the_folder_is_a_whole_run_that_is_read_back(whole: FitRecord) -> None:
    """Record, tables and probes are there with their digests, and the record read back is the one returned."""
    files = """
    weights.csv scores.csv nulls.csv importance.csv crossvalidated.csv jackknife.csv predictions.csv
    probes.safetensors ridge.safetensors
    """.split()
    assert {p.name for p in whole.folder.iterdir()} == {"record.json", *files}
    assert set(whole.files or {}) == set(files) > set(whole.required) and missing_files(whole, digests=True) == []
    again = read_record(whole.folder)
    assert isinstance(again, FitRecord)
    assert (again.scores, again.corpus, again.signature) == (whole.scores, whole.corpus, whole.signature)
    assert (again.findings, again.layers) == (whole.findings, whole.layers) and whole.findings
    assert [one.folder for one in all_records(whole.folder.parent)] == [whole.folder]


def test_the_recommended_importance_is_that_of_unseen_speakers(whole: FitRecord, world: tuple[Path, Path]) -> None:
    """importance.csv says what crossvalidated.csv gives, R² by its definition; it names the planted layer."""
    table = pd.read_csv(whole.folder / "crossvalidated.csv")
    importance = pd.read_csv(whole.folder / "importance.csv").set_index("layer")
    total = np.square(table.truth - table.baseline).sum()
    r2 = [1 - np.square(table.truth - table[f"layer{layer}"]).sum() / total for layer in range(N_LAYERS)]
    np.testing.assert_allclose(importance.r2, r2, atol=1e-5)
    assert importance.r2.idxmax() == 2 and importance.in_set[2]
    assert ((importance.low < importance.r2) & (importance.r2 < importance.high)).all()
    corpus = open_corpus(str(world[0]))
    taught = {u.id: u for u in corpus.utterances if u.partition in ("train", "development")}
    assert list(table.id) == list(taught)
    np.testing.assert_allclose(table.truth, [u.labels["valence"] for u in taught.values()], atol=1e-6)


def test_findings_and_places_are_in_the_record(whole: FitRecord) -> None:
    """The planted dimension is carried, at the planted layer; nothing is tested on what was selected on."""
    summary = whole.layers["valence"]
    assert (summary.carried, summary.best_layer) == ("holds", 2) and 2 in summary.confidence_set
    (carried,) = [one for one in whole.findings if "some layer carries" in one.claim]
    assert (carried.on, carried.verdict) == ("test2", "holds") and carried.p == pytest.approx(1 / 101)
    assert "development" not in {one.on for one in whole.findings}
    assert any(note.startswith("development is selected on") for note in whole.notes)
    ridge = {score.partition: score.ccc for score in whole.scores if score.probe == "ridge, layer 2"}
    scores = pd.read_csv(whole.folder / "scores.csv").query("kind == 'ridge' and layer == 2").set_index("partition").ccc
    assert ridge == pytest.approx({name: scores[name] for name in ("development", "test2")})
    assert carried.value == pytest.approx(
        pd.read_csv(whole.folder / "scores.csv").query("kind == 'ridge' and partition == 'test2'").ccc.max()
    )


def test_controls_are_in_tables_of_their_own(whole: FitRecord) -> None:
    """Weights of refits beside the fit's own; permutations of trained and of ridge probes, and no probe of either."""
    weights = pd.read_csv(whole.folder / "weights.csv")
    assert weights.refit.dropna().unique().tolist() == [1, 2, 3] and weights[weights.refit.isna()].seed.nunique() == 2
    nulls = pd.read_csv(whole.folder / "nulls.csv")
    assert nulls.groupby(["kind", "labels"]).permutation.nunique().to_dict() == {
        ("ridge", "by-speaker"): 100,
        ("ridge", "permuted"): 100,
        ("weighted", "by-speaker"): 2,
        ("weighted", "permuted"): 2,
    }
    bank, *_ = load_bank(whole.folder / "probes.safetensors")
    assert {probe.kind for probe in bank.probes} == {"weighted", "single"}
    assert len(bank.probes) == len(whole.best_epochs) == 2 + 2 * N_LAYERS
    assert not [name for name in pd.read_csv(whole.folder / "predictions.csv") if "permut" in name or "refit" in name]


def test_ridge_probes_alone_are_a_fit(fit_world: Callable[..., FitRecord], whole: FitRecord) -> None:
    """No bank, no weights, no epochs; the same ridge probes as in a fit that trains others beside them."""
    settings = {name: SHORT[name] for name in ("dims", "permutations")}
    record = fit_world(head="ridge", layers=None, **settings)
    names = {"scores.csv", "nulls.csv", "importance.csv", "crossvalidated.csv", "jackknife.csv", "predictions.csv"}
    assert {p.name for p in record.folder.iterdir()} == {"record.json", "ridge.safetensors", *names}
    assert missing_files(record, digests=True) == [] and read_record(record.folder).signature == record.signature
    assert (record.best_epochs, record.best_layers, record.used, record.options["layers"]) == ((), {}, {}, "each")
    assert record.layers["valence"].best_layer == 2
    assert {one.verdict for one in record.findings if "carries" in one.claim} == {"not tested"}
    ridge = [f"ridge-layer{layer}" for layer in range(N_LAYERS)]
    own, other = (pd.read_csv(one.folder / "predictions.csv")[ridge] for one in (record, whole))
    pd.testing.assert_frame_equal(own, other)
    assert pd.read_csv(record.folder / "nulls.csv").empty


def test_the_paper_s_settings_are_recorded_as_they_were_used(world: tuple[Path, Path], tmp_path: Path) -> None:
    """At its learning rate an epoch hardly moves a weight, which the notes say."""
    paper = FitOptions.paper(dims="valence", epochs=1, permutations=0, refits=0)
    record = fit(str(world[0]), None, paper, cache=world[1], runs=tmp_path)
    assert (record.options["dropout"], record.options["batch"], record.used["lr"]) == (0.1, 16, 1e-5)
    for said in ("near uniform", "raise --epochs", "approximated"):
        assert any(said in note for note in record.notes)


def test_the_record_says_what_was_fitted(fit_world: Callable[..., FitRecord], world: tuple[Path, Path]) -> None:
    """Corpus, cache, settled options, what intervals resample, the best layers."""
    record = fit_world(dims="all")
    corpus = open_corpus(str(world[0]))
    assert record.corpus.spec == CorpusSpec(str(world[0])) and record.corpus.name == "planted"
    assert record.corpus.utterances == {"train": 36, "development": 12, "test2": 12}
    assert {name: (c.by, c.number) for name, c in record.corpus.clusters.items()} == {
        name: ("speaker", len({u.speaker for u in members})) for name, members in corpus.partitions.items()
    }
    assert (record.cache.path, record.cache.store, record.cache.dtype) == (str(world[1]), "pooled", "float32")
    assert record.options["dims"] == ["valence"]  # as it is read back
    assert (record.encoder.spec, record.encoder.random) == (None, False)
    assert record.used == {"hidden": 12, "lr": pytest.approx(1e-4 * 768 / 12)}
    assert len(record.best_epochs) == 2 * (1 + N_LAYERS) and set(record.best_layers) == {"valence"}
    scores = pd.read_csv(record.folder / "scores.csv")
    own = scores[(scores.kind == "weighted") & (scores.partition == "test2")].ccc
    (said,) = [s for s in record.scores if (s.probe, s.partition) == ("weighted", "test2")]
    assert said.ccc == pytest.approx(own.mean(), abs=1e-6) and said.sd == pytest.approx(own.std(), abs=1e-6)


def test_the_configuration_is_that_of_version_0_1_0(fit_world: Callable[..., FitRecord]) -> None:
    """Its keys, and a signature that holds from run to run and knows every option."""
    record = fit_world()
    assert list(record.configuration) == ["corpus", "labels", "scale", "fingerprint", "store", "options"]
    assert record.configuration["corpus"] == "planted"
    assert record.signature == signature(record.configuration) == fit_world().signature
    assert record.signature != fit_world(patience=3).signature


def test_a_corpus_is_known_by_its_labels_and_by_the_audio_that_the_cache_was_made_from(
    fit_world: Callable[..., FitRecord], world: tuple[Path, Path], tmp_path: Path
) -> None:
    """Nothing is decoded: the cache's own checksums tell the audio. The digest is in the run's name."""
    record = fit_world()
    corpus = open_corpus(str(world[0]))
    assert record.corpus.identity == identify(corpus, {u.id: 7 for u in corpus.utterances})
    assert record.folder.name.startswith(f"fit-planted-{record.corpus.identity.short}-none-")
    _, states = planted_layer(2, count=60)
    unknown = write_cache(tmp_path / "other/planted", states, "pooled").path
    assert fit_world(cache=unknown).corpus.identity == identify(corpus)
    other = world[0].parent / "elsewhere/planted.csv"
    other.parent.mkdir()
    moved, _ = planted_layer(2, seed=1, count=60)
    assert not fit(str(write_table(moved, other)), None, cache=unknown, runs=tmp_path, **SHORT).same_corpus(record)


def test_labels_are_digested_as_in_version_0_1_0() -> None:
    """Ids, partitions, speakers and ratings in the dimensions' alphabetical order."""
    corpus, _ = planted_layer(0, count=4)
    assert labels_digest(corpus, ["valence"]) == labels_digest(corpus, ("valence",))
    assert labels_digest(corpus, ["valence", "arousal"]) == labels_digest(corpus, ["arousal", "valence"])
    assert labels_digest(corpus, ["valence"]) != labels_digest(corpus, ["arousal"])
    assert len(labels_digest(corpus, ["valence"])) == 64


def test_state_c_is_layer_minus_one(fit_world: Callable[..., FitRecord], tmp_path: Path) -> None:
    """In the record too; the planted layer is the third state, so layer 1."""
    _, states = planted_layer(2, count=60)
    names = ("C", *map(str, range(N_LAYERS - 1)))
    cache = write_cache(tmp_path / "c/planted", states, "pooled", names)
    record = fit_world(cache=cache.path, normalize="layer", epochs=40)
    assert record.best_layers == {"valence": 1}
    assert "best layer: 1" in {score.probe for score in record.scores}


def test_pooled_maxima_are_said_to_be_approximate(fit_world: Callable[..., FitRecord]) -> None:
    """A maximum of a weighted sum, from the store pooled; single layers and means are exact and need no note."""
    assert any("approximated" in note for note in fit_world(pooling="max").notes)
    for exact in ({"pooling": "mean"}, {"pooling": "max", "layers": "each", "permutations": 20}):
        assert not any("approximated" in note for note in fit_world(**exact).notes)


def test_one_speaker_makes_a_record_all_the_same(world: tuple[Path, Path], tmp_path: Path) -> None:
    """Nothing can be tested over one speaker: the claims are undecided, without numbers that no JSON can hold."""
    corpus, _ = planted_layer(2, count=60)
    alone = tuple(replace(u, speaker=u.speaker if u.partition == "test2" else "one") for u in corpus.utterances)
    table = write_table(replace(corpus, utterances=alone), tmp_path / "alone.csv")
    record = read_record(fit(str(table), None, cache=world[1], runs=tmp_path / "runs", head="ridge").folder)
    assert isinstance(record, FitRecord) and record.layers["valence"].carried == "holds"
    claims = [finding for finding in record.findings if "cross-validated" in finding.on]
    assert claims and {(finding.verdict, finding.p) for finding in claims} == {("undecided", None)}


def test_options_are_given_by_name_or_as_values(world: tuple[Path, Path], tmp_path: Path) -> None:
    """A setting by its name replaces the field of whichever has it."""
    given = FitOptions(**SHORT), None, FitPlace(tmp_path / "runs")
    record = fit(CorpusSpec.resolve(str(world[0])), None, *given, cache=world[1], seeds=1)
    assert record.options["seeds"] == 1 and record.options["epochs"] == 2


def test_nothing_is_left_of_a_fit_that_is_refused(
    fit_world: Callable[..., FitRecord], world: tuple[Path, Path], tmp_path: Path
) -> None:
    """Each refusal has its code, and no run appears."""
    latents = tmp_path / "cache/planted/none-latents-00000000.h5"
    no_labels = tmp_path / "none.csv"
    no_labels.write_text("id,partition,text\na,train,yes\nb,development,no\n")
    grown, _ = planted_layer(2, count=61)
    larger = write_table(grown, tmp_path / "grown.csv")
    cases: list[tuple[type[ProbingError], str, Callable[[], object]]] = [
        (CacheError, "cache-missing", lambda: fit_world(cache=latents)),
        (CacheError, "cache-incomplete", lambda: fit(str(larger), None, cache=world[1], **SHORT)),
        (OptionError, "no-encoder", lambda: fit(str(world[0]), None, cache=tmp_path)),
        (OptionError, "exclusive", lambda: fit(str(world[0]), "hubert-base", cache=world[1])),
        (OptionError, "exclusive", lambda: fit_world(store="pooled")),
        (OptionError, "option-unknown", lambda: fit_world(optimiser="SGD")),
        (FitError, "no-labels", lambda: fit(str(no_labels), None, cache=world[1])),
    ]
    for kind, code, run in cases:
        with pytest.raises(kind) as caught:
            run()
        assert caught.value.code == code
    assert all_records(tmp_path / "runs") == []


def test_a_cache_made_from_other_audio_is_refused(table: Path, tmp_path: Path) -> None:
    """A corpus of the same ids may have made the file: a few sound files are looked at."""
    corpus = open_corpus(str(table))
    states = np.random.default_rng(0).standard_normal((len(corpus), 2, N_LAYERS, 12)).astype(np.float32)
    ids, own = [u.id for u in corpus.utterances], [file_checksum(u.path) for u in corpus.utterances if u.path]
    right = write_cache(tmp_path / "right", states, "pooled", ids=ids, audio=own).path
    wrong = write_cache(tmp_path / "wrong", states, "pooled", ids=ids, audio=[crc ^ 1 for crc in own]).path
    record = fit(str(table), None, cache=right, runs=tmp_path / "runs", **SHORT)
    decoded = check_corpus(CorpusSpec.resolve(str(table)), Needs(audio=True), cache=tmp_path / "memory")
    assert record.corpus.identity == decoded.identity
    with pytest.raises(CacheError) as caught:
        fit(str(table), None, cache=wrong, runs=tmp_path / "runs", **SHORT)
    assert caught.value.code == "cache-other-audio"


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_recording_in_train_and_in_a_test_stops_a_fit(table: Path, tmp_path: Path, ending: str) -> None:
    """A cache knows its bytes; its samples, in another format, are remembered where they were decoded."""
    copy = Path(shutil.copytree(table.parent, tmp_path / "copy")) / "small.csv"
    twin = copy.parent / f"twin.{ending}"
    soundfile.write(twin, *soundfile.read(copy.parent / "00.wav", dtype="int16"))
    copy.write_text(copy.read_text().replace("u31,31.wav", f"u31,{twin.name}"))
    decoded = check_corpus(CorpusSpec.resolve(str(copy)), Needs(audio=True), cache=tmp_path / "caches")
    sums = list(decoded.scan.checksums.values())
    states = np.random.default_rng(0).standard_normal((len(sums), 2, N_LAYERS, 12)).astype(np.float32)
    file = write_cache(tmp_path / "caches/small", states, "pooled", ids=list(decoded.scan.checksums), audio=sums).path
    settings = {"cache": file, "runs": tmp_path / "runs", "dims": "valence", "head": "ridge", "permutations": 0}
    with pytest.raises(CorpusError) as caught:
        fit(str(copy), None, **settings)
    assert caught.value.code == "leaks" and "u31 is u00" in caught.value.why
    record = fit(str(copy), None, **settings, allow_leaks=True)
    leak = "1 recording of test2 is also in train or development"
    assert record.corpus.leaks == (leak,) and f"leak: {leak}" in record.notes


def test_extract_then_fit(table: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """The encoder is recorded with its whole path, and the corpus's digest is that in the cache's name.

    A checkpoint that a user keeps in a folder has its weights' digest in the run's name, since folders share names.
    """
    encoder = str(checkpoints["hubert"])
    places = {"cache": tmp_path / "cache", "dtype": "float32"}
    cache = extract(str(table), encoder, store="pooled", **places)
    record = fit(str(table), encoder, runs=tmp_path / "runs", **places, **SHORT)
    assert (record.encoder.spec, record.encoder.random) == (EncoderSpec(encoder), False)
    assert record.corpus.identity is not None and record.corpus.identity.audio is not None
    assert cache.path.parent.name == record.corpus.file_name == f"small-{record.corpus.identity.short}"
    weights = record.encoder.identity["weights"]
    assert record.folder.name.startswith(f"fit-{record.corpus.file_name}-hubert-{weights[:8]}-")
    with pytest.raises(CacheError) as caught:
        fit(str(table), f"{encoder}@random", runs=tmp_path / "runs", **places, **SHORT)
    assert caught.value.code == "cache-missing" and "@random" in caught.value.remedy


def test_a_text_encoder_reads_the_words(table: Path, tmp_path: Path) -> None:
    """Then the words, and not the audio, are part of what the corpus is."""
    encoder = str(save_text_encoder(tmp_path / "bert", words=("some", "words")))
    places = {"cache": tmp_path / "cache"}
    cache = extract(str(table), f"{encoder}@random", store="pooled", **places)
    record = fit(str(table), f"{encoder}@random", runs=tmp_path / "runs", **places, **SHORT)
    assert record.encoder.random
    assert record.corpus.identity == identify(open_corpus(str(table)), text=True)
    assert cache.path.parent.name == record.corpus.file_name
