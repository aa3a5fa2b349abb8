"""The commands in the order of the workflow; a mistake is answered at once; the environment is settled before torch."""

from __future__ import annotations

import os
import pty
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import pytest
from commands import USAGE, done, probe, refused

from probing.cli.main import main

ORDER = "check extract verify fit layers finetune evaluate transcribe predict compare figure report bench runs".split()
HEAVY = {"torch", "transformers", "numpy", "pandas", "matplotlib", "h5py", "scipy"}
MOST_SECONDS = 0.3  # of processor time for a refusal
MISTAKES = [
    ("check --fold two", USAGE),
    ("extract demo --store zip", USAGE),
    ("extract demo --dtype float8", USAGE),
    ("extract demo --batch-seconds 0", "option-bounds"),
    ("extract demo --shard 3/2", "shard"),
    ("extract demo --laiers 3", USAGE),
    ("verify demo --sample 0", "option-bounds"),
    ("fit demo --layers all", USAGE),
    ("fit demo --seeds 0", "option-bounds"),
    ("fit demo --lr inf", "option-bounds"),
    ("fit demo --store zip", USAGE),
    ("fit demo --cache a.h5 --encoder demo-hubert", "exclusive"),
    ("finetune demo --fusion glue", USAGE),
    ("finetune demo --lr inf", "option-bounds"),
    ("finetune demo --batch 1", "option-bounds"),
    ("finetune demo --init audio", USAGE),
    ("finetune demo --corrupt-words 2", "option-bounds"),
    ("evaluate runs/x --batch 0", "option-bounds"),
    ("transcribe demo", USAGE),
    ("transcribe demo --asr a --out t.json", "table-ending"),
    ("predict runs/x a.wav --text a --asr b", "exclusive"),
    ("predict runs/x a.wav --hop 2", "no-effect"),
    ("compare", USAGE),
    ("figure 9", USAGE),
    ("figure 2 --control a --no-control", "exclusive"),
    ("figure 2 --dim valence", "no-effect"),
    ("figure snr --no-control", "no-effect"),
    ("runs --all", USAGE),
]


def test_the_commands_stand_in_the_order_of_the_workflow() -> None:
    """As a user types them one after another, in `probe --help` too."""
    assert list(main.commands) == ORDER
    listed = re.findall(r"^  (\w+)  ", done("--help").stdout.partition("Commands:")[2], flags=re.MULTILINE)
    assert listed == ORDER


@pytest.mark.parametrize("name", [None, *ORDER])
def test_help_is_laid_out_for_reading(name: str | None) -> None:
    """No formatting mark is printed, an example stands on a line of its own, and every option is told once."""
    text = done(*([name] if name else []), "--help").stdout
    assert "\\b" not in text and "\b" not in text and "None" not in text
    assert name is None or any(line.strip().startswith("Example: probe") for line in text.splitlines())
    flags = Counter(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, flags=re.MULTILINE))
    assert flags and set(flags.values()) == {1}


@pytest.mark.parametrize("name", ORDER)
def test_every_option_is_explained(name: str) -> None:
    """A sentence that ends in a full stop, and no option without."""
    options = [one for one in main.commands[name].params if isinstance(one, click.Option)]
    assert options
    for option in options:
        assert option.help and option.help.endswith((".", "…", "below.")), option.opts


@pytest.mark.parametrize(("words", "code"), MISTAKES)
def test_a_mistake_in_what_was_typed_has_status_2(words: str, code: str) -> None:
    """Whatever is wrong with an option, it is refused as a usage error, and nothing is written."""
    refused(probe(*words.split()), code, status=2)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("words", [words for words, _ in MISTAKES[::9]])
def test_a_mistake_is_answered_before_anything_heavy_is_loaded(words: str) -> None:
    """In a process of its own: quickly, and without torch, NumPy or pandas."""
    code = (
        "import sys\nfrom probing.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        f"finally:\n    print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (ended.returncode, ended.stdout.strip()) == (2, ""), ended.stderr
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 3 * MOST_SECONDS  # generous: the machine may be slow, or busy


@pytest.mark.parametrize("set_to", [None, "ACTIVE"])
def test_every_process_waits_without_spinning(set_to: str | None) -> None:
    """OMP_WAIT_POLICY is settled before torch can be imported, unless the user has."""
    code = (
        "import os, sys, click\nfrom probing.cli.main import main\n"
        "@main.command()\ndef show():\n    print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)\n"
        "main(['show'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": set_to} if set_to else {}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ended.stdout.split() == [set_to or "PASSIVE", "False"], ended.stderr


def test_a_bar_is_seen_on_a_terminal_that_does_not_tell_its_size() -> None:
    """A terminal of no columns and rows, as some containers have."""
    code = (
        "from probing.cli.main import main\n"
        "@main.command()\ndef show():\n    from tqdm import tqdm\n    list(tqdm(range(3), desc='bar', disable=None))\n"
        "main(['show'])"
    )
    ours, theirs = pty.openpty()  # of no size, until somebody sets one
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TQDM_")}
    subprocess.run(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, check=True
    )
    os.close(theirs)
    assert b"3/3" in os.read(ours, 1 << 16)


def test_it_is_a_program_too() -> None:
    """`python -m probing`, for torchrun: the exit status is the command's."""
    ended = subprocess.run([sys.executable, "-m", "probing", "check", "nowhere.csv"], capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stdout == "" and ended.stderr.startswith("Error: ")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_its_number(encoding: str) -> None:
    """An ellipsis is no reason to fail; a file name that is no text keeps its bytes, so that it can be passed on."""
    code = (
        "import click\nfrom probing.cli.main import main\n"
        "@main.command()\ndef show():\n    click.echo('… a\\udce9')\n"
        "main(['show'])"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    first = "…".encode() if encoding == "utf-8" else b"\\u2026"
    assert ended.stdout == first + b" a\xe9\n" and ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("words", [["--help"], ["runs"]])
def test_output_that_nobody_can_take_is_one_message(words: list[str], tmp_path: Path) -> None:
    """The disk on which the output goes is full: no traceback, and a status that says so."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "probing", *words], stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True
        )
    assert ended.returncode == 1 and "the disk is full" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "words",
    [("fit", "demo", "--runs", "r\udce9"), ("figure", "2", "r\udce9"), ("extract", "demo", "--encoder", "e\udce9")],
)
def test_a_name_that_is_no_text_is_refused_before_any_work(words: tuple[str, ...]) -> None:
    """Safetensors writes to no such place, which it would say at the end of a training."""
    refused(probe(*words), "name-encoding", status=2)
