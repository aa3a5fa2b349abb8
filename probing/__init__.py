"""Which layers of a speech model carry arousal, valence and dominance?

The rooms, each importing only from those above it (★: loads without torch):

    errors ★         what happened, why, and what to type next
    metrics ★        concordance correlation: score, loss, intervals by speaker
    audio ★          any file → mono float32 at 16 kHz
    noise ★          noisy, reverberant audio on purpose
    demo ★           the built-in corpus: language, voice, synthesiser
    corpus ★         utterances, partitions, labels; readers; the audit
    words ★          word errors: counted, and made on purpose
    transcripts ★    the words that are read in place of a corpus's own
    padding          keep padding out of every layer that looks across time
    checkpoints      find and load an encoder's checkpoint
    exact            float32 without shortcuts, and a digest of the weights
    text             frozen text encoders
    encoders         frozen speech encoders with exact padded batches
    recognise        speech recognition by Whisper
    systems          audio, text and audio-textual regressors
    processor        what a system is fed
    building         systems by name
    cache ★          the HDF5 format's only owner
    inputs           what an encoder is fed of an utterance
    records ★        one record.json a run
    plan ★           which utterances go into which batch and part
    sharing ★        several processes, one cache: who writes which part
    entries          what a cache keeps of one utterance's hidden states
    estimate         what an extraction will take
    extract          corpus × encoder → cache
    verify           is a cache what it should be?
    progress         what is shown of a training
    pretrain         how the built-in encoders were made
    probes           the bank: many probes as one batched module
    features         what a bank sees of a cache
    fit              train the bank
    results          a fitted bank as files
    run_fit          one run of `probe fit`
    batches          utterances as a system's batches
    feeding          what a system is fed of a corpus
    finetune         train one system
    evaluate         estimates of a system, and their scores
    outlook          what a training will take
    published ★      the numbers printed in the paper's tables
    paired ★         systems' scores set against each other
    tables ★         Table 1
    card ★           a run's model card
    run_finetune     one run of `probe finetune`
    run_evaluate     one run of `probe evaluate`
    windows ★        long recordings in windows
    trained          a finished run, ready to estimate
    predict          a finished run on any recording
    run_transcribe   one run of `probe transcribe`
    controls ★       which run is another's random-encoder control
    drawn ★          what Figure 2 draws, as one table
    figures ★        Figure 2
    run_predict      one run of `probe predict`
    conditions ★     what systems were trained on and tested under
    table2 ★         Table 2
    curves ★         scores over word errors, over noise
    findings ★       the paper's findings, holding here or not
    comparison ★     Figure 3, and layers beside full systems
    run_compare ★    one run of `probe compare`
    options ★        what the commands share
    word_commands ★  the commands about words and one's own recordings
    system_commands ★  the commands about full systems
    cli ★            the command `probe`
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probing.audio import load
    from probing.cache import open_cache
    from probing.corpus import open_corpus
    from probing.encoders import open_encoder
    from probing.metrics import ccc
    from probing.predict import open_run
    from probing.processor import Processor
    from probing.systems import EmotionSystem

__version__ = "0.1.0"
__all__ = ["EmotionSystem", "Processor", "ccc", "load", "open_cache", "open_corpus", "open_encoder", "open_run"]

_HOMES = {
    "EmotionSystem": ("probing.systems", "EmotionSystem"),
    "Processor": ("probing.processor", "Processor"),
    "ccc": ("probing.metrics", "ccc"),
    "load": ("probing.audio", "load"),
    "open_cache": ("probing.cache", "open_cache"),
    "open_corpus": ("probing.corpus", "open_corpus"),
    "open_encoder": ("probing.encoders", "open_encoder"),
    "open_run": ("probing.predict", "open_run"),
}


def __getattr__(name: str) -> Any:
    """Import what a user asks for when it is asked for: `import probing` itself loads no heavy module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probing' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
