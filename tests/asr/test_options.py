"""What `probe transcribe` can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from probing.asr.options import TranscribeOptions, TranscribePlace
from probing.errors import OptionError


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
