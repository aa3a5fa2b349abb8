"""What the operating system refuses has a code, whichever library was told of it and in whatever words."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file

from probing.files.failures import failure
from probing.report.style import save_as


@pytest.fixture
def little_space() -> Iterator[None]:
    """No file of this process may be larger than 16 KiB: a disk that is full, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk"),
        (errno.EDQUOT, "disk"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.ENOENT, "vanished"),
        (errno.ESTALE, "vanished"),
        (errno.EIO, "io"),
        (errno.ENAMETOOLONG, "name-too-long"),
        (errno.EMFILE, "open-files"),
        (errno.EADV, "system"),
    ],
)
def test_a_number_has_a_code(number: int, code: str) -> None:
    """The file is named, and what to do; one that we never thought of has the system's own words."""
    found = failure(OSError(number, os.strerror(number), "a/b"))
    assert found is not None and found.code == code and found.what == "a/b" and found.why


@pytest.mark.parametrize("kind", ["safetensors", "torch", "numpy", "csv", "hdf5"])
def test_a_library_that_cannot_write_is_understood(kind: str, little_space: None, tmp_path: Path) -> None:
    """Each says it in its own way."""
    path, numbers = tmp_path / kind, np.zeros(1 << 18)
    with pytest.raises(Exception) as caught:
        if kind == "safetensors":
            save_file({"x": torch.zeros(1 << 18)}, path)
        elif kind == "torch":
            torch.save({"x": torch.zeros(1 << 18)}, path)
        elif kind == "numpy":
            np.save(path, numbers)
        elif kind == "csv":
            path.write_text("x" * (1 << 20))
        else:
            with h5py.File(path, "w") as file:
                file["x"] = numbers
    found = failure(caught.value)
    assert found is not None and found.code == "disk" and found.remedy


@pytest.mark.parametrize("kind", ["pdf", "png", "svg"])
def test_a_figure_that_cannot_be_written_is_understood(kind: str, little_space: None, tmp_path: Path) -> None:
    """Matplotlib's writer of PDF fails again while it closes the file, and would hide the reason."""
    figure = Figure()
    figure.subplots().imshow(np.random.default_rng(0).random((200, 200)), interpolation="none")
    figure.set_size_inches(9, 9)
    with pytest.raises(OSError) as caught:
        save_as(figure, tmp_path / f"figure.{kind}")
    found = failure(caught.value)
    assert found is not None and found.code == "disk" and found.what == str(tmp_path / f"figure.{kind}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("(os error 28) is only text here"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        KeyError("errno = 28"),
    ],
)
def test_what_is_no_failure_of_the_system_is_none(error: Exception) -> None:
    """A mistake of ours must be seen as what it is."""
    assert failure(error) is None


def test_what_was_being_handled_meanwhile_is_another_matter() -> None:
    """Only what an error was raised from counts."""
    try:
        try:
            raise FileNotFoundError(errno.ENOENT, "gone", "x")
        except FileNotFoundError:
            raise ZeroDivisionError  # noqa: B904 - a mistake in the handling
    except ZeroDivisionError as error:
        assert failure(error) is None
