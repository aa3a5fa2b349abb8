"""Files and surroundings made to harm: code beside data, pickles, links, paths, environments, signals."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from faults.child import Watched
from faults.gate import Decide, Deny, Instant, available
from faults.kills import chosen, typed_again
from faults.outcomes import End, Outcome, crashed, judged, message
from faults.trials import Trial
from faults.workshop import Workshop
from faults.world import COMMANDS, MAKES, replace_bytes

KIND = "hostile"
_SIGNALS = {"extract": 5, "fit": 3, "finetune": 8, "evaluate": 2, "layers": 2, "transcribe": 3, "predict": 1}
_STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
_CODE = """
import pathlib
pathlib.Path({mark!r}).write_text("run")
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast, Wav2Vec2FeatureExtractor
class Evil(PretrainedConfig):
    model_type = "evil"
"""
_AUTO = dict.fromkeys("AutoConfig AutoModel AutoTokenizer AutoProcessor AutoFeatureExtractor".split(), "evil.Evil")
_AUTO |= {"AutoModelForSpeechSeq2Seq": "evil.Evil"}
_SPEECH = tuple("extract few.csv --encoder hubert --store pooled --cache made".split())
_TEXT = tuple("extract few.csv --encoder bert --store pooled --cache made".split())
_ASR = tuple("transcribe few.csv --asr whisper --out made/t.csv --cache made".split())
_TUNED = ("predict", "runs/tuned", "audio/00.wav", "--text", "good day")
_PROBES = ("predict", "runs/fit", "audio/00.wav")
_PLANTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((f"hubert/{name}", _SPEECH) for name in ("config.json", "preprocessor_config.json")),
    *((f"bert/{name}", _TEXT) for name in ("config.json", "tokenizer_config.json", "tokenizer.json")),
    *((f"whisper/{name}", _ASR) for name in ("config.json", "generation_config.json", "processor_config.json")),
    ("whisper/tokenizer_config.json", _ASR),
    *((f"runs/tuned/seed0/{name}", _TUNED) for name in ("config.json", "tokenizer_config.json", "tokenizer.json")),
    *((f"runs/tuned/seed0/{name}", _TUNED) for name in ("preprocessor_config.json", "training.json")),
    ("runs/tuned/record.json", _TUNED),
    ("runs/tuned/configuration.json", _TUNED),
    ("runs/fit/record.json", _PROBES),
)
_PICKLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hubert/model.safetensors", _SPEECH),
    ("bert/model.safetensors", _TEXT),
    ("whisper/model.safetensors", _ASR),
    ("runs/tuned/seed0/model.safetensors", _TUNED),
    ("runs/fit/probes.safetensors", _PROBES),
)
_VARIABLES = "WORLD_SIZE RANK LOCAL_RANK MASTER_ADDR MASTER_PORT ACCELERATE_MIXED_PRECISION ACCELERATE_USE_CPU".split()
_VARIABLES += "SLURM_PROCID SLURM_NTASKS OMP_NUM_THREADS PROBING_CACHE PROBING_RUNS CUDA_VISIBLE_DEVICES".split()
_VARIABLES += "ACCELERATE_DYNAMO_BACKEND HF_HOME COLUMNS TMPDIR MPLCONFIGDIR".split()
_PLACES = ("PROBING_CACHE", "PROBING_RUNS")  # of them, only an empty value cannot be meant
_VALUES = ("", "abc", "-1", "999999999999999999999", "fp16", "é\n")
_LINKED = (
    ("cache/*/hubert-*/part-00001.h5", "fit"),
    ("cache/*/hubert-*.h5", "fit"),
    ("runs/fit/probes.safetensors", "predict"),
    ("runs/tuned/seed0/model.safetensors", "evaluate"),
    ("runs/tuned/record.json", "compare"),
)


def plan(seed: int, share: float = 1.0) -> list[Trial]:
    """Every case; of environments and signals a seeded choice."""
    trials = [Trial(KIND, "auto_map", (place,), seed) for place in range(len(_PLANTED))]
    trials += [Trial(KIND, "pickle", (place,), seed) for place in range(len(_PICKLES))]
    trials += [Trial(KIND, "pickle .bin", (place,), seed) for place in range(3)]
    trials += [Trial(KIND, "link", (place, way), seed) for place in range(len(_LINKED)) for way in ("zero", "outside")]
    trials += [Trial(KIND, "path", (place,), seed) for place in range(len(_PATHS))]
    trials += [
        Trial(KIND, "environment", (name, value, command), seed)
        for place, name in enumerate(_VARIABLES)
        for number, value in enumerate(_VALUES)
        for command in (("extract", "finetune")[(place + number) % 2],)
        if name not in _PLACES or not value
    ]
    trials += [
        Trial(KIND, "terminal", (encoding, command), seed)
        for encoding in ("ascii", "latin-1", "cp437")
        for command in ("extract", "fit", "layers", "compare", "report")
    ]
    if available():
        trials += [
            Trial(KIND, number.name, (command, one), seed)
            for number in _STATUS
            for command, times in _SIGNALS.items()
            for one in range(times)
        ]
    return trials[:: max(1, round(1 / share))]


def attempt(shop: Workshop, trial: Trial) -> list[Outcome]:
    """One case."""
    ways: dict[str, Callable[[Workshop, Trial], tuple[End, str]]] = {
        "auto_map": _planted,
        "pickle": _pickled,
        "pickle .bin": _pickled_bin,
        "link": _linked,
        "path": _outside,
        "environment": _environment,
        "terminal": _terminal,
    }
    end, detail = ways.get(trial.group, _signalled)(shop, trial)
    return [Outcome(KIND, trial.group, str(trial), end, detail)]


def _planted(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """Code beside a file that asks for it: it is not run, and nobody is asked."""
    name, words = _PLANTED[trial.words[0]]
    shop.reset()
    path, mark = shop.here / name, shop.here / "mark"
    content = json.loads(path.read_bytes()) | {"auto_map": _AUTO}
    replace_bytes(path, json.dumps(content).encode())
    (path.parent / "evil.py").write_text(_CODE.format(mark=str(mark)))
    return _harmless(shop, words, mark, [path.name, name])


def _harmless(shop: Workshop, words: tuple[str, ...], mark: Path, names: list[str]) -> tuple[End, str]:
    ended = shop.probe(words)
    if mark.exists():
        return End.SILENT, "the code was run"
    if "trust_remote_code" in ended.out + ended.err and "[y/N]" in ended.out + ended.err:
        return End.TRACEBACK, "it asks whether to run the code"
    return judged(ended, "", names)


class _Bomb:
    """What unpickling turns into a call."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


