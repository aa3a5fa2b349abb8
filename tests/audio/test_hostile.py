"""Sound files that are damaged, cut, odd or made to harm: refused for what they are, or read with a note."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import random
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from probing.audio import ogg as ogg_module
from probing.audio.complaints import Complaints
from probing.audio.decode import LONGEST, listen, load, measure
from probing.audio.ogg import ogg
from probing.audio.source import Source
from probing.errors import AudioError

RATE = 16_000
OPUS = {"format": "OGG", "subtype": "OPUS"}
ENDINGS = {"wav": {}, "w64": {}, "aiff": {}, "au": {}, "caf": {}, "flac": {}, "ogg": {}, "opus": OPUS, "mp3": {}}


def noise(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Noise [S] that changes slowly enough for every codec."""
    raw = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return 0.2 * np.convolve(raw, np.ones(8) / 8, mode="same")


@pytest.fixture
def whole(tmp_path: Path) -> Callable[..., Path]:
    """Writes a whole file."""

    def written(ending: str = "wav", seconds: float = 1.0, seed: int = 0, **options: object) -> Path:
        path = tmp_path / f"voice{seed}.{ending}"
        soundfile.write(path, noise(seconds, seed), RATE, **(options or ENDINGS[ending]))
        return path

    return written


def refusal(path: Path) -> AudioError:
    """With what a file is refused; it names the file and says what to do."""
    with pytest.raises(AudioError) as caught:
        load(path)
    assert str(path) in caught.value.what and caught.value.remedy
    return caught.value


def patched(path: Path, at: int, form: str, *values: int) -> Path:
    """The file with numbers of its header replaced."""
    raw = bytearray(path.read_bytes())
    struct.pack_into(form, raw, at, *values)
    path.write_bytes(raw)
    return path


def samples_behind(path: Path, start: int) -> np.ndarray:
    """16-bit samples as they lie in a file from a byte on: what a reader to the end must find."""
    return np.frombuffer(path.read_bytes()[start:], "<i2").astype(np.float32) / 32_768


# WAV


def test_a_size_of_0_with_samples_behind_it_is_read_to_the_end(whole):
    """A writer that was killed leaves it; the samples are those of the file."""
    path = patched(whole(), 40, "<I", 0)
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, samples_behind(path, 44))
    assert len(found.notes) == 1 and "0 bytes" in found.notes[0]


@pytest.mark.parametrize("more", [2, 16, 638])
def test_a_header_off_by_less_than_a_frame_is_read_with_a_note(whole, more):
    """20 ms are 640 bytes here."""
    path = patched(whole(), 40, "<I", 2 * RATE + more)
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, samples_behind(path, 44))
    assert len(found.notes) == 1


@pytest.mark.parametrize("off", [640, 5000, -640, -5000])
def test_a_header_off_by_a_frame_is_damage(whole, off):
    """In either direction: nothing tells which is right."""
    assert refusal(patched(whole(), 40, "<I", 2 * RATE + off)).code == "audio-damaged"


def test_one_bit_of_a_rate_is_found_by_the_bytes_of_a_second(whole):
    """ByteRate is the rate times the bytes of a sample."""
    path = whole()
    for bit in range(32):
        assert refusal(patched(path, 24, "<I", RATE ^ 1 << bit)).code == "audio-damaged"


def test_one_bit_of_the_channels_or_the_bits_is_found_by_the_block(whole):
    """BlockAlign is channels times bytes of a sample."""
    path = whole()
    for place, right in ((22, 1), (34, 16)):
        for bit in range(16):
            assert refusal(patched(path, place, "<H", right ^ 1 << bit)).code == "audio-damaged"
        patched(path, place, "<H", right)


def test_a_wrong_number_of_bytes_a_second_beside_a_usual_rate_is_noted(whole):
    """Some programs never fill it in."""
    found = listen(patched(whole(), 28, "<I", 0))
    assert len(found.waveform) == RATE and len(found.notes) == 1


