"""Call transformers' `from_pretrained`, quietly and without code from a checkpoint, and say plainly what it raises."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Without this, loading a .bin checkpoint starts a thread that asks the hub for a converted copy.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")

import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from probing.encoders.pickled import NotNumbersError
from probing.encoders.presets import PRESETS
from probing.encoders.spec import spelled
from probing.errors import EncoderError

_AS_SAFETENSORS = "copy it again, or save the model as safetensors where it was made"
_transformers: Any = transformers.utils.logging  # untyped
LOADING = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    EOFError,
    ImportError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    pickle.UnpicklingError,
    SafetensorError,
    StrictDataclassError,
)


def from_pretrained(kind: Any, source: str, revision: str | None, **options: Any) -> Any:
    """Call `kind.from_pretrained` on a folder or a hub id.

    Raises:
        EncoderError: It cannot be read (code `encoder-unopened`).
    """
    with said_plainly(source):
        return kind.from_pretrained(source, revision=revision or "main", trust_remote_code=False, **options)


@contextmanager
def said_plainly(source: str) -> Iterator[None]:
    """Let transformers and its kin work quietly; what they raise becomes an EncoderError (code `encoder-unopened`)."""
    verbosity, bars = _transformers.get_verbosity(), _transformers.is_progress_bar_enabled()
    _transformers.set_verbosity_error()
    if Path(source).is_dir():
        _transformers.disable_progress_bar()
    try:
        yield
    except BaseException as error:
        if not of_loading(error):
            raise
        raise unopened(source, error) from error
    finally:
        _transformers.set_verbosity(verbosity)
        if bars:
            _transformers.enable_progress_bar()


def of_loading(error: BaseException) -> bool:
    """Whether an exception is one that files of the wrong content cause.

    tokenizers has no exception of its own, and its panics are not even an Exception.
    """
    return isinstance(error, LOADING) or type(error) is Exception or type(error).__name__ == "PanicException"


def unopened(source: str, error: BaseException | str) -> EncoderError:
    """The error of a checkpoint that cannot be read, for a reason or an exception, and what to do about it."""
    remedy = "check the folder; it must be what save_pretrained writes"
    if not Path(source).is_dir():
        remedy = (
            f"check the name and the network; on a machine without one, run `hf download {source}` elsewhere, copy "
            f"the folder here and give its path; or try the architecture with random weights: {_known(source)}"
        )
    why = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, KeyError):
        why = f"transformers looked for {why} in vain"
    if "ignore_mismatched_sizes" in why:  # an option of transformers', and no way out
        why = "its weights have other shapes than its config.json says"
        remedy = "copy the configuration and the weights again from one place: they do not belong together"
    if isinstance(error, NotNumbersError):
        why, remedy = f"its .bin file is damaged, or holds more than numbers: {why}", _AS_SAFETENSORS
    if "weights_only" in why or "Weights only" in why:  # of which transformers and PyTorch advise to do without
        why, remedy = "its .bin file is damaged, or holds more than numbers; only numbers are read", _AS_SAFETENSORS
    return EncoderError(f"encoder {source} could not be opened", why, remedy, code="encoder-unopened")


def _known(source: str) -> str:
    """The spelling that works offline: presets know their own configuration."""
    preset = next((name for name, one in PRESETS.items() if one.source == source), "hubert-base")
    return spelled(preset, 0)
