"""The audio encoder of a finetune run opens like any other, with the weights that training left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import save_text_encoder, waveform
from front_ends import save_front_end
from safetensors.torch import load_file, save_file
from small_systems import built

from probing.encoders.audio import AudioEncoder
from probing.encoders.opening import open_encoder
from probing.errors import EncoderError
from probing.files import file_digest, sealed, write_json
from probing.files.recorded import File, is_whole


def save_run(folder: Path, *parts: Path, seeds: tuple[int, ...] = (0, 3)) -> Path:
    """The folder of a run whose training moved every weight a little, as `probe finetune` lays it out."""
    for seed in seeds:
        system, processor = built(*parts, seed=seed)
        with torch.no_grad():
            for parameter in system.parameters():
                parameter.add_(0.01 * (seed + 1))
        system.save_pretrained(folder / f"seed{seed}")
        processor.save_pretrained(folder / f"seed{seed}")
    return folder


@pytest.mark.parametrize("kind", ["hubert", "wavlm-large", "whisper"])
def test_a_run_s_audio_encoder_opens(checkpoints: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """Its states are those of the system's own encoder; layers can be compared before and after."""
    folder = save_front_end(tmp_path / kind, kind) if kind == "whisper" else checkpoints[kind]
    text = save_text_encoder(tmp_path / "bert")
    run = save_run(tmp_path / "finetune-table-x", folder, text)
    before, after, third = (open_encoder(str(place)) for place in (folder, run, run / "seed3"))
    assert isinstance(after, AudioEncoder) and after.spec.name == str(run)
    assert (after.name, third.name) == ("finetune-table-x-seed0", "finetune-table-x-seed3")
    assert {k for k in after.identity if after.identity[k] != before.identity[k]} == {"weights"}
    assert third.identity["weights"] != after.identity["weights"]
    moved = open_encoder(str(folder))
    with torch.no_grad():
        for parameter in moved._model.parameters():
            parameter.add_(0.01)
    torch.testing.assert_close(after.hidden_states([waveform(0.5, 0)])[0], moved.hidden_states([waveform(0.5, 0)])[0])
    assert open_encoder(f"{run}@random").random and open_encoder(str(run), layers=1).n_states == 2


def test_a_run_on_text_alone_gives_its_text_encoder(tmp_path: Path) -> None:
    """There is no other."""
    run = save_run(tmp_path / "run", save_text_encoder(tmp_path / "bert"), seeds=(1,))
    encoder = open_encoder(str(run))
    assert encoder.reads and encoder.name == "run-seed1" and encoder.states("a good day").shape == (5, 4, 32)


def test_an_incomplete_run_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """Weights that are not there, or not all there, and a configuration that cannot be read."""
    run = save_run(tmp_path / "run", checkpoints["hubert"], seeds=(0,))
    (run / "seed0" / "model.safetensors").unlink()
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(run))
    assert caught.value.code == "encoder-incomplete"
    described = json.loads((run / "seed0" / "config.json").read_text())
    described["audio_config"]["hidden_size"] = "wide"
    (run / "seed0" / "config.json").write_text(json.dumps(described))
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(run))
    assert caught.value.code == "encoder-unopened"