@pytest.mark.parametrize("rate", [1, 999, 1_000_003, 2**30])
def test_no_recording_has_such_a_rate(whole, rate):
    """Refused before anything is resampled, which took minutes and gigabytes."""
    path = patched(patched(whole(), 24, "<I", rate), 28, "<I", 2 * rate & 0xFFFFFFFF)
    assert refusal(path).code == "audio-bounds"


def test_no_recording_has_that_many_channels(tmp_path):
    """The header is well formed."""
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((10, 300)), RATE)
    assert refusal(path).code == "audio-bounds"


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
@pytest.mark.parametrize("bits", [0, 16])
def test_the_bits_of_a_compressed_sample_do_not_matter(whole, subtype, bits):
    """Some programs write none, or those of a sample once it is decoded; a block tells how many there are."""
    path = whole(subtype=subtype)
    before = load(path)
    at = path.read_bytes().index(b"fmt ") + 8
    found = listen(patched(path, at + 14, "<H", bits))
    np.testing.assert_array_equal(found.waveform, before)
    assert found.notes == ()
    assert refusal(patched(path, at + 2, "<H", 3)).code == "audio-damaged"


def test_a_codec_that_is_not_supported_is_named(whole):
    """64-bit PCM is a whole file that nothing here decodes; to copy it again would not help."""
    path = whole()
    raw = bytearray(path.read_bytes())
    struct.pack_into("<IHH", raw, 28, 8 * RATE, 8, 64)
    path.write_bytes(raw)
    error = refusal(path)
    assert error.code == "audio-codec" and "64-bit PCM" in error.why and "ffmpeg" in error.remedy


def test_what_follows_the_end_that_a_header_states_is_harmless(whole):
    """The RIFF size says where the file ends; what is behind it is left out with a note."""
    path = whole()
    before = load(path)
    path.write_bytes(path.read_bytes() + random.Random(0).randbytes(5000))
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, before)
    assert len(found.notes) == 1


def test_a_header_that_points_anywhere_ends_at_once(tmp_path):
    """Chunks without end, and sizes beyond any file."""
    empty = b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\0\0\0\0" * 50_000
    far = b"caff\0\1\0\0" + b"desc" + struct.pack(">q", 2**63 - 1) + bytes(100)
    for number, raw in enumerate((empty, far)):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(raw)
        assert refusal(path).code == "audio-damaged"


# Not audio


def test_a_file_that_ends_in_its_first_bytes_is_refused(tmp_path, monkeypatch):
    """Whatever it begins like."""
    monkeypatch.setattr("probing.audio.ffmpeg.program", lambda: None)
    names = b"RIFF RIFX RF64 riff FORM .snd caff NIST fLaC OggS ID3 #!AMR".split()
    for head in [*names, b"\x1aE\xdf\xa3", b"\xff", b"\xff\xf1", b"\xff\xfb", b"\xff\xfb\x90"]:
        for length in (1, 2, 3, 4, 5, 9, 13, 30):
            path = tmp_path / f"{head.hex()}{length}.wav"
            path.write_bytes(head[:length].ljust(length, b"\xff"))
            assert refusal(path).code in ("audio-damaged", "audio-undecodable", "audio-codec")


def test_a_git_lfs_pointer_is_fetched(tmp_path):
    """Not converted."""
    path = tmp_path / "voice.wav"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{0:064}\nsize 73260\n")
    error = refusal(path)
    assert error.code == "audio-pointer" and "git lfs pull" in error.remedy


def test_samples_without_a_header_are_no_audio(tmp_path):
    """Whatever the ending promises: nobody knows their rate."""
    for ending in ("raw", "au", "vox", "gsm"):
        path = tmp_path / f"voice.{ending}"
        path.write_bytes(b"\1\0\2\0" * 500)
        assert refusal(path).code == "audio-undecodable"


def test_a_file_that_may_not_be_read_is_named(whole, monkeypatch):
    """As one file's error, so that others go on."""

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = whole()
    monkeypatch.setattr(Path, "open", forbidden)
    assert refusal(path).code == "audio-unreadable"


