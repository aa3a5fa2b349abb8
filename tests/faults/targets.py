"""Which files are damaged, what reads each, and where damage cannot be seen."""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

from faults.mutations import Damage
from faults.world import COMMANDS, MAKES

_MPEG1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s
_MPEG2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
Unseen = Callable[[bytes, Damage], bool]


@dataclass(frozen=True)
class Target:
    """A file to damage.

    Args:
        group: What it is, for the table.
        path: Where it is in the world; a pattern that matches one file or more.
        words: The command that reads it.
        number: How many times it is damaged.
        makes: What the command makes, which is taken away before.
        kept: What else is compared, but stays there.
        unseen: Whether no reader can see a damage.
        world: Which world: the finished one, or that of a command that was interrupted.
        then: The command that uses the result: where the first leaves damage in its place, this one must refuse it.
    """

    group: str
    path: str
    words: tuple[str, ...]
    number: int
    makes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    unseen: Unseen = lambda before, damage: False
    world: str = ""
    then: tuple[str, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """What is compared with what the command makes undisturbed."""
        return self.makes + self.kept


def plausible_table(before: bytes, damage: Damage) -> bool:
    """Of a user's own table: each line is a row of the same columns or of fewer, without control characters."""
    content = damage.content
    if any(byte < 32 and byte not in b"\r\n\t" for byte in content):
        return False
    try:
        lines = content.decode("utf-8").splitlines()
        rows = [next(csv.reader([line], strict=True)) for line in lines if line]
        head = next(csv.reader([before.decode("utf-8").splitlines()[0]]))
    except (csv.Error, ValueError, StopIteration):
        return False
    return bool(rows) and set(rows[0]) <= set(head) and all(len(row) == len(rows[0]) for row in rows)


def wav_samples(before: bytes, damage: Damage) -> bool:
    """Of a WAV file: only samples differ."""
    start = before.index(b"data") + 8
    return damage.places[0] >= start and len(damage.content) == len(before)


def mp3_payload(before: bytes, damage: Damage) -> bool:
    """Of an MP3 file, whose samples have no checksum: it is as long, and the header of every frame is as it was."""
    if len(damage.content) != len(before):
        return False
    return all(before[start : start + 4] == damage.content[start : start + 4] for start in _frames(before))


def _frames(content: bytes) -> list[int]:
    """Where the frames of a whole MP3 file (MPEG-1, 2 or 2.5, layer III) begin; no tags are before them."""
    starts, place = [], 0
    while place + 4 <= len(content):
        (header,) = struct.unpack(">I", content[place : place + 4])
        version, rate, speed, padding = header >> 19 & 3, header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
        kilobits = (_MPEG1 if version == 3 else _MPEG2)[rate - 1]
        hertz = (44_100, 48_000, 32_000)[speed] >> {3: 0, 2: 1, 0: 2}[version]
        starts.append(place)
        place += (144 if version == 3 else 72) * kilobits * 1000 // hertz + padding
    return starts


def tensor_numbers(before: bytes, damage: Damage) -> bool:
    """Of a checkpoint that nobody has written a digest of: only weights differ."""
    (length,) = struct.unpack("<Q", before[:8])
    return damage.places[0] >= 8 + length and len(damage.content) == len(before)


def same_types(before: bytes, damage: Damage) -> bool:
    """Of another program's JSON: every field is there and of the type it had, so only plausible values differ."""
    try:
        return _alike(json.loads(before), json.loads(damage.content))
    except (ValueError, RecursionError):
        return False


def _alike(a: object, b: object) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return all(_alike(a[0], one) for one in b) if a else True
    number = isinstance(a, int | float) and isinstance(b, int | float) and isinstance(a, bool) == isinstance(b, bool)
    return number or type(a) is type(b)


_FEW = "few.csv"
_FIT = tuple("fit table.csv --encoder hubert --dim valence --head ridge --permutations 0".split())
_EXTRACT = tuple("extract table.csv --encoder hubert --store pooled --part-seconds 3".split())
_VERIFY = tuple("verify table.csv --encoder hubert --store pooled --sample 1".split())
_SPEECH = tuple(f"extract {_FEW} --encoder hubert --store pooled --cache made".split())
_TEXT = tuple(f"extract {_FEW} --encoder bert --store pooled --cache made".split())
_ASR = tuple(f"transcribe {_FEW} --asr whisper --out made/t.csv --cache made".split())
_PREDICT_FIT = ("predict", "runs/fit", "audio/00.wav", "audio/01.wav")
_PREDICT = ("predict", "runs/other", "audio/00.wav", "audio/01.wav")
_TUNED = ("predict", "runs/tuned", "audio/00.wav", "--text", "good day")
_FINETUNE = tuple("finetune table.csv --system hubert --name other --max-steps 2 --batch 4 --lr 1e-3".split())
_COMPARE = ("compare", "runs/tuned", "runs/other", "--name", "all")
_REPORT = ("report", "runs/layers", "--name", "all")
_LAYERS = tuple("layers table.csv --encoder hubert --text none --dim valence --random 0 --orders 1".split())
_CHECK = ("check", "table.csv")
_GROUP = ("cache/*/hubert-*/part-*.h5",)

TARGETS: tuple[Target, ...] = (
    Target("table", "table.csv", _CHECK, 500, unseen=plausible_table),
    Target(
        "transcripts", "transcripts/t.csv", (*_CHECK, "--transcripts", "transcripts/t.csv"), 150, unseen=plausible_table
    ),
    Target("encoder json", "hubert/*.json", _SPEECH, 160, ("made",), unseen=same_types),
    Target("encoder weights", "hubert/model.safetensors", _SPEECH, 120, ("made",), unseen=tensor_numbers),
    Target("text encoder json", "bert/*.json", _TEXT, 160, ("made",), unseen=same_types),
    Target("text encoder weights", "bert/model.safetensors", _TEXT, 60, ("made",), unseen=tensor_numbers),
    Target("recogniser json", "whisper/*.json", _ASR, 160, ("made/*.csv",), unseen=same_types),
    Target("recogniser weights", "whisper/model.safetensors", _ASR, 60, ("made/*.csv",), unseen=tensor_numbers),
    Target("virtual file", "cache/*/hubert-*.h5", _FIT, 300, ("runs/fit*",)),
    Target("part file", "cache/*/hubert-*/part-*.h5", _FIT, 300, ("runs/fit*",)),
    Target(
        "part file, resumed",
        "cache/*/hubert-*/part-*.h5",
        _EXTRACT,
        150,
        ("cache/*/hubert-*.h5",),
        _GROUP,
        then=_VERIFY,
    ),
    Target("plan.json", "cache/*/hubert-*/plan.json", _EXTRACT, 120, ("cache/*/hubert-*.h5",), _GROUP, then=_VERIFY),
    Target("audio.json", "cache/table/audio.json", _CHECK, 150),
    Target("fit record.json", "runs/fit/record.json", _PREDICT_FIT, 200),
    Target("fit probes.safetensors", "runs/fit/probes.safetensors", _PREDICT_FIT, 200),
    Target("fit tables", "runs/fit/*.csv", ("figure", "2", "runs/fit"), 80, ("figures",)),
    Target("fit tables, predict", "runs/fit/*.csv", _PREDICT_FIT, 100),
    Target("all runs", "runs/*/record.json", ("runs", "--json"), 250),
    Target("system weights", "runs/other/seed0/model.safetensors", _PREDICT, 150),
    Target("system json", "runs/tuned/seed0/*.json", _TUNED, 250),
    Target("system record.json", "runs/other/record.json", _PREDICT, 120),
    Target("configuration.json", "runs/other/configuration.json", _FINETUNE, 100, kept=("runs/other",)),
    Target("system tables", "runs/other/*.csv", _COMPARE, 60, ("figures",)),
    Target("evaluation", "runs/tuned/evaluations/*/*.[cj]s*", COMMANDS["evaluate"], 100, kept=MAKES["evaluate"]),
    Target("layers tables", "runs/layers/*.csv", _REPORT, 50, ("figures",)),
    Target("layers record.json", "runs/layers/record.json", _REPORT, 50, ("figures",)),
    Target("acoustics.csv", "cache/table/acoustics-*.csv", _LAYERS, 60, ("runs/layers*",)),
    Target(
        "checkpoint", "runs/tuned/**/checkpoint-*/*", COMMANDS["finetune"], 150, kept=("runs/tuned",), world="finetune"
    ),
    Target("unfinished run", "runs/tuned/*.json", COMMANDS["finetune"], 60, kept=("runs/tuned",), world="finetune"),
    Target(
        "unfinished transcripts",
        "transcripts/*partial*",
        COMMANDS["transcribe"],
        100,
        kept=("transcripts",),
        world="transcribe",
    ),
)
AUDIO: dict[str, tuple[int, Unseen]] = {  # damaged files of each format
    "wav": (400, wav_samples),
    "flac": (400, lambda before, damage: False),
    "ogg": (400, lambda before, damage: False),
    "opus": (400, lambda before, damage: False),
    "mp3": (400, mp3_payload),
}
