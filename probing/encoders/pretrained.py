"""Call transformers' `from_pretrained`, quietly and without code from a checkpoint, and say plainly what it raises."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

# Without this, loading a .bin checkpoint starts a thread that asks the hub for a converted copy.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")

import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from probing.encoders.presets import PRESETS
from probing.encoders.spec import spelled
from probing.errors import EncoderError

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
    verbosity, bars = _transformers.get_verbosity(), _transformers.is_progress_bar_enabled()
    _transformers.set_verbosity_error()
    if Path(source).is_dir():
        _transformers.disable_progress_bar()
    try:
        return kind.from_pretrained(source, revision=revision or "main", trust_remote_code=False, **options)
    except Exception as error:
        if not isinstance(error, LOADING) and type(error) is not Exception:  # tokenizers has no exception of its own
            raise
        raise unopened(source, error) from error
    finally:
        _transformers.set_verbosity(verbosity)
        if bars:
            _transformers.enable_progress_bar()


def saved_configuration(source: str, revision: str | None) -> dict[str, Any]:
    """What a folder's or a repository's config.json says, as it is.

    Raises:
        EncoderError: It cannot be read (code `encoder-unopened`).
    """
    described: dict[str, Any] = from_pretrained(_Saved, source, revision)
    return described


class _Saved:
    """A config.json, read as transformers reads one."""

    @staticmethod
    def from_pretrained(source: str, revision: str, trust_remote_code: bool) -> dict[str, Any]:
        """Its content; a repository's is downloaded."""
        described, _ = transformers.PretrainedConfig.get_config_dict(source, revision=revision)
        return dict(described)


def unopened(source: str, error: Exception) -> EncoderError:
    """The error of a checkpoint that cannot be read, and what to do about it."""
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
    if "weights_only" in why or "Weights only" in why:  # of which transformers and PyTorch advise to do without
        why = "its .bin file is damaged, or holds more than numbers; only numbers are read"
        remedy = "copy it again, or save the model as safetensors where it was made"
    return EncoderError(f"encoder {source} could not be opened", why, remedy, code="encoder-unopened")


def _known(source: str) -> str:
    """The spelling that works offline: presets know their own configuration."""
    preset = next((name for name, one in PRESETS.items() if one.source == source), "hubert-base")
    return spelled(preset, 0)
