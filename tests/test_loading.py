"""What each room loads: a mistyped option is answered at once, and estimating needs no storage and no trainer."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ridge_fits import write_ridge_fit
from test_rooms import FILES, LIGHT, modules_of, names_of

# One process climbs from what must load least to what may load most, since importing torch anew for each room takes
# seconds. A rung that loads what a later one must not is climbed in a child of its own (fork).
HEAVY = {"torch", "transformers", "numpy", "pandas", "h5py", "matplotlib"}
STORAGE = {"h5py", "jiwer", "probing.cache.reader", "probing.cache.writer"}
TRAINING = {"transformers.trainer", "probing.training.train", "probing.training.finetune"}
OPTIONS = [path for path in FILES if path.name in ("options.py", "spec.py")]
HELP = """
from click.testing import CliRunner
from probing.cli.main import main
for words in ([], *([name] for name in main.commands)):
    assert CliRunner().invoke(main, [*words, '--help']).exit_code == 0
"""
FIGURE = """
from probing.cli.main import main
main(['figure', '2', {run!r}, '--out', {run!r}], standalone_mode=False)
"""
NAMES = """
from click.testing import CliRunner
from probing.cli.main import main
for words in (
    'check no.csv', 'check --transcripts no.csv', 'extract no.csv', 'extract --encoder ./no', 'verify no.csv',
    'fit no.csv', 'fit --cache no.h5', 'layers no.csv', 'finetune no.csv', 'finetune --system demo-hubert+no',
    'evaluate no', 'transcribe no.csv --asr a/b', 'predict no a.wav', 'compare no', 'figure 2 no', 'report no',
    'evaluate runs/no', 'transcribe --asr no', 'figure 2 --runs no', 'report --runs no', 'runs --runs no',
):
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 1 and 'no' in result.output, (words, result.output)
"""
CHECK = """
import pathlib, tempfile
import numpy, soundfile
from click.testing import CliRunner
from probing.cli.main import main
with tempfile.TemporaryDirectory() as folder:
    soundfile.write(folder + '/a.wav', numpy.sin(numpy.arange(16000)), 16000)
    pathlib.Path(folder, 'a.csv').write_text('id,path,partition,arousal\\na,a.wav,train,.5\\n')
    assert '1 utterance' in CliRunner().invoke(main, ['check', folder + '/a.csv']).output
"""
SLOW = {"torch", "transformers", "matplotlib", "sklearn", "scipy.signal"}


def importing(*paths: Path) -> str:
    """Code that imports modules."""
    return "\n".join(f"import {name}" for name in names_of([*paths]))


# name → code, what it must not load, whether a child climbs it
RUNGS: dict[str, tuple[str, set[str], bool]] = {
    "the package": ("import probing", HEAVY | {"click"}, False),
    "the description of options": ("import probing.options", HEAVY | {"click"}, False),
    "specs and options": (importing(*OPTIONS), HEAVY, False),
    "help of every command": (HELP, HEAVY, False),
    "names that are not there": (NAMES, SLOW | {"pandas", "scipy"}, True),
    "checking audio": (CHECK, SLOW, True),
    "drawing": (importing(*modules_of("report")) + FIGURE, {"torch", "transformers", "h5py"}, True),
    "light rooms": (importing(*(path for room in LIGHT for path in modules_of(room))), {"torch", "transformers"}, True),
    "encoders": (importing(*modules_of("encoders")), STORAGE | TRAINING | {"matplotlib"}, False),
    "features and fits": ("import probing.probes.features, probing.probes.results", STORAGE | TRAINING, False),
    "inference": ("import probing.systems.inference, probing.systems.build", STORAGE | TRAINING, False),
    "predicting": (importing(*modules_of("predict")), STORAGE | TRAINING | {"matplotlib"}, False),
    "evaluating": ("import probing.training.evaluate", {"transformers.trainer", "jiwer"}, False),
}
CLIMB = """
import os, sys
for name, (code, child) in {rungs!r}.items():
    pid = os.fork() if child else 0
    if pid == 0:
        exec(code, {{'__name__': 'rung'}})
        print(repr((name, sorted(sys.modules))), flush=True)
        if child:
            os._exit(0)
    else:
        os.waitpid(pid, 0)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Rung → modules that are loaded there; a figure is drawn, and the note on its missing control is printed."""
    run = str(write_ridge_fit(tmp_path_factory.mktemp("runs"), "demo-hubert").folder)
    rungs = {name: (code.replace("{run!r}", repr(run)), child) for name, (code, _, child) in RUNGS.items()}
    code = CLIMB.format(rungs=rungs)
    quiet = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=quiet)
    assert process.returncode == 0, process.stderr
    assert "probe extract" in process.stderr  # how to make the control
    found = (ast.literal_eval(line) for line in process.stdout.splitlines() if line.startswith("("))
    return {name: set(modules) for name, modules in found}


def test_nothing_loads_what_it_does_not_need(loaded: dict[str, set[str]]) -> None:
    """Each room, and each command's help, with every module of it."""
    assert list(loaded) == list(RUNGS) and len(OPTIONS) > 5
    heavy = {name: sorted(loaded[name] & forbidden) for name, (_, forbidden, _) in RUNGS.items()}
    assert not any(heavy.values()), heavy
