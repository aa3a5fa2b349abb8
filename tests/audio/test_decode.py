"""What `load` yields for good files, and with which codes it refuses bad ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from probing.audio.decode import FRAME_RATE, HOP, MIN_SAMPLES, SAMPLE_RATE, load
from probing.errors import AudioError

TONE = 440.0  # Hz
AMPLITUDE = 0.5
# Ending, libsndfile's options, and how far the amplitude may be off: lossy codecs bend it.
FORMATS = [
    pytest.param("wav", {}, 0.003, id="wav"),
    pytest.param("wav", {"subtype": "PCM_U8"}, 0.01, id="wav-8-bit"),
    pytest.param("wav", {"subtype": "PCM_24"}, 0.003, id="wav-24-bit"),
    pytest.param("wav", {"subtype": "FLOAT"}, 0.003, id="wav-float"),
    pytest.param("wav", {"subtype": "GSM610"}, 0.1, id="wav-gsm"),
    pytest.param("flac", {}, 0.003, id="flac"),
    pytest.param("ogg", {}, 0.05, id="ogg"),
    pytest.param("opus", {"format": "OGG", "subtype": "OPUS"}, 0.05, id="opus"),
    pytest.param("mp3", {}, 0.05, id="mp3"),
]


def tone(seconds: float = 1.0, rate: int = SAMPLE_RATE, channels: int = 1) -> NDArray[np.float64]:
    """A sine [S, channels], the same in every channel."""
    wave = AMPLITUDE * np.sin(2 * np.pi * TONE * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def peak(waveform: NDArray[np.float32]) -> tuple[float, float]:
    """Frequency in Hz and amplitude of the strongest sine, by a windowed Fourier transform of the middle half."""
    middle = waveform[len(waveform) // 4 : 3 * len(waveform) // 4].astype(np.float64)
    window = np.hanning(len(middle))
    spectrum = np.abs(np.fft.rfft(middle * window, n=16 * len(middle)))
    return spectrum.argmax() * SAMPLE_RATE / (16 * len(middle)), 2 * spectrum.max() / window.sum()


@pytest.fixture(autouse=True)
def without_ffmpeg(monkeypatch):
    """Refusals must not depend on what is installed here."""
    monkeypatch.setattr("probing.audio.ffmpeg.program", lambda: None)


def refusal(path: Path) -> str:
    """The code with which a file is refused; the message names the file and what to do."""
    with pytest.raises(AudioError) as caught:
        load(path)
    assert str(path) in caught.value.what
    assert caught.value.remedy
    return caught.value.code


def test_the_constants_agree_with_the_convolutions_of_the_encoders():
    """Kernels 10,3,3,3,3,2,2 and strides 5,2,2,2,2,2,2 need 400 samples and give a frame every 320."""
    needed, hop = 1, 1
    for kernel, stride in reversed([(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)]):
        needed, hop = (needed - 1) * stride + kernel, hop * stride
    assert (needed, hop, SAMPLE_RATE / hop) == (MIN_SAMPLES, HOP, FRAME_RATE)


@pytest.mark.parametrize(("ending", "options", "tolerance"), FORMATS)
def test_a_tone_keeps_its_pitch_and_loudness_in_every_format(tmp_path, ending, options, tolerance):
    """Whatever the codec, a 440 Hz tone of half scale comes out as one."""
    path = tmp_path / f"tone.{ending}"
    rate = 8000 if options.get("subtype") == "GSM610" else 48_000
    soundfile.write(path, tone(2.0, rate), rate, **options)
    waveform = load(path)
    frequency, amplitude = peak(waveform)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 2 * SAMPLE_RATE) < 0.05 * SAMPLE_RATE
    assert frequency == pytest.approx(TONE, abs=0.5)
    assert amplitude == pytest.approx(AMPLITUDE, abs=tolerance)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_rate_comes_out_at_16_khz(tmp_path, rate):
    """The length is that of the time, and resampling changes neither pitch nor loudness."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(1.0, rate), rate)
    waveform = load(path)
    frequency, amplitude = peak(waveform)
    assert len(waveform) == SAMPLE_RATE
    assert frequency == pytest.approx(TONE, abs=0.5)
    assert amplitude == pytest.approx(AMPLITUDE, abs=0.003)


def test_what_lies_above_8_khz_does_not_fold_back(tmp_path):
    """A 12 kHz tone at 48 kHz, which would alias to 4 kHz, is gone after resampling."""
    path = tmp_path / "high.wav"
    low, high = (np.sin(2 * np.pi * f * np.arange(48_000) / 48_000) for f in (TONE, 12_000.0))
    soundfile.write(path, 0.4 * low + 0.4 * high, 48_000)
    waveform = load(path)
    assert np.abs(np.fft.rfft(waveform))[4000] / (len(waveform) / 2) < 0.001


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_are_averaged(tmp_path, channels):
    """Of n channels of which one carries a tone, its n-th part is left."""
    path = tmp_path / "tone.wav"
    wave = tone(1.0, channels=channels)
    wave[:, 1:] = 0.0
    soundfile.write(path, wave, SAMPLE_RATE)
    waveform = load(path)
    assert waveform.ndim == 1
    assert peak(waveform)[1] == pytest.approx(AMPLITUDE / channels, abs=0.003)


