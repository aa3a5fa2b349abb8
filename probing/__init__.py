"""Which layers of a speech model carry arousal, valence and dominance?

The rooms, one folder a step of the pipeline; each imports only from those above it (★: loads without torch):

    errors ★       what happened, why, and what to type next
    environment ★  environment variables that are read, and refused where they are malformed
    options ★      a step's options, documented once
    files/ ★       names, digests, atomic writing, claims; our own files read with checks
    statistics/ ★  concordance correlation, intervals, paired differences
    audio/ ★       any file → mono float32 at 16 kHz; noise, windows
    demo/ ★        the built-in corpus: language, voice, synthesiser
    corpus/ ★      utterances, partitions, labels; readers; the audit; other words
    encoders/      frozen encoders with exact padded batches
    cache/ ★       the HDF5 format's only owner
    runs/ ★        one record.json a run
    extraction/    corpus × encoder → cache: `probe extract`, `verify`
    asr/           Whisper as a recogniser: `probe transcribe`
    probes/        the bank of probes: `probe fit`
    systems/       audio, text and audio-textual regressors
    training/      `probe finetune`, `evaluate`
    predict/       a finished run on any recording: `probe predict`
    analysis/      what a layer contains, words or sound: `probe layers`
    report/ ★      tables, figures, findings: `probe compare`, `figure`, `report`
    bench/         how much work encoders and systems are: `probe bench`
    calibration/   how far to trust all of it: planted worlds, `make calibrate`
    exactness/     how exact padded batches of every family are: `make padding`
    pretrain/      how the built-in encoders were made
    cli/ ★         the command `probe`

In Python, where `probe extract`, `fit` and `figure 2` are typed on a command line:

    import probing

    cache = probing.extract("demo", "demo-hubert", store="pooled")
    record = probing.fit("demo", "demo-hubert")
    probing.plot_layers(record)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probing.analysis.contents import contents
    from probing.audio.decode import load
    from probing.cache.reader import open_cache
    from probing.corpus.opening import open_corpus
    from probing.corpus.reading import Reading
    from probing.corpus.spec import CorpusSpec
    from probing.encoders.opening import open_encoder
    from probing.encoders.spec import EncoderSpec
    from probing.extraction.extract import extract
    from probing.predict.predictor import open_run
    from probing.probes.fit import fit
    from probing.probes.over_folds import fit_folds
    from probing.report.compare import compare
    from probing.report.figure2 import plot_layers
    from probing.statistics.concordance import ccc
    from probing.systems.model import EmotionSystem
    from probing.systems.processor import Processor
    from probing.training.evaluate import evaluate
    from probing.training.finetune import finetune
    from probing.training.over_folds import finetune_folds

__version__ = "0.2.0.dev0"
__all__ = [
    "CorpusSpec",
    "EmotionSystem",
    "EncoderSpec",
    "Processor",
    "Reading",
    "ccc",
    "compare",
    "contents",
    "evaluate",
    "extract",
    "finetune",
    "finetune_folds",
    "fit",
    "fit_folds",
    "load",
    "open_cache",
    "open_corpus",
    "open_encoder",
    "open_run",
    "plot_layers",
]

_HOMES = {
    "CorpusSpec": "probing.corpus.spec",
    "EmotionSystem": "probing.systems.model",
    "EncoderSpec": "probing.encoders.spec",
    "Processor": "probing.systems.processor",
    "Reading": "probing.corpus.reading",
    "ccc": "probing.statistics.concordance",
    "compare": "probing.report.compare",
    "contents": "probing.analysis.contents",
    "evaluate": "probing.training.evaluate",
    "extract": "probing.extraction.extract",
    "finetune": "probing.training.finetune",
    "finetune_folds": "probing.training.over_folds",
    "fit": "probing.probes.fit",
    "fit_folds": "probing.probes.over_folds",
    "load": "probing.audio.decode",
    "open_cache": "probing.cache.reader",
    "open_corpus": "probing.corpus.opening",
    "open_encoder": "probing.encoders.opening",
    "open_run": "probing.predict.predictor",
    "plot_layers": "probing.report.figure2",
}


def __getattr__(name: str) -> Any:
    """Import what a user asks for when it is asked for: `import probing` itself loads no heavy module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
