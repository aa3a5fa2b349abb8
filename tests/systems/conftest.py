"""A small text encoder for the tests of systems."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import save_text_encoder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random BERT."""
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert")
