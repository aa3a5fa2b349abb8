"""Caches and recordings → what every layer contains → finished run: the work of `probe layers`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from probing.analysis.contents import Contents, contents_of, material_of, settled_dims
from probing.analysis.erasure import Erasure
from probing.analysis.inside import erase_inside
from probing.analysis.material import Material
from probing.analysis.options import NONE, LayersOptions
from probing.analysis.reading import Read, read_states, refuse_speech
from probing.analysis.similarity import States, similarity
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.identity import identify
from probing.corpus.spec import DEMO, CorpusSpec
from probing.encoders.device import settle_device
from probing.encoders.spec import EncoderSpec, typed
from probing.errors import OptionError
from probing.extraction.acoustics import Acoustics, acoustics_of
from probing.extraction.options import CacheOptions
from probing.files import absolute, shown
from probing.files.cells import to_csv
from probing.options import with_settings
from probing.probes.options import ProbesPlace
from probing.runs.entries import corpus_entry
from probing.runs.folders import new_run
from probing.runs.records import AcousticsEntry, FinetuneRecord, LayersRecord
from probing.runs.scores import interval_notes, labels_digest
from probing.runs.store import provenance, read_kind, write_record

ENCODER, DEMO_TEXT = "demo-hubert", "demo-tinybert"
CONTENTS, BENEATH = "contents.csv", "words.csv"


@dataclass(frozen=True, eq=False)
class _Ready:
    """All that an analysis reads and is told."""

    checked: Checked
    encoder: Read
    text: Read | None
    acoustics: Acoustics | None
    beside: tuple[Read, ...]
    options: LayersOptions
    device: str


def layers(
    corpus: CorpusSpec | str,
    encoder: EncoderSpec | str = ENCODER,
    options: LayersOptions | None = None,
    source: CacheOptions | None = None,
    place: ProbesPlace | None = None,
    **settings: Any,
) -> LayersRecord:
    """Analyse what the layers of a cached encoder contain, and write a run's folder.

    Args:
        corpus: What names the corpus.
        encoder: What names the encoder.
        options: What to set its layers against.
        source: Which caches to read; acoustic measures are kept in their folder.
        place: Where to compute, and where the run goes.
        **settings: Fields of `options`, `source` and `place` by their names.

    Returns:
        The run's record. Its folder also holds contents.csv, a row for each number, and words.csv, the utterances that
        gain and lose most when words are erased.

    Raises:
        CorpusError: The corpus cannot be opened, or lacks labels, audio or text that is read.
        EncoderError: An encoder cannot be opened.
        CacheError: There is no cache of the corpus and an encoder, or it is damaged or made from other audio or text.
        FitError: There are too few ratings, they are constant, or states do not fit into memory.
        OptionError: An option cannot be meant: no text encoder is named (code `no-text`), one is none (`not-text`), an
            encoder is compared with itself (`beside-twice`), or `cache` is a single file (`one-cache`).
    """
    began = time.time()
    parts = (options or LayersOptions(), source or CacheOptions(), place or ProbesPlace())
    options, source, place = with_settings(parts, settings)
    spec = corpus if isinstance(corpus, CorpusSpec) else CorpusSpec.resolve(corpus)
    named = encoder if isinstance(encoder, EncoderSpec) else EncoderSpec.resolve(encoder)
    ready = _read(spec, named, options, source, place)
    material = material_of(ready.checked.corpus, ready.options.dims, ready.encoder, ready.text, ready.acoustics)
    found = contents_of(material, ready.options, ready.device)
    found = _with_others(ready, material, found)
    record = _record(ready, found, began)
    name = f"layers-{record.corpus.file_name}-{record.encoder_file_name}"
    with new_run(name, Path(place.runs)) as new:
        to_csv(found.table, new.aside / CONTENTS)
        files = [CONTENTS]
        if found.words is not None:
            to_csv(found.words, new.aside / BENEATH)
            files.append(BENEATH)
        record = write_record(record, new.aside, files)
    return replace(record, folder=new.final)


def _read(
    spec: CorpusSpec, encoder: EncoderSpec, options: LayersOptions, source: CacheOptions, place: ProbesPlace
) -> _Ready:
    """Read every cache, and measure the recordings."""
    if source.cache.suffix == ".h5":
        why = "layers are set against other encoders and against the recordings, which have caches of their own"
        raise OptionError(f"--cache {source.cache}", why, "name the folder of all caches", code="one-cache")
    text = _text_spec(spec, options)
    if options.system is not None:
        refuse_other_system(options.system, encoder)  # before any work
    # Recordings are decoded only where they are measured: of everything else the caches know the checksums.
    checked = check_corpus(spec, Needs(text=text is not None, dims=options.dims), place.allow_missing)
    dims = settled_dims(checked.corpus, options.dims)
    read = read_states(checked, encoder, source)
    text_read = None
    if text is not None:
        text_read = read_states(checked, text, source)
        refuse_speech(text_read, "--text")
    beside = tuple(read_states(checked, EncoderSpec.resolve(name), source) for name in options.beside)
    _refuse_twice([read.entry.name, *(other.entry.name for other in beside)])
    acoustics = None
    if options.acoustics != NONE:
        acoustics = acoustics_of(checked, Path(source.cache), options.acoustics)
    settled = replace(options, dims=dims)
    return _Ready(checked, read, text_read, acoustics, beside, settled, settle_device(place.device))


def _refuse_twice(names: Sequence[str]) -> None:
    """An encoder's layers are compared with one another anyway, and with another encoder's once."""
    for place, name in enumerate(names):
        if name in names[:place]:
            why = "it is the encoder itself, whose layers are always compared, or named twice"
            raise OptionError(f"--beside {name}", why, "leave it out", code="beside-twice")


def refuse_other_system(run: Path, encoder: EncoderSpec) -> None:
    """Raise an OptionError (code `other-encoder`) unless a run is of the encoder, or is itself the encoder."""
    record = read_kind(run, FinetuneRecord)
    within = Path(encoder.name).is_absolute() and Path(absolute(run)) in (Path(encoder.name), Path(encoder.name).parent)
    if within or encoder.name in record.system.spec:
        return
    heard = next((name for name in record.system.spec if name), record.system.name)
    raise OptionError(
        f"--system {run}",
        f"it is a system of {record.system.name}, but the layers of {encoder.name} are analysed",
        f"type --encoder {shown(str(run))} for its own layers, or --encoder {typed(heard)} for those before training",
        code="other-encoder",
    )


def _text_spec(spec: CorpusSpec, options: LayersOptions) -> EncoderSpec | None:
    """The text encoder; None where words are left out."""
    if options.text == NONE:
        return None
    if options.text is not None:
        return EncoderSpec.resolve(options.text)
    if spec.prefix == DEMO:
        return EncoderSpec.resolve(DEMO_TEXT)
    raise OptionError(
        "no text encoder is named",
        "what a layer has in common with words is measured by a text encoder of the corpus's language",
        "add --text minilm-l6 for English (or another, or a folder), or --text none to leave words out",
        code="no-text",
    )


def _with_others(ready: _Ready, material: Material, found: Contents) -> Contents:
    """The same, with comparisons between encoders, and with erasure inside a running system."""
    tables, notes = [found.table], list(found.notes)
    own, corpus = States.of(material), ready.checked.corpus
    for other in (None, *ready.beside):
        states = (
            None
            if other is None
            else replace(own, encoder=other.entry.name, layers=other.layers, states_NLD=other.states_NLD)
        )
        alike = similarity(corpus, own, states, ready.options.seed)
        tables.append(alike.rows())
        notes += [*alike.sentences(), *alike.notes]
    if ready.options.system is not None:
        inside = _inside(ready, material)
        tables.append(inside.rows())
        notes += inside.notes
    return replace(found, table=pd.concat(tables, ignore_index=True), notes=tuple(dict.fromkeys(notes)))


def _inside(ready: _Ready, material: Material) -> Erasure:
    """Erasure inside the running system, which hears the recordings."""
    checked, options = ready.checked, ready.options
    assert options.system is not None
    run = absolute(options.system)
    heard = check_corpus(checked.spec, Needs(True, ready.text is not None, options.dims), len(checked.left_out))
    return erase_inside(run, heard, material, randoms=options.randoms, seed=options.seed, device=ready.device)


def _record(ready: _Ready, found: Contents, began: float) -> LayersRecord:
    """What the run's record says."""
    corpus, options = ready.checked.corpus, ready.options
    configuration = {
        "corpus": corpus.name,
        "labels": labels_digest(corpus, options.dims),
        "scale": corpus.scale,
        "fingerprint": ready.encoder.cache.fingerprint,
        "text": None if ready.text is None else ready.text.cache.fingerprint,
        "acoustics": None if ready.acoustics is None else ready.acoustics.identity,
        "beside": [other.cache.fingerprint for other in ready.beside],
        "options": asdict(options) | {"system": None if options.system is None else absolute(options.system)},
    }
    notes = [*corpus.notes, *interval_notes(corpus), *ready.encoder.notes, *found.notes]
    return LayersRecord(
        command="layers",
        corpus=corpus_entry(ready.checked, identify(corpus, ready.encoder.audio, ready.text is not None)),
        encoder=ready.encoder.entry,
        cache=ready.encoder.cache,
        text=None if ready.text is None else ready.text.entry,
        acoustics=_acoustics_entry(ready),
        beside=tuple(other.entry for other in ready.beside),
        system=None if options.system is None else absolute(options.system),
        dimensions=options.dims,
        ranks=dict(found.ranks),
        findings=found.findings,
        device=ready.device,
        threads=torch.get_num_threads(),
        notes=tuple(dict.fromkeys(notes)),
        **provenance(configuration, began),
    )


def _acoustics_entry(ready: _Ready) -> AcousticsEntry | None:
    if ready.acoustics is None:
        return None
    return AcousticsEntry(ready.options.acoustics, len(ready.acoustics.names), ready.acoustics.identity)