def test_nothing_is_longer_than_four_hours(whole, monkeypatch):
    """A small file may hold years of silence."""
    assert LONGEST == 4 * 3600 * RATE
    monkeypatch.setattr("probing.audio.decode.LONGEST", RATE - 1)
    assert refusal(whole()).code == "audio-long"


# FLAC: the length is in bits 108 to 143 of STREAMINFO, which begins at byte 8; the MD5 is its last 16 bytes


def with_length(path: Path, samples: int) -> Path:
    """The file with another number of samples in its header."""
    packed = struct.unpack_from(">Q", path.read_bytes(), 18)[0]
    return patched(path, 18, ">Q", packed >> 36 << 36 | samples)


def test_flac_without_a_length_is_decoded(whole):
    """A stream states 0 samples."""
    path = whole("flac")
    before = load(path)
    found = listen(with_length(path, 0))
    np.testing.assert_array_equal(found.waveform, before)
    assert len(found.notes) == 1 and "stream" in found.notes[0]


def test_one_bit_of_the_length_of_flac_is_found(whole):
    """Whether it promises terabytes or hides half of the file."""
    path = whole("flac")
    for bit in range(36):
        assert refusal(with_length(path, RATE ^ 1 << bit)).code == "audio-damaged"


def test_the_samples_of_flac_are_compared_with_their_digest(whole):
    """A wrong one is noted where all samples were decoded; none at all is none."""
    path = whole("flac")
    wave = (load(path) * 32_768).astype("<i2")
    assert path.read_bytes()[26:42] == hashlib.md5(wave.tobytes()).digest() and listen(path).notes == ()
    found = listen(patched(path, 26, "16B", *range(16)))
    assert len(found.waveform) == RATE and ["MD5" in note for note in found.notes] == [True]
    assert listen(patched(path, 26, "16B", *[0] * 16)).notes == ()


def test_the_digest_of_24_bit_flac_is_compared_too(whole):
    """Its samples have three bytes each."""
    assert listen(whole("flac", subtype="PCM_24")).notes == ()


# Ogg


def page_starts(raw: bytes) -> list[int]:
    """Where the pages of an Ogg file begin."""
    return [at for at in range(len(raw)) if raw.startswith(b"OggS\0", at)]


def summed(page: bytes) -> bytes:
    """A page with its checksum, bit by bit as RFC 3533 says; whole files show that the two agree."""
    page, crc = page[:22] + bytes(4) + page[26:], 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_ogg_cut_in_its_last_page_is_damaged(whole, ending):
    """A decoder leaves the page out."""
    path = whole(ending)
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(path).code == "audio-damaged"


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_ogg_without_a_page_in_the_middle_is_damaged(whole, ending):
    """So is one with a changed byte."""
    path = whole(ending, 3.0)
    raw = path.read_bytes()
    third, fourth = page_starts(raw)[2:4]
    path.write_bytes(raw[:third] + raw[fourth:])
    assert refusal(path).code == "audio-damaged"
    path.write_bytes(raw[: third + 300] + b"?" + raw[third + 301 :])
    assert refusal(path).code == "audio-damaged"


@pytest.mark.parametrize("ending", ["ogg", "opus"])
@pytest.mark.parametrize("junk", [bytes(70_000), b"no page", random.Random(0).randbytes(3000)])
def test_junk_behind_the_last_page_is_harmless(whole, ending, junk):
    """It is left out with a note."""
    path = whole(ending)
    before = load(path)
    path.write_bytes(path.read_bytes() + junk)
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, before)
    assert len(found.notes) == 1


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_a_stream_without_its_end_mark_is_read_to_its_last_page(whole, ending):
    """As a recorder leaves it that was switched off."""
    path = whole(ending)
    before, raw = load(path), path.read_bytes()
    last = page_starts(raw)[-1]
    path.write_bytes(raw[:last] + summed(raw[last : last + 5] + bytes([raw[last + 5] & ~4]) + raw[last + 6 :]))
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, before)
    assert len(found.notes) == 1 and "end mark" in found.notes[0]


