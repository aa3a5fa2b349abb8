"""Damaged files of every format that is read: the user's, other programs', and our own."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

from faults.child import Ended
from faults.mutations import Damage, damaged
from faults.outcomes import WRONG, End, Outcome, crashed, judged
from faults.results import Results, difference
from faults.targets import AUDIO, TARGETS, Target, Unseen
from faults.trials import Trial
from faults.workshop import Workshop
from faults.world import replace_bytes

KIND = "damage"
_AT_ONCE = 10  # damaged recordings that one command is given; where it breaks, each is given again alone
_BATCH = 10  # damaged own files of one trial, so that what it needs undisturbed is made once
_RUN = "runs/fit"
_NOTES = ("  - ", "Ignored unknown")  # how notes of `check` begin, and what the library tokenizers says, on stdout
_REMARKS = ("--column", "columns that are not used", "Ignored unknown")  # they name what is damaged, not its file
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d\S*)?|-20\d{6}-\d{6}|\d+(\.\d+)? [GMk]B free|\d\d:\d\d")


def plan(seed: int, share: float = 1.0) -> list[Trial]:
    """Trials of a few damaged files each."""
    trials = []
    for format_, (number, _) in AUDIO.items():
        trials += [Trial(KIND, format_, (one,), seed) for one in range(_times(number * share, _AT_ONCE))]
    for target in TARGETS:
        trials += [Trial(KIND, target.group, (one,), seed) for one in range(_times(target.number * share, _BATCH))]
    return trials


def _times(number: float, at_once: int) -> int:
    return max(1, round(number / at_once))


def attempt(shop: Workshop, trial: Trial) -> list[Outcome]:
    """Damage some files, one after another, and read each."""
    if trial.group in AUDIO:
        return _recordings(shop, trial)
    (target,) = (one for one in TARGETS if one.group == trial.group)
    before, ended = shop.reference(target.words, target.makes, target.world, target.kept)
    chance = trial.chance()
    found = []
    for number in range(_BATCH):
        shop.reset(*(target.makes if not target.world else ()), store=target.world)
        paths = sorted(path for path in shop.here.glob(target.path) if path.is_file() and path.stat().st_size)
        path = chance.choice(paths)
        content = path.read_bytes()
        others = [(one.name, one.read_bytes()) for one in _others(shop.here, path)]
        damage = damaged(path.name, content, chance, others)
        replace_bytes(path, damage.content)
        end, detail = _read(shop, target, path, content, damage, before, ended)
        found.append(
            Outcome(KIND, target.group, f"{trial}#{number}: {path.relative_to(shop.here)}: {damage.how}", end, detail)
        )
    return found


def _others(here: Path, path: Path) -> list[Path]:
    """Other files of the same ending, and one of another."""
    alike = [one for one in sorted(here.rglob(f"*{path.suffix}")) if one != path and one.is_file()]
    return [*alike[:12], here / "audio/00.wav", here / "table.csv"]


def _read(
    shop: Workshop, target: Target, path: Path, content: bytes, damage: Damage, before: Results, undisturbed: Ended
) -> tuple[End, str]:
    """How the command ends that reads a damaged file."""
    ended = shop.probe(target.words)
    different = ""
    if ended.status == 0:
        try:
            different = difference(before, shop.results(target.compared))
        except RuntimeError as error:
            different = f"what it wrote cannot be read: {str(error)[-200:]}"
        if _plain(ended.out) != _plain(undisturbed.out):
            different = different or f"prints {_first_difference(undisturbed.out, ended.out)}"
    if different and target.then and (used := shop.probe(target.then)).status:
        ended = used
    names = {path.name, str(path.parent.relative_to(shop.here)), *_REMARKS} - {"."}
    if path.parent.name.startswith("checkpoint-"):
        names.add(path.parent.name)
    known = {*undisturbed.err.splitlines(), *undisturbed.out.splitlines()}
    notes = [line for line in ended.out.splitlines() if line.startswith(_NOTES)]
    remarks = [line for line in (*ended.err.splitlines(), *notes) if line not in known]
    names = {name for name in names if any(name in line for line in remarks)}
    ended = replace(ended, err="\n".join((ended.err, *notes)))
    return judged(ended, different, names, target.unseen(content, damage))


def _plain(text: str) -> str:
    return _TIMES.sub("", text)


def _first_difference(before: str, after: str) -> str:
    ours, theirs = _plain(after).splitlines(), _plain(before).splitlines()
    pairs = [f"{b!r} for {a!r}" for a, b in zip(theirs, ours, strict=False) if a != b]
    return (pairs or [f"{len(ours)} lines for {len(theirs)}"])[0][:300]


def _recordings(shop: Workshop, trial: Trial) -> list[Outcome]:
    """Damage some recordings of one format, and let one command estimate them all."""
    format_ = trial.group
    _, unseen = AUDIO[format_]
    shop.reset()
    content = (shop.here / f"audio/one.{format_}").read_bytes()
    chance = trial.chance()
    others = [(name, (shop.here / name).read_bytes()) for name in ("table.csv", "hubert/model.safetensors")]
    damages = {f"d{number}.{format_}": damaged(f"one.{format_}", content, chance, others) for number in range(_AT_ONCE)}
    whole, _ = _estimated(shop, {f"whole.{format_}": content})
    expected = whole[f"whole.{format_}"]
    rows, ended = _estimated(shop, {name: damage.content for name, damage in damages.items()})
    if crashed(ended):  # one of them breaks the command: which?
        each = {name: _estimated(shop, {name: damage.content}) for name, damage in damages.items()}
    else:
        each = dict.fromkeys(damages, (rows, ended))
    found = []
    for name, damage in damages.items():
        end, detail = _heard(name, damage, content, expected, *each[name], unseen)
        if not crashed(each[name][1]) and crashed(ended) and end not in WRONG:
            detail = f"beside others: {detail}"
        found.append(Outcome(KIND, format_, f"{trial}: {name}: {damage.how}", end, detail))
    return found


def _estimated(shop: Workshop, recordings: dict[str, bytes]) -> tuple[dict[str, list[str]], Ended]:
    """Rows of the table of estimates, by file; and how the command ended."""
    folder = shop.here / "damaged"
    for name, content in recordings.items():
        replace_bytes(folder / name, content)
    ended = shop.probe(["predict", _RUN, *(f"damaged/{name}" for name in recordings)])
    rows: dict[str, list[str]] = {}
    for row in csv.reader(io.StringIO(ended.out)):
        if row and row[0].startswith("damaged/"):
            rows.setdefault(row[0].removeprefix("damaged/"), []).append(",".join(row[1:]))
    return rows, ended


def _heard(
    name: str,
    damage: Damage,
    content: bytes,
    expected: list[str],
    rows: dict[str, list[str]],
    ended: Ended,
    unseen: Unseen,
) -> tuple[End, str]:
    """What became of one recording among others."""
    wrong = crashed(ended)
    if wrong:
        return wrong
    if name not in rows:
        if name not in ended.err:
            return End.SILENT, "left out without a word"
        return End.REFUSED, next((line for line in ended.err.splitlines() if name in line), "")[:300]
    if rows[name] == expected:
        return End.SAME, ""
    if name in ended.err:
        return End.TOLD, next(line for line in ended.err.splitlines() if name in line)[:300]
    same_length = [row.split(",")[:2] for row in rows[name]] == [row.split(",")[:2] for row in expected]
    return (End.UNSEEN if unseen(content, damage) and same_length else End.SILENT), f"{rows[name]} for {expected}"[:300]
