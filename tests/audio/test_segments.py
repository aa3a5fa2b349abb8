"""Segments of a recording are heard as if they had been cut from it, and the recording is decoded once, forward."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import refusal

from probing.audio import decode, sndfile
from probing.audio.decode import Length, Sound, listen, listen_to_parts, load, measure, measure_parts
from probing.errors import AudioError

RATE = 16_000
SECONDS = 3.2
SEGMENTS = ((0.0, 0.5), (0.4, 1.23456), (1.0, 1.025), (2.0, SECONDS), (0.7, math.inf), (0.0, math.inf))


def noise(rate: int = RATE, seconds: float = SECONDS) -> np.ndarray:
    """Noise that tells every sample from every other."""
    return np.random.default_rng(7).uniform(-0.5, 0.5, round(rate * seconds)).astype(np.float32)


def recorded(path: Path, rate: int = RATE, **options: str) -> Path:
    """A recording of 3.2 s."""
    soundfile.write(path, noise(rate), rate, **options)
    return path


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("at_a_time", [1 << 20, 1000])
def test_a_segment_is_a_slice_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, at_a_time: int
) -> None:
    """In every format, bit by bit, whatever the blocks are in which it comes: nothing is seeked."""
    path = recorded(tmp_path / f"long.{ending}")
    whole = load(path)
    monkeypatch.setattr(sndfile, "at_a_time", lambda rate, channels: at_a_time)
    monkeypatch.setattr(soundfile.SoundFile, "seek", lambda *_: pytest.fail("it seeks"))
    for found, (start, end) in zip(listen_to_parts(path, SEGMENTS), SEGMENTS, strict=True):
        last = len(whole) if math.isinf(end) else round(end * RATE)
        assert isinstance(found, Sound) and np.array_equal(found.waveform, whole[round(start * RATE) : last])


@pytest.mark.parametrize(("ending", "options"), [("wav", {}), ("wav", {"subtype": "PCM_24"}), ("flac", {})])
def test_a_segment_without_loss_at_16_khz_is_what_was_cut_beforehand(
    tmp_path: Path, ending: str, options: dict[str, str]
) -> None:
    """Bit by bit, and its content is that of the file that was cut."""
    path = recorded(tmp_path / f"long.{ending}", **options)
    samples, _ = soundfile.read(path, dtype="int32")
    segment = (0.31, 2.77)
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, samples[4960:44_320], RATE, subtype="PCM_32")
    assert np.array_equal(load(path, segment), load(cut))
    (found,) = measure_parts(path, [segment])
    assert found == measure(cut)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_at_other_rates_a_segment_differs_from_what_was_cut_beforehand_at_its_ends_only(
    tmp_path: Path, rate: int
) -> None:
    """The filter of the resampling hears what is beside the segment: 10 samples of the lower rate on each side."""
    path = recorded(tmp_path / "long.wav", rate, subtype="FLOAT")
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, noise(rate)[round(0.31 * rate) : round(2.77 * rate)], rate, subtype="FLOAT")
    inside, alone = load(path, (0.31, 2.77)), load(cut)
    assert len(inside) == len(alone) == 39_360
    edge = 10 * RATE // min(rate, RATE) + 1
    assert np.array_equal(inside[edge:-edge], alone[edge:-edge]) and not np.array_equal(inside, alone)


def test_a_recording_is_decoded_as_far_as_its_last_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is measured it is decoded to its end, since damage may follow."""
    path = recorded(tmp_path / "long.wav")
    taken: list[int] = []
    monkeypatch.setattr(sndfile, "at_a_time", lambda rate, channels: 1600)
    own = decode.blocks
    monkeypatch.setattr(
        decode, "blocks", lambda path, notes: (block for block in own(path, notes) if not taken.append(len(block)))
    )
    listen(path, (0.1, 0.55))
    assert sum(taken) == 9600
    taken.clear()
    measure_parts(path, [(0.1, 0.55)])
    assert sum(taken) == RATE * SECONDS


def test_what_is_wrong_with_one_segment_leaves_the_others(tmp_path: Path) -> None:
    """Too short, silent, not within the recording, or none: each is refused by itself."""
    waveform = noise()
    waveform[RATE : 2 * RATE] = 0.25
    path = tmp_path / "long.wav"
    soundfile.write(path, waveform, RATE)
    wrong = {
        (0.5, 0.5249): "audio-short",
        (1.0, 2.0): "audio-silent",
        (1.0, 3.8): "audio-segment",
        (3.2, 3.5): "audio-segment",
        (5.0, math.inf): "audio-segment",
        (2.0, 1.0): "audio-segment",
        (-1.0, 1.0): "audio-segment",
        (math.nan, 1.0): "audio-segment",
        (1.0, math.nan): "audio-segment",
    }
    for parts in (measure_parts(path, [(0.2, 0.9), *wrong]), listen_to_parts(path, [(0.2, 0.9), *wrong])):
        right, *refused = parts
        assert isinstance(right, Length | Sound)
        assert [error.code for error in refused if isinstance(error, AudioError)] == list(wrong.values())
    for segment, code in wrong.items():
        refusal(AudioError, code, load, path, segment)


def test_a_segment_that_ends_a_little_late_is_cut_off_with_a_note(tmp_path: Path) -> None:
    """Times are rounded in many tables; half a second is what Kaldi allows."""
    path = recorded(tmp_path / "long.wav")
    found = listen(path, (3.0, 3.7))
    assert len(found.waveform) == 0.2 * RATE and len(found.notes) == 1
    assert listen(path, (3.0, SECONDS)).notes == listen(path, (3.0, math.inf)).notes == ()
    refusal(AudioError, "audio-segment", load, path, (3.0, 3.71))


def test_a_recording_may_be_longer_than_an_utterance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segments may not; of what is too long no more is decoded than shows it."""
    path = recorded(tmp_path / "long.wav")
    monkeypatch.setattr(decode, "LONGEST", RATE)
    monkeypatch.setattr(sndfile, "at_a_time", lambda rate, channels: 1600)
    right, long = measure_parts(path, [(2.1, 3.1), (0.5, 1.6)])
    assert isinstance(right, Length) and right.samples == RATE
    assert isinstance(long, AudioError) and long.code == "audio-long"
    refusal(AudioError, "audio-long", load, path)
    monkeypatch.setattr(decode, "LONGEST_RECORDING", 3 * RATE)
    refusal(AudioError, "audio-long", measure_parts, path, [(2.1, 3.1)])


def test_a_recording_that_is_damaged_has_no_segments(tmp_path: Path) -> None:
    """It is not known where the damage is heard."""
    path = recorded(tmp_path / "long.wav")
    path.write_bytes(path.read_bytes()[:-20_000])
    refusal(AudioError, "audio-damaged", measure_parts, path, [(0.1, 0.5)])
    refusal(AudioError, "audio-missing", measure_parts, tmp_path / "none.wav", [(0.1, 0.5)])


def test_equal_samples_have_one_content_in_any_container(tmp_path: Path) -> None:
    """And one sample more, or another order, gives another."""
    samples = (noise() * 30_000).astype(np.int16)
    wav, flac, other = (tmp_path / name for name in ("a.wav", "a.flac", "b.wav"))
    for path, written in ((wav, samples), (flac, samples), (other, samples[::-1])):
        soundfile.write(path, written, RATE)
    assert measure(wav).content == measure(flac).content != measure(other).content
    one, same, more = measure_parts(wav, [(0.1, 0.5), (0.1, 0.5), (0.1, 0.5 + 1 / RATE)])
    assert isinstance(one, Length) and isinstance(more, Length)
    assert one == same and one.content != more.content