@pytest.mark.parametrize("ending", ["ogg", "opus"])
def test_chained_streams_are_all_read(whole, ending):
    """One after the other."""
    first, second = whole(ending, 1.0, 1), whole(ending, 0.5, 2)
    parts = [load(first), load(second)]
    first.write_bytes(first.read_bytes() + second.read_bytes())
    found = listen(first)
    np.testing.assert_array_equal(found.waveform, np.concatenate(parts))
    assert "2 streams" in found.notes[0]


def ogg_page(marks: int, number: int, body: bytes) -> bytes:
    """A page of stream 7."""
    return summed(b"OggS\0" + struct.pack("<BqIIIBB", marks, 0, 7, number, 0, 1, len(body)) + body)


def test_the_time_for_chained_streams_grows_with_their_number(tmp_path, monkeypatch):
    """Not with its square: 9,000 in less than 1 MB took half a minute, to find each among all."""
    compared: list[object] = []
    monkeypatch.setattr(ogg_module._Link, "__eq__", lambda link, other: compared.append(other) or link is other)
    path = tmp_path / "links.ogg"
    path.write_bytes((ogg_page(2, 0, b"first") + ogg_page(4, 1, b"last")) * 300)
    with path.open("rb", buffering=0) as file:
        pieces = ogg(Source(path, file, path.stat().st_size)).pieces
    assert len(pieces) == 300 and len(compared) <= 300
    assert all(one.stop == following.start for one, following in itertools.pairwise(pieces))


def test_streams_at_the_same_time_are_bounded(tmp_path):
    """Each needs an end mark, which the decoder is given at each of its reads."""
    path = tmp_path / "streams.ogg"
    page = b"OggS\0" + struct.pack("<Bq", 2, 0)
    path.write_bytes(b"".join(summed(page + struct.pack("<IIIBB", n, 0, 0, 1, 1) + b"x") for n in range(200)))
    assert "streams at the same time" in refusal(path).why


@pytest.mark.parametrize("unit", [b"OggS\0" + b"\xff" * 22, b"OggS\0" + bytes(21) + b"\xff"])
def test_junk_that_looks_like_pages_is_damage_at_once(whole, monkeypatch, unit):
    """Each of them may be as long as 64 KiB, of which a checksum is taken; a whole page is still found behind a few."""
    path = whole("ogg")
    raw, checksum, sums = path.read_bytes(), ogg_module._checksum, []
    monkeypatch.setattr(ogg_module, "_checksum", lambda page: (sums.append(len(page)), checksum(page))[1])
    path.write_bytes(raw + b"?" + unit * 3000 + b"\xff" * 70_000)
    assert refusal(path).code == "audio-damaged" and len(sums) < 150
    path.write_bytes(raw + b"?" + unit * 30)
    assert len(listen(path).notes) == 1
    path.write_bytes(raw + b"?" + unit * 30 + bytes(70_000) + raw)
    assert refusal(path).code == "audio-damaged"


# MP3


def frame_starts(raw: bytes) -> list[int]:
    """Where the frames of an MPEG-2 layer 3 file at 16 kHz begin, walked by the standard's formula."""
    rates, at, found = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160), 0, []
    while at + 4 <= len(raw):
        assert raw[at] == 0xFF
        found.append(at)
        at += 72 * rates[raw[at + 2] >> 4] * 1000 // RATE + (raw[at + 2] >> 1 & 1)
    return found


@pytest.mark.parametrize("lost", [2, 5])
def test_mp3_that_lacks_frames_is_damaged(whole, lost):
    """Its Xing header states how many there are."""
    path = whole("mp3")
    raw = path.read_bytes()
    frames = frame_starts(raw)
    path.write_bytes(raw[: frames[10]] + raw[frames[10 + lost] :])
    assert refusal(path).code == "audio-damaged"


