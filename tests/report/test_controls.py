"""A fit's control is the same fit on the same encoder with random weights, on the very same corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import entry_of, identity_of, write_fit

from probing.encoders.spec import EncoderSpec
from probing.errors import RunError
from probing.report.controls import differences, find_control, require_control
from probing.runs.entries import EncoderEntry

VERSIONS = pytest.mark.parametrize("version", [1, 2])


def day(number: int) -> str:
    return f"2026-01-{number:02d}T00:00:00+00:00"


@VERSIONS
def test_the_latest_run_on_random_weights_is_the_control(tmp_path: Path, version: int) -> None:
    """Of several runs on the same encoder with random weights the newest whole one is taken."""
    found = {}
    for encoder, date in (("hubert@random", 3), ("hubert@random", 5), ("wavlm@random", 6), ("hubert", 7)):
        found[encoder, date] = write_fit(tmp_path, encoder, folder=f"{encoder}-{date}", date=day(date), version=version)
    record = found["hubert", 7]
    control = find_control(record, tmp_path)
    assert control is not None and control.folder == found["hubert@random", 5].folder
    (control.folder / "weights.csv").unlink()
    again = find_control(record, tmp_path)
    assert again is not None and again.folder == found["hubert@random", 3].folder


@VERSIONS
@pytest.mark.parametrize(
    ("own", "random"),
    [("hubert", "hubert@random"), ("owner/m-layers3-C", "owner/m@random-layers3-C")],
)
def test_a_control_is_known_by_its_encoder(tmp_path: Path, own: str, random: str, version: int) -> None:
    """Pruned encoders and those with state C have `@random` within their names; a control has no control."""

    def fit(name: str) -> Any:
        spec = EncoderSpec("owner/m@random" if "@" in name else "owner/m", 3)
        identity = {"architecture": {"num_hidden_layers": 3}}
        entry = EncoderEntry(name, name, "@" in name, identity, spec)
        return write_fit(tmp_path, folder=name.replace("/", "--"), encoder_entry=entry, version=version)

    record, control = fit(own), fit(random)
    assert differences(record, control) == []
    assert find_control(record, tmp_path).folder == control.folder and find_control(control, tmp_path) is None
    assert differences(control, record) and differences(record, record)


def test_two_folders_of_one_name_are_two_encoders(tmp_path: Path) -> None:
    """Random weights of another folder's architecture are no control; the folder's own are, whatever its revision."""

    def entry(name: str, path: str, revision: str | None = None) -> EncoderEntry:
        return EncoderEntry(name, name, "@" in name, {}, EncoderSpec(path, revision=revision))

    record = write_fit(tmp_path, folder="own", encoder_entry=entry("m", "/x/m", "main"))
    other = write_fit(tmp_path, folder="other", encoder_entry=entry("m@random", "/y/m@random"))
    assert differences(record, other) and find_control(record, tmp_path) is None
    own = write_fit(tmp_path, folder="random", encoder_entry=entry("m@random", "/x/m@random", "main"))
    assert find_control(record, tmp_path).folder == own.folder


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
    """Where anything but seeds differs a run is not found, and when it is named the error says all that differs."""
    record = write_fit(tmp_path, "hubert", version=version)
    control = write_fit(tmp_path, **{"encoder": "hubert@random"} | change, version=version)
    assert find_control(record, tmp_path) is None
    with pytest.raises(RunError) as caught:
        require_control(record, control)
    assert caught.value.code == "no-control" and any(said in line for line in differences(record, control))


@VERSIONS
def test_another_corpus_of_the_same_name_is_no_control(tmp_path: Path, version: int) -> None:
    """Told apart by digests or, before version 2, by the labels' own."""
    record = write_fit(tmp_path, "hubert", version=version)
    other = {"entry": entry_of("made-up", 9, identity=identity_of("x"))}
    labels = {"configuration": {**record.configuration, "labels": "another"}}
    control = write_fit(tmp_path, "hubert@random", version=version, **(labels if version == 1 else other))
    assert find_control(record, tmp_path) is None and len(differences(record, control)) == 1


def test_seeds_and_readers_may_differ(tmp_path: Path) -> None:
    """Fewer seeds on random weights, or other reading processes, make no other estimate."""
    record = write_fit(tmp_path, "hubert")
    control = write_fit(tmp_path, "hubert@random", seeds=2, options={"workers": 4})
    assert require_control(record, control) is control
    assert find_control(record, tmp_path).folder == control.folder


def test_a_run_whose_weights_are_random_by_its_record_has_no_control(tmp_path: Path) -> None:
    """Also where its name does not say so, as of a cache file of version 0.1.0."""
    write_fit(tmp_path, "hubert@random")
    record = write_fit(tmp_path, "hubert")
    record = replace(record, encoder=replace(record.encoder, random=True))
    assert find_control(record, tmp_path) is None
