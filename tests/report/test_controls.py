"""A fit's controls are the same fit on random encoders, one for each seed of their weights, on the very same corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import entry_of, identity_of, write_fit
from ridge_fits import write_ridge_fit

from probing.encoders.spec import EncoderSpec
from probing.errors import RunError
from probing.report.controls import differences, find_controls, require_controls, seed_of
from probing.runs.entries import EncoderEntry
from probing.runs.records import FitRecord

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def day(number: int) -> str:
    return f"2026-01-{number:02d}T00:00:00+00:00"


def folders(controls: list[FitRecord]) -> list[Path]:
    return [control.folder for control in controls]


@VERSIONS
def test_the_latest_run_on_random_weights_is_the_control(
    tmp_path: Path, version: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of several runs on the same encoder with the same random weights the newest whole one is taken.

    One that is passed over is named.
    """
    found = {}
    for encoder, date in (("hubert@random", 3), ("hubert@random", 5), ("wavlm@random", 6), ("hubert", 7)):
        found[encoder, date] = write_fit(tmp_path, encoder, folder=f"{encoder}-{date}", date=day(date), version=version)
    record = found["hubert", 7]
    controls = find_controls(record, tmp_path)
    assert folders(controls) == [found["hubert@random", 5].folder]
    (controls[0].folder / "weights.csv").unlink()
    assert capsys.readouterr().err == ""
    assert folders(find_controls(record, tmp_path)) == [found["hubert@random", 3].folder]
    assert str(controls[0].folder) in (said := capsys.readouterr().err) and "weights.csv" in said


def test_each_random_seed_gives_one_control(tmp_path: Path) -> None:
    """In the order of the seeds, of each the latest, whatever the order of the runs; also where they are named."""
    made = {}
    for seed, date in ((10, 2), (2, 3), (0, 4), (2, 5), (1, 1)):
        name = EncoderSpec("hubert").on_random_weights(seed).name
        made[seed] = write_ridge_fit(tmp_path, name, head="ridge", folder=f"{seed}-{date}", date=day(date))
    record = write_ridge_fit(tmp_path, "hubert")
    controls = find_controls(record, tmp_path)
    assert [seed_of(control) for control in controls] == [0, 1, 2, 10]
    assert folders(controls) == [made[seed].folder for seed in (0, 1, 2, 10)]
    assert require_controls(record, [made[10], made[0]]) == [made[0], made[10]]
    with pytest.raises(RunError) as caught:
        require_controls(record, [made[2], made[2]])
    assert caught.value.code == "control-twice"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"head": "ridge", "seeds": 1}, None),
        ({"options": {"lr": 0.5, "refits": 0, "permutations": 0, "workers": 2, "layer_lr": 0.5}}, None),
        ({"dims": ["arousal", "valence", "dominance", "calm"]}, None),
        ({"dims": ["arousal"]}, "--dim arousal, not arousal dominance valence"),
        ({"options": {"normalize": "none"}}, "--normalize none, not layer"),
        ({"options": {"pooling": "max"}}, "--pooling max, not mean"),
        ({"states": 6}, "transformer layers 5, not 4"),
        ({"corpus": "another"}, "corpus another"),
    ],
)
def test_only_what_a_ridge_probe_sees_must_be_the_same(
    tmp_path: Path, change: dict[str, Any], said: str | None
) -> None:
    """How a bank is trained does not touch ridge probes, and dimensions are probed apart."""
    record = write_ridge_fit(tmp_path, "hubert")
    control = write_ridge_fit(tmp_path, "hubert@random:3", **change)
    assert len(find_controls(record, tmp_path)) == (said is None)
    assert [said in line for line in differences(record, control)] == [True] * (said is not None)


def test_a_fit_without_ridge_probes_is_no_control_of_one_that_has_them(tmp_path: Path) -> None:
    """Nor the other way round: an earlier version's probes of single layers are others."""
    new, old = write_ridge_fit(tmp_path / "new", "hubert"), write_fit(tmp_path / "old", "hubert")
    others = write_fit(tmp_path / "old", "hubert@random"), write_ridge_fit(tmp_path / "new", "hubert@random:1")
    for record, control in zip((new, old), others, strict=True):
        assert any("ridge" in line for line in differences(record, control))
        assert find_controls(record, control.folder.parent) == []