def test_a_frame_that_mp3_lacks_is_noted(whole):
    """One frame of the number stated may be missing, but not without a word."""
    path = whole("mp3")
    raw = path.read_bytes()
    last = frame_starts(raw)[-1]
    for damaged in (raw[:last], raw[:last] + bytes(len(raw) - last)):
        path.write_bytes(damaged)
        assert any("frame" in note for note in listen(path).notes)


def test_a_damaged_xing_header_is_noted(whole):
    """It says how much of both ends is no audio; the places that it lists never go back."""
    path = whole("mp3")
    raw = path.read_bytes()
    start = raw.index(b"Xing") if b"Xing" in raw else raw.index(b"Info")
    for at in range(start + 60, start + 110, 10):
        path.write_bytes(raw[:at] + bytes(64) + raw[at + 64 :])
        assert any("Xing" in note for note in listen(path).notes), at


def test_mp3_with_a_gap_between_its_frames_is_damaged(whole):
    """A decoder finds the next frame and goes on, even where no header counts the frames."""
    path = whole("mp3")
    raw = path.read_bytes()
    frames = frame_starts(raw)
    without = raw[frames[1] :]
    gap = frames[10] - frames[1]
    path.write_bytes(without)
    load(path)  # it is whole
    path.write_bytes(without[: gap + 20] + without[gap + 200 :])
    assert refusal(path).code == "audio-damaged"


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("lost", [1, 30])
def test_mp3_whose_last_frame_is_incomplete_is_read_with_a_note(whole, counted, lost):
    """A stream that was recorded ends anywhere; less than a frame (36 ms here) is missing."""
    path = whole("mp3")
    raw = path.read_bytes()
    raw = raw if counted else raw[frame_starts(raw)[1] :]
    path.write_bytes(raw)
    before = load(path)
    path.write_bytes(raw[:-lost])
    found = listen(path)
    assert 0 < len(before) - len(found.waveform) <= 576
    np.testing.assert_array_equal(found.waveform, before[: len(found.waveform)])
    assert len(found.notes) == 1 and "last frame is incomplete" in found.notes[0]


def test_mp3_of_free_bitrate_is_not_supported(tmp_path):
    """Its frames do not state their length; it may be whole, so that to copy it again would not help."""
    path = tmp_path / "voice.mp3"
    path.write_bytes((b"\xff\xf3\x08\xc0" + bytes(196)) * 20)
    error = refusal(path)
    assert error.code == "audio-codec" and "ffmpeg" in error.remedy


def test_what_the_decoder_of_mp3_cannot_decode_is_noted(whole, capfd):
    """It prints that past Python, without the name of a file."""
    path = whole("mp3")
    raw = bytearray(path.read_bytes())
    at = frame_starts(raw)[12]
    raw[at + 4 : at + 13] = b"\xff" * 9  # says how the frame is coded
    path.write_bytes(raw)
    found = listen(path)
    assert len(found.waveform) == RATE and ["could not be decoded" in note for note in found.notes] == [True]
    assert capfd.readouterr().err == ""


def test_a_wrong_number_of_bytes_in_a_header_of_mp3_does_not_matter(whole, capfd):
    """Its frames are counted; the decoder's own remark appears nowhere."""
    path = whole("mp3")
    before, raw = load(path), path.read_bytes()
    found = listen(patched(path, raw.index(b"Xing") + 12 if b"Xing" in raw else raw.index(b"Info") + 12, ">I", 99))
    np.testing.assert_array_equal(found.waveform, before)
    assert capfd.readouterr().err == ""


def test_only_the_thread_that_decodes_is_listened_to(capfd):
    """What another prints at the same time, or this one afterwards, still appears."""
    complaints = Complaints()
    with complaints:
        printed_by_c("[layer3.c:7] error: mine")
        other = threading.Thread(target=printed_by_c, args=("error: another's",))
        other.start()
        other.join()
    assert complaints.undecoded
    printed_by_c("later")
    assert capfd.readouterr().err.splitlines() == ["error: another's", "later"]


