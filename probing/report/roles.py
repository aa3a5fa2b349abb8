"""Who is who among finetune runs: which were trained how, and which encoder was distilled from which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probing.encoders.presets import preset_of, teacher_of
from probing.errors import OptionError
from probing.report.compared import systems
from probing.runs.records import FinetuneRecord

Candidates = tuple[FinetuneRecord, ...]  # the runs that could fill a role: one, or none, or too many


@dataclass(frozen=True)
class Roles:
    """The runs that the findings are about, by audio encoder; controls have no role.

    Args:
        audio: Audio alone, fine-tuned: encoder → runs.
        both: Audio and text, fine-tuned.
        frozen: Audio and text, FT⇒FRZ.
        full: The audio encoder that is the teacher; none where it is not known, several where several could be meant.
        distilled: The one that was distilled from it.
        unknown: `full` or `distilled` → why there is none.
    """

    audio: Mapping[str, Candidates]
    both: Mapping[str, Candidates]
    frozen: Mapping[str, Candidates]
    full: tuple[str, ...]
    distilled: tuple[str, ...]
    unknown: Mapping[str, str]


def roles(records: Sequence[FinetuneRecord], teacher: str | None = None, student: str | None = None) -> Roles:
    """Find who is who; controls, on permuted labels or random weights, have no role.

    Args:
        records: Runs on one corpus.
        teacher: The audio encoder that is the full one; by default what the distilled is known to be distilled from.
        student: The one that is the distilled one; by default those that are known to be distilled.

    Raises:
        OptionError: No run has the encoder that is named (code `no-such-encoder`), or one encoder is named as both
            (`same-encoder`).
    """
    real = [record for record in systems(records) if not (record.shuffled or record.system.random)]

    def chosen(modality: str, regime: str) -> dict[str, Candidates]:
        own = [r for r in real if (r.system.modality, r.system.regime) == (modality, regime)]
        encoders = dict.fromkeys(str(record.system.audio) for record in own)
        return {name: tuple(r for r in own if r.system.audio == name) for name in encoders}

    audio, both, frozen = chosen("audio", "FT"), chosen("audio+text", "FT"), chosen("audio+text", "FT⇒FRZ")
    names = sorted({*audio, *both, *frozen})
    _demand_named(names, teacher, student)
    distilled = (student,) if student is not None else _students(names, teacher)
    full = (teacher,) if teacher is not None else _teachers(names, distilled)
    return Roles(audio, both, frozen, full, distilled, _unknown(full, distilled))


def _demand_named(names: Sequence[str], teacher: str | None, student: str | None) -> None:
    """What the user names must be there, and be two encoders."""
    for option, name in (("--teacher", teacher), ("--student", student)):
        if name is not None and name not in names:
            raise OptionError(
                f"{option} {name}",
                "no run that is compared has this audio encoder",
                f"name one of {', '.join(names) or 'the encoders of the runs'}",
                code="no-such-encoder",
            )
    if teacher is not None and teacher == student:
        what, remedy = f"--teacher and --student are both {teacher}", "name two encoders"
        raise OptionError(what, "an encoder is not distilled from itself", remedy, code="same-encoder")


def _students(names: Sequence[str], teacher: str | None) -> tuple[str, ...]:
    """Encoders that are known to be distilled, from the teacher where one is named."""
    known = {name: teacher_of(name) for name in names}
    wanted = None if teacher is None else preset_of(teacher)
    return tuple(name for name, own in known.items() if own and (teacher is None or own == wanted))


def _teachers(names: Sequence[str], distilled: Sequence[str]) -> tuple[str, ...]:
    """Those among the encoders that the distilled ones are known to be distilled from."""
    wanted = {teacher_of(name) for name in distilled} - {None}
    return tuple(name for name in names if preset_of(name) in wanted)


def _unknown(full: Sequence[str], distilled: Sequence[str]) -> dict[str, str]:
    """Why there is no teacher, or no student."""
    found = {}
    if not distilled:
        found["distilled"] = "which encoder was distilled is not known: name it with --student, and its teacher with "
        found["distilled"] += "--teacher"
    if not full:
        known = [name for name in map(teacher_of, distilled) if name]
        absent = f"no run has the teacher, {' or '.join(known)}" if known else "the teacher is not known"
        found["full"] = f"{absent}: name the full encoder with --teacher"
    return found
