"""Findings and places are told in one line each, with all that is known and nothing that is not."""

from __future__ import annotations

from typing import Any

import pytest

from probing.report.wording import placed, said, said_in_markdown
from probing.statistics.layers import LayerSummary
from probing.statistics.verdicts import Finding

MEASURED = {"measure": "CCC", "value": 0.25, "low": 0.1, "high": 0.4}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict": "undecided"}, "test2: it is so: **undecided**"),
        ({"note": "no permutations"}, "test2: it is so: **not tested** (no permutations)"),
        ({"of": "m"} | MEASURED, "test2: m: it is so: **not tested** (CCC: 0.250 [0.100, 0.400])"),
        ({"measure": "CCC", "value": 0.5, "low": float("nan")}, "test2: it is so: **not tested** (CCC: 0.500)"),
        (
            MEASURED | {"bound": 0.05, "adjusted": 0.01, "seeds": 3, "note": "why"},
            "(CCC: 0.250 [0.100, 0.400]; 3 seeds; must be above 0.05; adjusted p = 0.010; why)",
        ),
        (MEASURED | {"above": False, "adjusted": 0.0}, "must be below 0; adjusted p < 0.001"),
    ],
)
def test_a_finding_is_one_line(changes: dict[str, Any], expected: str) -> None:
    """Claim, verdict, and what is known of what was measured; Markdown has the verdict in bold."""
    finding = Finding("it is so", "test2", **changes)
    assert expected in said_in_markdown(finding) and expected.replace("**", "") in said(finding)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            (-1, (-1, 0), 0.1, 0.0, 0.2),
            "best layer C; with 95 % confidence the best is one of C, 0; centre at depth 0.10 ",
        ),
        ((3, (3,), 0.1), "centre at depth 0.10."),
        ((3, (3,)), "the best is one of 3."),
        ((3,), "there is nothing to locate"),
    ],
)
def test_a_place_is_one_line(rest: tuple[Any, ...], expected: str) -> None:
    """The best layer, its confidence set, and the centre with its interval where there is one."""
    assert expected in placed(LayerSummary("valence", "holds", *rest))