def printed_by_c(text: str) -> None:
    """Print a line as C code does."""
    library = ctypes.CDLL(None)
    library.fputs(f"{text}\n".encode(), ctypes.c_void_p.in_dll(library, "stderr"))


def test_mp3_of_varying_bitrate_is_decoded_to_its_end_without_a_header_that_counts(tmp_path):
    """A decoder guesses the length from the first frame, which may be half of it."""
    path = tmp_path / "voice.mp3"
    wave = noise(4.0) * np.repeat([0.001, 1.0], 2 * RATE)  # little to code, then much
    soundfile.write(path, wave, RATE, bitrate_mode="VARIABLE")
    before, raw = load(path), path.read_bytes()
    frames = frame_starts(raw)
    sizes = np.diff(frames[1:])
    assert sizes.max() > 2 * sizes.min()
    path.write_bytes(raw[frames[1] :])
    found = listen(path)
    assert 0 <= 576 * len(sizes) + 576 - len(found.waveform) <= 576 and found.notes == ()
    later = len(found.waveform) - len(before)  # a header also says where the audio begins
    shift = max(range(later + 1), key=lambda at: float(found.waveform[at : at + len(before)] @ before))
    np.testing.assert_allclose(found.waveform[shift + 3 * 576 :][:50_000], before[3 * 576 :][:50_000], atol=1e-6)


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(60), bytes(1000)])
def test_tags_around_mp3_do_no_harm(whole, tag):
    """Old and new ones."""
    path = whole("mp3")
    before = load(path)
    path.write_bytes(b"ID3\4\0\0\0\0\2\0" + bytes(256) + path.read_bytes() + tag)
    found = listen(path)
    np.testing.assert_array_equal(found.waveform, before)
    assert found.notes == ()


def test_a_tag_that_swallows_frames_is_damaged(whole):
    """The size of an ID3 tag may be wrong."""
    path = whole("mp3", 3.0)
    path.write_bytes(b"ID3\4\0\0\0\0\x10\0" + bytes(256) + path.read_bytes())
    assert refusal(path).code == "audio-damaged"


# All formats

UNSEEN = {"aiff": 2, "au": 2, "caf": 3}  # bits that turn a header into another that is as good


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_no_flipped_bit_of_a_header_is_silent(whole, ending):
    """It is refused, or the samples are the same, or there is a note; never another error."""
    path = whole(ending, 0.3)
    before, raw = load(path), path.read_bytes()
    header = {"au": 24, "wav": 44, "aiff": 54, "caf": 60, "w64": 104}.get(ending, 100)
    silent = []
    for place in random.Random(18).sample(range(8 * header), 40):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = listen(path)
        except AudioError:
            continue
        if not found.notes and not np.array_equal(found.waveform, before):
            silent.append(place)
    assert len(silent) <= UNSEEN.get(ending, 0), silent


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_no_cut_is_silent(whole, ending):
    """Wherever a file ends too early, by 20 ms or more."""
    path = whole(ending)
    raw = path.read_bytes()
    for length in random.Random(18).sample(range(len(raw) - 650), 8):
        path.write_bytes(raw[:length])
        refusal(path)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "opus", "mp3"])
def test_blocks_change_no_sample(tmp_path, monkeypatch, ending):
    """Decoded and resampled in small blocks, every number is as from the whole."""
    path = tmp_path / f"voice.{ending}"
    rate = 48_000 if ending == "opus" else 44_100
    soundfile.write(path, np.stack([noise(2.0, 1), noise(2.0, 2)], 1), rate, **ENDINGS[ending])
    before = load(path)
    monkeypatch.setattr("probing.audio.bounds._BLOCK", 5000)
    monkeypatch.setattr("probing.audio.resample._AT_LEAST", 1000)
    np.testing.assert_array_equal(load(path), before)
    assert measure(path).samples == len(before)
