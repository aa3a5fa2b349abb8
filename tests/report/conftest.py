"""One format of each figure is written where the formats are not the point: a PDF takes as long as all else."""

from __future__ import annotations

import pytest

from probing.report import style


@pytest.fixture
def every_format() -> None:
    """Figures are written in every format."""


@pytest.fixture(autouse=True)
def one_format(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are written as SVG alone, unless a test asks for `every_format`."""
    if "every_format" not in request.fixturenames:
        monkeypatch.setattr(style, "FORMATS", ("svg",))
