"""Names of the files of figures and tables: two sets of runs, or two configurations, never share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from probing.corpus.checked import corpus_name
from probing.corpus.identity import Identity
from probing.corpus.model import EMOTIONS
from probing.encoders.presets import PRESETS
from probing.encoders.spec import EncoderSpec
from probing.files import digest, read_json, slug
from probing.probes.options import FitOptions
from probing.runs.records import FitRecord, Record, SystemRecord

# What `make figure2` asks for beside the defaults: of the encoder, and of as many random encoders.
_MADE = {"dims": sorted(EMOTIONS), "layers": "weighted", "seeds": 5}
_MADE_BESIDE = {"dims": sorted(EMOTIONS), "head": "ridge", "layers": "each", "permutations": 0}
RANDOMS = 5
_SAME_RESULT = ("workers",)  # options that leave the result the same
_VALUE_ALONE = ("dims", "head", "layers", "pooling")  # options whose value needs no name before it
_DIGITS = 6  # hexadecimal digits that tell sets of runs apart
_MOST_BYTES = 180  # of a name: file systems allow 255, of which its ending and a file written aside need some


def shortened(stem: str) -> str:
    """A file's name without its ending, cut where a file system would not take it; a digest then stands for the rest.

    >>> shortened("figure2-demo"), len(shortened("x" * 300))
    ('figure2-demo', 180)
    """
    if len(stem.encode()) <= _MOST_BYTES:
        return stem
    kept = stem.encode()[: _MOST_BYTES - 9].decode(errors="ignore")  # a character of several bytes is not cut in two
    return f"{kept}-{digest(stem)[:8]}"


def fit_stem(record: FitRecord, controls: Sequence[FitRecord] = ()) -> str:
    """Figure 2 in file names: corpus, encoder, and every option that differs from what `make figure2` uses.

    Anything else than what `make figure2` draws has a digest behind it: names are rounded and cut, weights on the hub
    move, and the controls are in the figure too.

    Args:
        record: A fit.
        controls: The fits on random encoders that are drawn beside it.
    """
    spec = record.encoder.spec
    parts = ["figure2", corpus_stem([record]), record.encoder_file_name]
    parts += [slug(spec.revision)] if spec is not None and spec.revision else []
    parts += _departures(record)
    if not _made_by_make(record, controls):
        weights, revision = record.encoder.identity.get("weights"), spec.revision if spec is not None else None
        beside = [[control.encoder.name, control.signature] for control in controls]
        parts.append(digest([record.signature, weights, revision, beside])[:_DIGITS])
    return shortened("-".join(parts))


def set_stem(records: Sequence[SystemRecord], name: str | None = None, *others: Record | str) -> str:
    """A set of runs on one corpus in file names.

    Args:
        records: The runs, in any order.
        name: What the user calls them; by default the corpus and a digest of the runs.
        *others: Further runs, and words, that settle what the file holds.
    """
    if name is not None:
        return slug(name)
    settled = sorted([record.signature, list(getattr(record, "seeds", ()))] for record in records)
    beside = [other if isinstance(other, str) else other.signature for other in others]
    return f"{corpus_stem(records)}-{digest([settled, beside] if beside else settled)[:_DIGITS]}"


def roles_said(teacher: str | None, student: str | None) -> list[str]:
    """What `set_stem` must know of encoders whose roles the user names: the findings depend on them."""
    named = {"teacher": teacher, "student": student}
    return [f"{role} {encoder}" for role, encoder in named.items() if encoder is not None]


def corpus_stem(records: Sequence[Record]) -> str:
    """The corpus of some runs in file names, with all that is known of its identity; the order of runs is no matter."""
    known = [record.corpus.identity for record in records if record.corpus.identity]
    first = records[0].corpus
    if known:  # one run has read the audio, another the text
        audio = next((identity.audio for identity in known if identity.audio), None)
        text = next((identity.text for identity in known if identity.text), None)
        named = next((identity.categories for identity in known if identity.categories), None)
        return corpus_name(first.title, first.spec, Identity(known[0].labels, audio, text, named))
    labels = str(records[0].configuration.get("labels") or "")[:8]  # all that a run of version 0.1.0 knows
    return slug(first.title) + (f"-{labels}" if labels and first.spec.prefix != "demo" else "")


def _made_by_make(record: FitRecord, controls: Sequence[FitRecord]) -> bool:
    """Whether `make figure2` draws this as it stands: a built-in encoder and random ones, with the usual options.

    Other presets are on the hub, where weights may change under one name.
    """
    spec = record.encoder.spec
    if spec is None or spec.name not in PRESETS or _built_in_layers(spec.name) is None:
        return False
    usual = spec == EncoderSpec(spec.name) and record.version > 1  # 0.1.0 made another figure
    beside = [control.encoder.spec for control in controls] == [spec.on_random_weights(k) for k in range(RANDOMS)]
    return usual and beside and not _departures(record) and not any(_departures(c, _MADE_BESIDE) for c in controls)


def _built_in_layers(name: str) -> int | None:
    """Number of transformer layers of a built-in encoder; None of one on the hub."""
    path = Path(PRESETS[name].source) / "config.json"
    return int(read_json(path, "install the package again")["num_hidden_layers"]) if path.is_file() else None


def _departures(record: FitRecord, made: Mapping[str, Any] = _MADE) -> list[str]:
    """What is not as `make figure2` makes it, each as in a file's name."""
    alone = {"layers": "each", "seeds": 1} if record.options.get("head") == "ridge" else {}  # these go with ridge
    parts = _settings(record.options, {**made, **alone})
    parts += [record.cache.store] * (record.cache.store != "pooled")
    return parts + [record.cache.dtype] * (record.cache.dtype != "float16")


def _settings(options: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    usual = asdict(FitOptions()) | dict(made)
    found = []
    for name, default in usual.items():
        value = options.get(name, default)
        value = sorted(value) if name == "dims" else value
        if name not in _SAME_RESULT and value != default:
            found.append(_spelled(name, value))
    return found


def _spelled(name: str, value: Any) -> str:
    """An option in a file's name.

    >>> _spelled("layer_lr", 0.01), _spelled("normalize", "layer"), _spelled("shuffled", False)
    ('layer-lr0.01', 'layernorm', 'no-shuffled')
    """
    if name == "dims":
        return "-".join(slug(dimension) for dimension in sorted(value, key=_place))
    if name == "normalize":
        return "layernorm" if value == "layer" else f"normalize-{value}"
    if name in _VALUE_ALONE:
        return str(value)
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return flag if value else f"no-{flag}"
    return f"{flag}{value:g}" if isinstance(value, int | float) else f"{flag}-{slug(str(value))}"


def _place(dimension: str) -> tuple[int, str]:
    """The paper's three in its order, then others by name."""
    return (EMOTIONS.index(dimension) if dimension in EMOTIONS else len(EMOTIONS), dimension)
