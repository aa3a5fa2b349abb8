"""What `probe transcribe` can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.asr.options import TranscribeOptions, TranscribePlace, demand_recogniser
from probing.errors import EncoderError, OptionError


def test_a_batch_holds_something() -> None:
    """A batch of no chunks would never end."""
    with pytest.raises(OptionError) as caught:
        TranscribeOptions(batch=0)
    assert caught.value.code == "option-bounds"


@pytest.mark.parametrize("name", ["t.json", "t.partial", "t", "t.tsv"])
def test_a_table_is_a_csv(name: str) -> None:
    """Under another ending it would stand where the files beside it go, or not be read as what it is."""
    with pytest.raises(OptionError) as caught:
        TranscribePlace(out=Path(name))
    assert caught.value.code == "table-ending"
    assert TranscribePlace(out=Path("T.CSV")).out == Path("T.CSV")


@pytest.mark.parametrize("name", ["nosuch", "gpt2", "whisper-base", "runs/nosuch", "./nosuch/it", "/nosuch"])
def test_what_cannot_be_on_the_hub_is_no_recogniser(name: str) -> None:
    """No folder here, and not of the form owner/name; of a preset it is said what was meant."""
    with pytest.raises(EncoderError) as caught:
        demand_recogniser(name)
    assert caught.value.code == "asr-unknown"
    assert ("did you mean openai/whisper-base?" in caught.value.remedy) == (name == "whisper-base")


def test_folders_and_hub_ids_may_be_recognisers(tmp_path: Path) -> None:
    """What is in them is for whoever opens them to say."""
    for name in (str(tmp_path), "openai/whisper-base"):
        demand_recogniser(name)