def test_a_16_khz_mono_file_is_returned_as_it_is(tmp_path):
    """No filter touches a file that already has the rate."""
    path = tmp_path / "noise.wav"
    written = np.random.default_rng(0).uniform(-0.9, 0.9, 3000).astype(np.float32)
    soundfile.write(path, written, SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_array_equal(load(path), written)


def test_a_path_may_hold_spaces_and_any_letters(tmp_path):
    """Unicode and spaces in a file name are no obstacle."""
    path = tmp_path / "ein Gespräch 日本.flac"
    soundfile.write(path, tone(), SAMPLE_RATE)
    assert len(load(str(path))) == SAMPLE_RATE


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("wav", {}),
        ("wav", {"subtype": "FLOAT"}),
        ("wav", {"subtype": "GSM610"}),
        ("aiff", {}),
        ("au", {}),
        ("w64", {}),
        ("rf64", {"format": "RF64"}),
        ("sph", {"format": "NIST"}),
        ("flac", {}),
        ("ogg", {}),
        ("opus", {"format": "OGG", "subtype": "OPUS"}),
        ("mp3", {}),
    ],
)
def test_a_file_cut_short_is_damaged_in_every_format(tmp_path, ending, options):
    """Most of these decode to fewer samples without an error; none may pass as a shorter utterance."""
    path = tmp_path / f"cut.{ending}"
    rate = 8000 if options.get("subtype") == "GSM610" else SAMPLE_RATE
    noise = 0.05 * np.random.default_rng(0).standard_normal((20 * rate, 1))
    soundfile.write(path, tone(20.0, rate) + noise, rate, **options)
    load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    with soundfile.SoundFile(path) as file:  # libsndfile itself opens what is left
        assert file.frames > 0
    assert refusal(path) == "audio-damaged"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF])
def test_a_wav_written_as_a_stream_is_whole(tmp_path, size):
    """A writer that cannot go back leaves a huge size in the header; that promises nothing."""
    path = tmp_path / "stream.wav"
    soundfile.write(path, tone(), SAMPLE_RATE)
    raw = bytearray(path.read_bytes())
    data = raw.index(b"data")
    raw[4:8] = raw[data + 4 : data + 8] = struct.pack("<I", size)
    path.write_bytes(raw)
    assert len(load(path)) == SAMPLE_RATE


def test_chunks_after_the_audio_do_no_harm(tmp_path):
    """A WAV with a LIST chunk behind its data is whole, even where the RIFF size forgets it."""
    path = tmp_path / "list.wav"
    soundfile.write(path, tone(), SAMPLE_RATE)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert len(load(path)) == SAMPLE_RATE


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44_100])
def test_a_sample_that_is_not_a_number_is_an_error(tmp_path, value, rate):
    """A float WAV may hold NaN or infinity; an encoder would spread it over the utterance."""
    path = tmp_path / "nan.wav"
    wave = tone(1.0, rate)
    wave[100] = value
    soundfile.write(path, wave, rate, subtype="FLOAT")
    assert refusal(path) == "audio-not-finite"


@pytest.mark.parametrize(("samples", "rate"), [(399, 16_000), (199, 8000), (1197, 48_000)])
def test_399_samples_at_16_khz_are_too_short(tmp_path, samples, rate):
    """The limit is the encoder's first frame, counted after resampling."""
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(1.0, rate)[:samples], rate)
    assert refusal(path) == "audio-short"


@pytest.mark.parametrize(("samples", "rate"), [(400, 16_000), (200, 8000), (1200, 48_000)])
def test_400_samples_at_16_khz_are_enough(tmp_path, samples, rate):
    """The shortest utterance that gives a frame is accepted."""
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(1.0, rate)[:samples], rate)
    assert len(load(path)) == 400


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_a_file_without_a_signal_is_silent(tmp_path, level):
    """Zeros are silence, and so is a constant offset."""
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.full(16_000, level), SAMPLE_RATE)
    assert refusal(path) == "audio-silent"


def test_a_faint_recording_is_not_silent(tmp_path):
    """One step of 16 bits is a signal."""
    path = tmp_path / "faint.wav"
    soundfile.write(path, np.arange(16_000) % 2 / 32_768, SAMPLE_RATE)
    assert len(load(path)) == 16_000


def test_a_header_without_samples_holds_none(tmp_path):
    """A WAV of 44 bytes is well formed and empty."""
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)
    assert refusal(path) == "audio-empty"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("zero.wav", b"", "audio-empty"),
        ("text.wav", b"this is no sound\n", "audio-undecodable"),
        ("voice.m4a", b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", "audio-undecodable"),
        ("voice.webm", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01", "audio-undecodable"),
        ("head.wav", b"RIFF\x24\x00\x00\x00WAVE", "audio-damaged"),
        ("head.flac", b"fLaC\x00\x00", "audio-damaged"),
    ],
)
def test_what_is_no_audio_is_refused_for_what_it_is(tmp_path, name, content, code):
    """What to copy again is told apart from what to convert."""
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path) == code


@pytest.mark.parametrize(("start", "kind"), [(b"\x00\x00\x00\x20ftyp", "MPEG-4"), (b"\x1aE\xdf\xa3", "WebM")])
def test_known_formats_that_cannot_be_decoded_are_named(tmp_path, start, kind):
    """So that a user knows what the file is."""
    path = tmp_path / "voice.wav"
    path.write_bytes(start + bytes(20))
    with pytest.raises(AudioError) as caught:
        load(path)
    assert kind in caught.value.why


def test_a_format_that_cannot_be_decoded_comes_with_the_command_that_converts_it(tmp_path):
    """The remedy for an m4a file is a line to type."""
    path = tmp_path / "voice.m4a"
    path.write_bytes(b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00")
    with pytest.raises(AudioError, match=r"ffmpeg -i voice.m4a -ar 16000 -ac 1"):
        load(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    """Neither is an audio file."""
    assert refusal(tmp_path / "absent.wav") == refusal(tmp_path) == "audio-missing"
