"""Formats that need ffmpeg: decoded where it is, named with what to install where it is not."""

from __future__ import annotations

import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from probing.audio import ffmpeg
from probing.audio.decode import listen, load
from probing.errors import AudioError

RATE = 48_000
M4A = b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """What looks like an MPEG-4 file."""
    path = tmp_path / "voice.m4a"
    path.write_bytes(M4A)
    return path


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wave: np.ndarray, ending: str = "") -> None:
    """A program that writes an AU stream of these samples [S, channels] as ffmpeg does, and then runs this code."""
    head = struct.pack(">4s5I8x", b".snd", 32, 0xFFFFFFFF, 6, RATE, wave.shape[1])
    (tmp_path / "stream").write_bytes(head + wave.astype(">f4").tobytes())
    program = tmp_path / "ffmpeg"
    code = f"import sys\nsys.stdout.buffer.write(open({str(tmp_path / 'stream')!r}, 'rb').read())\n{ending}\n"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "program", lambda: str(program))


def refusal(path: Path) -> AudioError:
    """With what a file is refused."""
    with pytest.raises(AudioError) as caught:
        load(path)
    assert str(path) in caught.value.what and caught.value.remedy
    return caught.value


def test_without_ffmpeg_it_is_said_what_to_install(voice, monkeypatch):
    """And how to convert the file elsewhere."""
    monkeypatch.setattr(ffmpeg, "program", lambda: None)
    error = refusal(voice)
    assert error.code == "audio-undecodable" and "MPEG-4" in error.why
    assert "imageio-ffmpeg" in error.remedy and "ffmpeg -i voice.m4a" in error.remedy


def test_what_ffmpeg_decodes_is_averaged_and_resampled_as_any_file(voice, tmp_path, monkeypatch):
    """Its samples are those of a WAV with the same content."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE, 2)).astype(np.float32)
    stand_in(tmp_path, monkeypatch, wave)
    soundfile.write(tmp_path / "same.wav", wave, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(load(voice), load(tmp_path / "same.wav"))


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(1)",
        "print('[in#0 @ 0x5] partial file', file=sys.stderr)",
        "print('[mov @ 0x5] no chapters\\n[in#0 @ 0x5] File ended prematurely', file=sys.stderr)",
    ],
)
def test_audio_that_ffmpeg_lost_is_damage(voice, tmp_path, monkeypatch, ending):
    """It goes on where it can, and of some formats says so only on stderr."""
    stand_in(tmp_path, monkeypatch, np.full((RATE, 1), 0.25, np.float32), ending)
    error = refusal(voice)
    assert error.code == "audio-damaged" and "0x5" not in error.why


def test_another_complaint_of_ffmpeg_is_a_note(voice, tmp_path, monkeypatch):
    """The audio is whole; the note has no numbers, so that like files share a line."""
    wave = np.full((RATE, 1), 0.25, np.float32)
    wave[::2] = -0.25
    stand_in(tmp_path, monkeypatch, wave, "print('[mov @ 0x5] QT chapter track 3 not found', file=sys.stderr)")
    found = listen(voice)
    assert len(found.waveform) == 16_000 and found.notes == ("ffmpeg says: QT chapter track … not found",)


@pytest.mark.parametrize("place", ["begin", "end"])
def test_ffmpeg_has_no_time_without_end(voice, tmp_path, monkeypatch, place):
    """Whether it says nothing at all, or goes on after its last sample; it is then ended."""
    ending = "sys.stdout.flush()\nimport time\ntime.sleep(99)"
    stand_in(tmp_path, monkeypatch, np.full((10, 1), 0.25, np.float32), ending)
    if place == "begin":
        (tmp_path / "stream").write_bytes(b"")
    children, start = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: children.append(start(*a, **k)) or children[-1])
    monkeypatch.setattr(ffmpeg, "_PATIENCE", 0.1)
    assert refusal(voice).code == "audio-damaged"
    assert [child.returncode for child in children] == [-signal.SIGKILL]


def test_rates_that_ffmpeg_states_are_bounded_too(voice, tmp_path, monkeypatch):
    """Before anything is read."""
    monkeypatch.setattr(sys.modules[__name__], "RATE", 2**31)
    stand_in(tmp_path, monkeypatch, np.zeros((10, 1), np.float32))
    assert refusal(voice).code == "audio-bounds"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (M4A, "MPEG-4"),
        (b"\x1aE\xdf\xa3" + bytes(8), "WebM"),
        (bytes.fromhex("3026b2758e66cf11") + bytes(4), "Windows Media"),
        (b"#!AMR\n" + bytes(6), "AMR"),
        (b"\xff\xf1" + bytes(10), "AAC"),
    ],
)
def test_formats_are_told_by_their_first_bytes(head, name):
    """Whatever the file is called."""
    kind = ffmpeg.foreign(head)
    assert kind and name in kind.name
    assert ffmpeg.foreign(b"\xff\xf3" + bytes(10)) is None  # MP3


@pytest.mark.skipif(ffmpeg.program() is None, reason="ffmpeg is not installed")
def test_a_real_m4a_is_decoded(tmp_path):
    """Encoded by ffmpeg itself."""
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    soundfile.write(tmp_path / "voice.wav", wave, RATE)
    command = [ffmpeg.program() or "", "-v", "error", "-i", tmp_path / "voice.wav", tmp_path / "voice.m4a"]
    subprocess.run(command, check=True)
    found = load(tmp_path / "voice.m4a")
    assert abs(len(found) - 32_000) < 2000
    spectrum = np.abs(np.fft.rfft(found[8000:24_000]))  # of a second, so that a bin is 1 Hz
    assert spectrum.argmax() == 440 and spectrum[440] / 8000 == pytest.approx(0.3, abs=0.05)
    raw = (tmp_path / "voice.m4a").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(raw[: len(raw) // 2])
    assert refusal(tmp_path / "cut.m4a").code == "audio-damaged"


@pytest.mark.skipif(ffmpeg.program() is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("ending", ["webm", "mka", "aac"])
def test_a_real_file_that_is_cut_is_damaged(tmp_path, ending):
    """Matroska's end is reported without an error."""
    soundfile.write(tmp_path / "voice.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 2 * RATE), RATE)
    path = tmp_path / f"voice.{ending}"
    subprocess.run([ffmpeg.program() or "", "-v", "error", "-i", tmp_path / "voice.wav", path], check=True)
    assert listen(path).notes == ()
    path.write_bytes(path.read_bytes()[:-2000])
    assert refusal(path).code == "audio-damaged"


def test_a_program_on_the_path_is_found(tmp_path, monkeypatch):
    """Before the one of a package."""
    (tmp_path / "ffmpeg").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg.program() == shutil.which("ffmpeg") == str(tmp_path / "ffmpeg")