def _pickled(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A pickle in the place of tensors."""
    name, words = _PICKLES[trial.words[0]]
    shop.reset()
    mark = shop.here / "mark"
    replace_bytes(shop.here / name, pickle.dumps({"weight": _Bomb(mark)}))
    return _harmless(shop, words, mark, [name])


def _pickled_bin(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A pickle as torch saves checkpoints, where older ones of the hub have them."""
    name, words = _PICKLES[trial.words[0]]
    shop.reset(name)
    mark = shop.here / "mark"
    replace_bytes((shop.here / name).with_name("pytorch_model.bin"), pickle.dumps({"weight": _Bomb(mark)}))
    return _harmless(shop, words, mark, ["pytorch_model.bin"])


def _linked(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A link in a file's place: to a device without end, or to a file elsewhere."""
    place, way = trial.words
    pattern, command = _LINKED[place]
    before = shop.undisturbed(command)
    shop.reset(*MAKES[command])
    path = sorted(shop.here.glob(pattern))[0]
    elsewhere = shop.here / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to("/dev/zero" if way == "zero" else elsewhere)
    ended = shop.probe(COMMANDS[command])
    different = "" if ended.status or not before else shop.different(command)
    return judged(ended, different, [path.name])


_PATHS: tuple[tuple[str, str], ...] = (  # where a name is written, and the name; {} is a folder outside
    ("plan", "../../../../outside/part-00000.h5"),
    ("plan", "{}/part-00000.h5"),
    ("plan", "..\\\\part-00000.h5"),
    ("plan", "part-00000.h5\\u0000.h5"),
    ("record", "../../../outside/secret.csv"),
    ("record", "/etc/passwd"),
    ("table", "/dev/zero"),
    ("table", "/dev/stdin"),
    ("table", "audio"),
)


def _outside(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A file names another that is none of its own; nothing outside is written, and nothing without end is read."""
    what, name = _PATHS[trial.words[0]]
    outside = shop.base / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret.csv").write_text("secret")
    words = _named(shop, what, name.format(outside))
    ended = shop.probe(words)
    written = sorted(path.name for path in outside.iterdir() if path.name != "secret.csv")
    shutil.rmtree(outside)
    if written:
        return End.SILENT, f"written outside: {written}"
    different = ""
    if ended.status == 0:
        different = shop.different("extract") if what == "plan" else "it is used" if what == "table" else ""
    return judged(ended, different, [])


def _named(shop: Workshop, what: str, name: str) -> tuple[str, ...]:
    """Write a name into a file of some kind; the command that reads it."""
    if what == "plan":
        shop.undisturbed("extract")
        shop.reset("cache/*/hubert-*.h5", "cache/*/hubert-*/part-00000.h5")
        (plan_,) = shop.here.glob("cache/*/hubert-*/plan.json")
        replace_bytes(plan_, plan_.read_text().replace("part-00000.h5", name).encode())
        return COMMANDS["extract"]
    if what == "record":
        shop.reset()
        path = shop.here / "runs/fit/record.json"
        content = json.loads(path.read_bytes())
        content["files"] = {name: next(iter(content["files"].values()))}
        replace_bytes(path, json.dumps(content).encode())
        return ("report", "runs/fit", "--name", "all")
    shop.reset("cache")
    table = shop.here / "few.csv"
    replace_bytes(table, table.read_bytes().replace(b"audio/00.wav", name.encode()))
    return ("check", "few.csv")


def _environment(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A variable with a value that cannot be meant, or that would change numbers."""
    name, value, command = trial.words
    shop.undisturbed(command)
    shop.reset(*MAKES[command])
    ended = shop.probe(COMMANDS[command], {name: value})
    return judged(ended, "" if ended.status else shop.different(command), [name])


def _terminal(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """A terminal that cannot show every character; what is written to files is the same."""
    encoding, command = trial.words
    shop.undisturbed(command)
    shop.reset(*MAKES[command])

    def narrow() -> None:  # PYTHONIOENCODING is read when Python starts, and this child is forked
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding=encoding, errors=stream.errors)  # type: ignore[union-attr]

    ended = shop.probe(COMMANDS[command], first=narrow)
    return judged(ended, "" if ended.status else shop.different(command), [])


def _signalled(shop: Workshop, trial: Trial) -> tuple[End, str]:
    """Asked to end at an instant: a message, the shell's exit status, and the command typed again goes on."""
    command, one = trial.words
    number = signal.Signals[trial.group]
    shop.undisturbed(command)
    instant = chosen(shop.instants(command), one, _SIGNALS[command], trial)
    shop.reset(*MAKES[command])
    ended, _ = shop.gated(COMMANDS[command], _sent(number, instant))
    wrong = crashed(ended)
    if wrong:
        return wrong
    if ended.status not in (0, _STATUS[number]):
        return End.TRACEBACK, f"before {instant}: status {ended.status}: {message(ended)}"
    end, detail = typed_again(shop, command)
    if end is not End.SAME:
        return end, f"before {instant}: {detail}"
    return (End.REFUSED if ended.status else End.SAME), message(ended)


def _sent(number: signal.Signals, instant: Instant) -> Decide:
    def decide(now: Instant, child: Watched) -> Deny | None:
        if now.number == instant.number:
            child.signal(number)
        return None

    return decide
