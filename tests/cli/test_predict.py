"""`probe predict` gives a table of estimates, on stdout or in a file; what cannot be used is named, the rest done."""

from __future__ import annotations

import io
import shutil
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
from commands import done, probe, refused

ALONE = ("--permutations", 0, "--refits", 0)


@pytest.fixture(scope="module")
def fitted(
    extracted: Path, table: Path, checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder in which probes of two dimensions were fitted in two epochs; to be copied."""
    folder = Path(shutil.copytree(extracted, tmp_path_factory.mktemp("fitted"), dirs_exist_ok=True))
    dims = ("--dim", "valence", "--dim", "arousal")
    with chdir(folder):
        done("fit", table, "--encoder", checkpoints["hubert"], *dims, "--epochs", 2, "--hidden", 4, *ALONE)
    return folder


@pytest.fixture
def run(fitted: Path, here: Path) -> Path:
    """The run of those probes."""
    shutil.copytree(fitted, here, dirs_exist_ok=True)
    (folder,) = Path("runs").iterdir()
    return folder


@pytest.fixture
def recordings(table: Path, here: Path) -> Path:
    """A folder of two recordings, one that cannot be decoded, and a text that is none."""
    folder = here / "recordings"
    folder.mkdir()
    for name in ("01.wav", "02.wav"):
        shutil.copy(table.parent / name, folder)
    (folder / "03.wav").write_bytes(b"no audio")
    (folder / "README.md").write_text("Two recordings.")
    return folder


def test_the_table_goes_to_stdout(run: Path, table: Path) -> None:
    """The estimates of the corpus's own recordings are those of the fit, on the corpus's scale."""
    names = [table.parent / f"{number:02d}.wav" for number in (3, 7)]
    found = pd.read_csv(io.StringIO(done("predict", run, *names).stdout))
    assert list(found.columns[:3]) == ["file", "start", "end"] and {*found.columns[3:]} == {"valence", "arousal"}
    assert list(found.file) == [str(name) for name in names]
    known = pd.read_csv(run / "predictions.csv").query("dimension == 'valence'").set_index("id")["weighted-seed0"]
    assert list(found.valence) == pytest.approx([known["u03"], known["u07"]], abs=2e-3)  # the cache rounds to float16


def test_no_name_is_a_formula_in_the_table(run: Path, table: Path, here: Path) -> None:
    """A recording may be called whatever its owner likes."""
    shutil.copy(table.parent / "01.wav", here / "=cmd|x.wav")
    (line,) = done("predict", run, "=cmd|x.wav").stdout.splitlines()[1:]
    assert line.startswith("'=cmd|x.wav,")


def test_a_table_is_written_whole_or_not_at_all(run: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves the one before; a link stays one, and what is no file is written to as it is."""
    words = ["predict", run, table.parent / "03.wav", "--out"]
    done(*words, "t.csv")
    whole = Path("t.csv").read_text()
    Path("link.csv").symlink_to("t.csv")
    Path("t.csv").write_text("before")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert probe(*words, "link.csv").status == 130 and Path("t.csv").read_text() == "before"
    done(*words, "link.csv")
    assert Path("link.csv").is_symlink() and Path("t.csv").read_text() == whole
    done(*words, "/dev/null")
    assert Path("/dev/null").is_char_device() and not list(Path().glob("*.partial"))


def test_of_a_folder_what_cannot_be_decoded_is_named(run: Path, recordings: Path) -> None:
    """The others are estimated; the status says that something failed; a README is no failure."""
    result = probe("predict", run, recordings, "--out", "there/t.csv")
    assert (result.status, result.code, result.stdout) == (1, None, "there/t.csv\n")
    assert len(pd.read_csv("there/t.csv")) == 2
    assert "03.wav" in result.stderr and "README" not in result.stderr and "1 of 3" in result.stderr
    (recordings / "03.wav").unlink()
    assert done("predict", run, recordings, "--out", "t.csv").stderr == ""


def test_estimates_are_plotted_over_time(run: Path, table: Path) -> None:
    """In windows, into a file whose name is the last that is printed."""
    words = ["predict", run, table.parent / "01.wav", "--window", 0.2, "--hop", 0.1]
    result = done(*words, "--plot", "p/plot.svg", "--out", "t.csv")
    assert result.stdout.splitlines() == ["t.csv", "p/plot.svg"] and "<svg" in Path("p/plot.svg").read_text()
    assert len(pd.read_csv("t.csv")) > 2
    assert Path("p/plot.svg").name not in done(*words, "--plot", "p/plot.svg").stdout  # a table alone, for a program


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["--plot", "p.txt"], "plot-ending", 2),
        (["--window", "0.001"], "option-bounds", 2),
        (["--text", "good"], "no-effect", 2),
        (["--device", "cuda:77"], "device", 1),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    run: Path, table: Path, words: list[str], code: str, status: int
) -> None:
    """And nothing is written."""
    result = probe("predict", run, table.parent / "01.wav", "--out", "t.csv", *words)
    refused(result, code, status)
    assert result.stdout == "" and not Path("t.csv").exists()


def test_what_is_no_run_or_no_file_is_refused(run: Path, here: Path) -> None:
    """Each with its own code."""
    refused(probe("predict", "nowhere", "a.wav"), "no-run")
    refused(probe("predict", run, "*.wav"), "no-match")
    (here / "empty").mkdir()
    refused(probe("predict", run, "empty"), "no-audio")
    gone = probe("predict", run, "gone.wav", "gone-too.wav")
    assert (gone.status, gone.code, gone.stdout) == (1, None, "") and "2 of 2 files" in gone.stderr
    assert "gone.wav" in gone.stderr and "gone-too.wav" in gone.stderr


@pytest.mark.parametrize("name", ["runs/nosuch", "./runs/nosuch", "./nosuch/model", "../nosuch", "/nosuch/model"])
def test_a_mistyped_run_is_never_looked_for_on_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder `runs` is there yet either; what may be a model of the hub is still asked for."""
    for command in (["predict", name, "a.wav"], ["evaluate", name]):
        refused(probe(*command), "no-run")
    monkeypatch.setenv("PROBING_RUNS", "mine")
    refused(probe("predict", "mine/nosuch", "a.wav"), "no-run")
    refused(probe("evaluate", "theirs/nosuch", "--runs", "theirs"), "no-run")
    refused(probe("evaluate", "theirs/nosuch"), "no-corpus", status=2)


def test_files_and_recogniser_are_asked_for_before_the_run_is_opened(
    run: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run takes seconds to open; where one of several files is there, the others are named at the end."""
    files = (table.parent / "01.wav", "gone.wav")
    assert "1 of 2 files" in probe("predict", run, *files).stderr
    monkeypatch.setattr("probing.predict.predictor.open_run", lambda *_: pytest.fail("the run was opened"))
    assert "gone.wav" in probe("predict", run, "gone.wav").stderr
    refused(probe("predict", run, files[0], "--asr", "whisper-base"), "asr-unknown")
