"""The Makefile's targets type the commands that they are documented to type."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("settings", "encoders", "figure"),
    [
        ([], [*(f"demo-hubert@random{seed}" for seed in ("", ":1", ":2", ":3", ":4")), "demo-hubert"], "figure 2"),
        (["ENCODER=my folder/m", "RANDOMS=1"], ["my folder/m@random", "my folder/m"], "figure 2"),
        (["ENCODER=hubert-base@random:3"], ["hubert-base@random:3"], "figure 2"),
        (["CONTROL=no"], ["demo-hubert"], "figure 2 --no-control"),
    ],
)
def test_make_figure2_fits_the_controls_first(
    tmp_path: Path, settings: list[str], encoders: list[str], figure: str
) -> None:
    """`make figure2` extracts and looks at random encoders, then fits the encoder, whose run is then the latest."""
    ready = tmp_path / "ready"
    ready.touch()
    more = ["FEATURES=--normalize none", "FITTING=--epochs 3"]
    command = ["make", "-n", "-o", str(ready), f"VENV={tmp_path}", "figure2", *settings, *more]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    lines = [shlex.split(line)[1:] for line in printed.splitlines()]
    made = [(words[0], words[words.index("--encoder") + 1]) for words in lines[:-1]]
    assert made == [(step, encoder) for encoder in encoders for step in ("extract", "fit")]
    fits = [" ".join(words) for words in lines[:-1] if words[0] == "fit"]
    assert all(fit.endswith("--normalize none --head ridge --permutations 0") for fit in fits[:-1])
    assert fits[-1].endswith("--normalize none --layers weighted --seeds 5 --epochs 3")
    assert " ".join(lines[-1]) == figure


def test_make_compare_asks_probe_whether_a_run_is_finished(tmp_path: Path) -> None:
    """The presence of a record settles nothing: every training is typed, FT⇒FRZ after its audio system."""
    (tmp_path / "ready").touch()
    folder = tmp_path / "compare"
    names = ("demo-hubert", "demo-distilhubert+demo-tinybert")
    for name in names:
        (folder / f"finetune-demo-{name}").mkdir(parents=True)
        (folder / f"finetune-demo-{name}" / "record.json").touch()
    command = ["make", "-n", "-o", f"{tmp_path}/ready", f"VENV={tmp_path}", f"COMPARED={folder}", "systems"]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    lines = [shlex.split(line) for line in printed.replace("\\\n", " ").splitlines()]
    made = [line[line.index("--name") + 1].removeprefix("finetune-demo-") for line in lines]
    assert len(made) == 6 and set(names) < set(made)
    for audio in ("demo-hubert", "demo-distilhubert"):
        assert made.index(audio) < made.index(f"{audio}+demo-tinybert-frozen-audio-text")


def test_make_atlas_looks_at_random_twins_and_at_encoders_before_and_after_fine_tuning(tmp_path: Path) -> None:
    """Of each encoder, of speech or text, so many twins without permutations; fine-tuning comes first, drawing last."""
    (tmp_path / "ready").touch()
    command = ["make", "-n", "-o", f"{tmp_path}/ready", f"VENV={tmp_path}", "TWINS=2", "atlas"]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    lines = [shlex.split(line)[1:] for line in printed.replace("\\\n", " ").splitlines()]
    tuned = [line[line.index("--name") + 1] for line in lines if line[0] == "finetune"]
    encoders = ["demo-hubert", "demo-distilhubert", "demo-tinybert", *(f"runs/compare/{name}" for name in tuned)]
    assert tuned == ["finetune-demo-demo-hubert", "finetune-demo-demo-distilhubert"]
    fits = [line for line in lines if line[0] == "fit"]
    expected = [(f"{encoder}@random{seed}", True) for encoder in encoders for seed in ("", ":1")]
    expected += [(encoder, False) for encoder in encoders]
    assert [(line[line.index("--encoder") + 1], line[-2:] == ["--permutations", "0"]) for line in fits] == expected
    assert lines.index(fits[0]) > 2 and lines[-1][:2] == ["figure", "atlas"] and lines[-1][-2:] == ["--name", "demo"]
