"""Which layers of a speech model carry arousal, valence and dominance?

The rooms, one folder a step of the pipeline; each imports only from those above it (★: loads without torch):

    errors ★       what happened, why, and what to type next
    options ★      a step's options, documented once
    files ★        names, digests, atomic writing, claims between processes
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
    report/ ★      tables, figures, findings: `probe compare`, `figure`
    pretrain/      how the built-in encoders were made
    cli/ ★         the command `probe`
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probing.audio.decode import load
    from probing.cache.reader import open_cache
    from probing.corpus.opening import open_corpus
    from probing.encoders.speech import open_encoder
    from probing.predict.predictor import open_run
    from probing.statistics.concordance import ccc
    from probing.systems.model import EmotionSystem
    from probing.systems.processor import Processor

__version__ = "0.1.0"
__all__ = ["EmotionSystem", "Processor", "ccc", "load", "open_cache", "open_corpus", "open_encoder", "open_run"]

_HOMES = {
    "EmotionSystem": ("probing.systems.model", "EmotionSystem"),
    "Processor": ("probing.systems.processor", "Processor"),
    "ccc": ("probing.statistics.concordance", "ccc"),
    "load": ("probing.audio.decode", "load"),
    "open_cache": ("probing.cache.reader", "open_cache"),
    "open_corpus": ("probing.corpus.opening", "open_corpus"),
    "open_encoder": ("probing.encoders.speech", "open_encoder"),
    "open_run": ("probing.predict.predictor", "open_run"),
}


def __getattr__(name: str) -> Any:
    """Import what a user asks for when it is asked for: `import probing` itself loads no heavy module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probing' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
