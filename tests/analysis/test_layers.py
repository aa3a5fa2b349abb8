"""From caches and recordings to a finished run, whose table Python gives too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from corpora import refusal

from probing import contents
from probing.analysis.layers import layers
from probing.corpus.model import EMOTIONS
from probing.errors import CacheError, OptionError
from probing.runs.contents import read_contents
from probing.runs.records import LayersRecord
from probing.runs.store import read_record

FEW: dict[str, Any] = {"randoms": 1, "orders": 1}


@pytest.fixture(scope="module")
def run(read_aloud: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> LayersRecord:
    """An analysis of every layer of a small encoder."""
    words = {"text": str(read_aloud["text"]), "cache": read_aloud["cache"], "runs": tmp_path_factory.mktemp("runs")}
    return layers(str(read_aloud["table"]), str(read_aloud["encoder"]), **words, **FEW)


def test_a_run_holds_what_it_says(run: LayersRecord, read_aloud: dict[str, Path]) -> None:
    """The record is read back as it was written, and its table and words are whole."""
    assert read_record(run.folder) == run
    assert set(run.files or {}) == {"contents.csv", "words.csv"}
    assert run.dimensions == EMOTIONS and set(run.ranks) <= {"words", "sound", "speaker"}
    assert run.text is not None and run.acoustics is not None and run.acoustics.recipe == "librosa"
    table = read_contents(run)
    assert set(table.analysis) == {"shares", "nuisance", "erasure", "description", "similarity"}
    assert {"energy", "f0", "duration", "snr", "channel"} <= set(table.target)
    words, rows = pd.read_csv(run.folder / "words.csv"), pd.read_csv(read_aloud["table"], index_col="id")
    assert len(words) and (words.dimension == "valence").all()
    assert words.text.tolist() == rows.text[words.id].tolist()
    np.testing.assert_allclose(words.truth, rows.valence[words.id], atol=1e-6)


def test_python_gives_the_numbers_of_the_command(run: LayersRecord, read_aloud: dict[str, Path]) -> None:
    """From the same caches, but for comparisons between encoders; recordings are not measured a second time."""
    audio, text = _caches(run, read_aloud)
    kept = {path: path.stat().st_mtime_ns for path in read_aloud["cache"].rglob("acoustics-*.csv")}
    found = contents(audio, str(read_aloud["table"]), text=text, **FEW)
    written = read_contents(run)
    written = written[written.analysis != "similarity"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, written, check_dtype=False)
    assert kept == {path: path.stat().st_mtime_ns for path in read_aloud["cache"].rglob("acoustics-*.csv")}
    wordless = contents(audio, str(read_aloud["table"]), acoustics=None, dims=("arousal",), **FEW)
    assert not wordless.part.str.contains("words|sound").any() and "bag of words" in set(wordless.target)


def test_python_refuses_audio_for_words_and_a_missing_cache(run: LayersRecord, read_aloud: dict[str, Path]) -> None:
    """A cache of audio is no text; a file that is not there cannot be opened."""
    audio, _ = _caches(run, read_aloud)
    corpus = str(read_aloud["table"])
    refusal(OptionError, "not-text", contents, audio, corpus, text=audio)
    refusal(CacheError, "cache-missing", contents, audio.with_name("other.h5"), corpus)


def test_a_second_encoder_is_compared_once(run: LayersRecord, read_aloud: dict[str, Path], tmp_path: Path) -> None:
    """`beside` adds rows of its layers; an encoder's own and one that is named twice are refused before the work."""
    own, text = str(read_aloud["encoder"]), str(read_aloud["text"])
    place: dict[str, Any] = {"cache": read_aloud["cache"], "runs": tmp_path, "dims": ("arousal",), "acoustics": "none"}
    found = read_contents(layers(str(read_aloud["table"]), own, text="none", beside=(text,), **place, **FEW))
    alike = found[(found.analysis == "similarity") & (found.measure == "cka")]
    assert alike.part.value_counts().to_dict() == {run.encoder.name: 16, run.text.name: 4 * len(_layers_of(alike, run))}
    for beside in [(own,), (text, text)]:
        refusal(
            OptionError,
            "beside-twice",
            layers,
            str(read_aloud["table"]),
            own,
            text="none",
            beside=beside,
            **place,
            **FEW,
        )
    assert len(list(tmp_path.iterdir())) == 1


def _layers_of(alike: pd.DataFrame, run: LayersRecord) -> set[str]:
    """Layers of the other encoder."""
    assert run.text is not None
    return set(alike.target[alike.part == run.text.name])


def _caches(run: LayersRecord, read_aloud: dict[str, Path]) -> tuple[Path, Path]:
    """Files of the audio's states and of the text's."""
    audio = Path(run.cache.path)
    (text,) = (path for path in read_aloud["cache"].glob("*/*.h5") if path.name != audio.name)
    return audio, text