def test_a_run_of_a_preset_s_name_stands_for_the_preset_no_more_than_any_folder(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`demo-hubert` is the built-in encoder wherever it is typed; `./demo-hubert` is the run."""
    monkeypatch.chdir(tmp_path)
    expected = open_encoder("demo-hubert").identity
    save_run(Path("demo-hubert"), checkpoints["hubert"], seeds=(0,))
    assert open_encoder("demo-hubert").identity == expected
    assert open_encoder("./demo-hubert").name == "demo-hubert-seed0"


def test_only_the_files_of_the_system_itself_are_read(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A part of another training's weights that lies beside them is none of it; an index names several."""
    run = save_run(tmp_path / "run", checkpoints["hubert"], seeds=(0,))
    whole = open_encoder(str(run)).identity
    file = run / "seed0" / "model.safetensors"
    held = load_file(file)
    save_file({key: value + 1 for key, value in held.items()}, run / "seed0" / "model-00001-of-00002.safetensors")
    assert open_encoder(str(run)).identity == whole
    names = {key: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, key in enumerate(sorted(held))}
    for name in set(names.values()):
        save_file({key: value for key, value in held.items() if names[key] == name}, run / "seed0" / name)
    (run / "seed0" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    file.unlink()
    assert open_encoder(str(run)).identity == whole


def recorded(run: Path, **changes: object) -> dict[str, Any]:
    """Write what a record says of a run's files, with some fields changed after it was sealed."""
    paths = [*(run / "seed0").iterdir()]
    files = {f"seed0/{path.name}": {"size": path.stat().st_size, "sha256": file_digest(path)} for path in paths}
    files["scores.csv"] = {"size": 0, "sha256": "0" * 64}
    content = sealed({"version": 3, "files": files}, "sha256") | changes
    write_json(run / "record.json", content)
    return content


def changed(folder: Path) -> str:
    """Why a run's encoder is refused, as one that is not what the run wrote."""
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(folder))
    assert caught.value.code == "encoder-changed" and caught.value.remedy
    return caught.value.why


def test_a_record_that_is_not_what_its_run_wrote_vouches_for_nothing(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its digest of itself; one that is no record, and one that does not list the system, are refused too."""
    run = save_run(tmp_path / "run", checkpoints["hubert"], seeds=(0,))
    files = recorded(run)["files"]
    recorded(run, date="yesterday")
    assert "not what the run wrote" in changed(run / "seed0")
    for version, listed in ((4, files), (3, {}), (3, {"seed0/../../x": files["seed0/config.json"]}), (3, None)):
        write_json(run / "record.json", sealed({"version": version, "files": listed}, "sha256"))
        if version == 4:  # a later one, whose files are listed as those of today
            assert open_encoder(str(run)).width == 32
        else:
            assert changed(run)
    (run / "record.json").write_text('{"version": 3, "version": 1}')
    assert changed(run)
    monkeypatch.chdir(run / "seed0")
    assert changed(Path())
    (run / "record.json").write_text("{}")  # of version 0.1.0
    assert open_encoder(str(run)).width == 32


def test_a_run_in_a_download_of_the_hub_is_links_into_its_blobs(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """In its seeds' folders too; a run's link to anywhere else is none of its files, whatever the record says."""
    run = save_run(tmp_path / "run", checkpoints["hubert"], seeds=(0,))
    told = open_encoder(str(run)).identity
    recorded(run)
    model = tmp_path / "models--owner--name"
    snapshot, blobs = model / "snapshots/0123", model / "blobs"
    (snapshot / "seed0").mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(path for path in run.rglob("*") if path.is_file())):
        shutil.move(path, blobs / str(number))
        (snapshot / path.relative_to(run)).symlink_to(blobs / str(number))
    record = json.loads((snapshot / "record.json").read_text())
    for folder in (snapshot, snapshot / "seed0"):
        assert open_encoder(str(folder)).identity == told
    assert is_whole(snapshot, "seed0/config.json", File(**record["files"]["seed0/config.json"]))
    weights = snapshot / "seed0/model.safetensors"
    shutil.move(weights.resolve(), tmp_path / "elsewhere.safetensors")
    weights.unlink()
    weights.symlink_to(tmp_path / "elsewhere.safetensors")
    assert not is_whole(snapshot, "seed0/model.safetensors", None)
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(snapshot))
    assert caught.value.code == "encoder-outside"


def test_a_run_whose_files_are_not_those_of_its_record_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """One bit of its weights is enough; a system without a record, as on a hub, cannot tell."""
    run = save_run(tmp_path / "run", checkpoints["hubert"], seeds=(0,))
    recorded(run)
    assert open_encoder(str(run)).width == 32
    weights = bytearray((run / "seed0/model.safetensors").read_bytes())
    weights[-1] ^= 1
    (run / "seed0/model.safetensors").write_bytes(weights)
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(run))
    assert caught.value.code == "encoder-changed"
    (run / "record.json").unlink()
    assert open_encoder(str(run)).width == 32