@VERSIONS
@pytest.mark.parametrize(
    ("own", "random"),
    [("hubert", "hubert@random:4"), ("owner/m-layers3-C", "owner/m@random-layers3-C")],
)
def test_a_control_is_known_by_its_encoder(tmp_path: Path, own: str, random: str, version: int) -> None:
    """Pruned encoders and those with state C have `@random` within their names; a control has no control."""

    def fit(name: str) -> Any:
        spec = EncoderSpec("owner/m", 3)
        if "@" in name:
            spec = spec.on_random_weights(4 if ":4" in name else 0)
        identity = {"architecture": {"num_hidden_layers": 3}}
        entry = EncoderEntry(name, name, "@" in name, identity, spec)
        return write_fit(tmp_path, folder=name.replace("/", "--"), encoder_entry=entry, version=version)

    record, control = fit(own), fit(random)
    assert differences(record, control) == []
    assert folders(find_controls(record, tmp_path)) == [control.folder] and find_controls(control, tmp_path) == []
    assert differences(control, record) and differences(record, record)


def test_two_folders_of_one_name_are_two_encoders(tmp_path: Path) -> None:
    """Random weights of another folder's architecture are no control; the folder's own are, whatever its revision."""

    def entry(name: str, path: str, revision: str | None = None) -> EncoderEntry:
        return EncoderEntry(name, name, "@" in name, {}, EncoderSpec(path, revision=revision))

    record = write_fit(tmp_path, folder="own", encoder_entry=entry("m", "/x/m", "main"))
    other = write_fit(tmp_path, folder="other", encoder_entry=entry("m@random", "/y/m@random"))
    assert differences(record, other) and find_controls(record, tmp_path) == []
    own = write_fit(tmp_path, folder="random", encoder_entry=entry("m@random", "/x/m@random", "main"))
    assert folders(find_controls(record, tmp_path)) == [own.folder]


@VERSIONS
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"states": 6}, "transformer layers 5, not 4"),
        ({"options": {"normalize": "layer"}}, "--normalize layer, not none"),
        ({"options": {"lr": 0.5}}, "--lr 0.5, not None"),
        ({"dims": ["arousal"]}, "--dim arousal, not arousal dominance valence"),
        ({"corpus": "another"}, "corpus another"),
        ({"encoder": "wavlm@random"}, "encoder wavlm@random, not hubert with @random"),
    ],
)
def test_another_fit_is_no_control(tmp_path: Path, change: dict[str, Any], said: str, version: int) -> None:
    """Of earlier versions all options but seeds count, and when a run is named the error says all that differs."""
    record = write_fit(tmp_path, "hubert", version=version)
    control = write_fit(tmp_path, **{"encoder": "hubert@random"} | change, version=version)
    assert find_controls(record, tmp_path) == []
    with pytest.raises(RunError) as caught:
        require_controls(record, [control])
    assert caught.value.code == "no-control" and any(said in line for line in differences(record, control))


@VERSIONS
def test_another_corpus_of_the_same_name_is_no_control(tmp_path: Path, version: int) -> None:
    """Told apart by digests or, before version 2, by the labels' own."""
    record = write_fit(tmp_path, "hubert", version=version)
    other = {"entry": entry_of("made-up", 9, identity=identity_of("x"))}
    labels = {"configuration": {**record.configuration, "labels": "another"}}
    control = write_fit(tmp_path, "hubert@random", version=version, **(labels if version == 1 else other))
    assert find_controls(record, tmp_path) == [] and len(differences(record, control)) == 1


def test_seeds_and_readers_may_differ(tmp_path: Path) -> None:
    """Fewer seeds on random weights, or other reading processes, make no other estimate."""
    record = write_fit(tmp_path, "hubert")
    control = write_fit(tmp_path, "hubert@random", seeds=2, options={"workers": 4})
    assert require_controls(record, [control]) == [control]
    assert folders(find_controls(record, tmp_path)) == [control.folder]


def test_a_run_whose_weights_are_random_by_its_record_has_no_control(tmp_path: Path) -> None:
    """Also where its name does not say so, as of a cache file of version 0.1.0."""
    write_fit(tmp_path, "hubert@random")
    record = write_fit(tmp_path, "hubert")
    record = replace(record, encoder=replace(record.encoder, random=True))
    assert find_controls(record, tmp_path) == []
