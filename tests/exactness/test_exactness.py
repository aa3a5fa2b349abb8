"""`make padding`: every family that opens is measured, and tables and figure say what was measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from probing.encoders.families import EXACT_TEXT, SPEECH, TEXT
from probing.exactness import __main__ as program
from probing.exactness import figure, measure, tables
from probing.exactness.checkpoints import ALL, FRONT_ENDS, WAVEFORMS
from probing.extraction import padding


def planted() -> pd.DataFrame:
    """Three families and a trained encoder with known errors, in two layers each."""
    rows = [
        ("speech", "hubert", "hubert", "small, random", "in batches", (0.5, 0.9), (0.4, 0.3), (1e-7, 4e-7)),
        ("speech", "hubert", "hubert-large", "small, random", "in batches", (0.2, 0.1), (0.0, 5e-7), (0.0, 5e-7)),
        ("text", "convbert", "convbert", "small, random", "one at a time", (0.0, 0.3), (0.0, 0.08), (0.0, 0.0)),
        ("text", "ernie", "ernie", "small, random", "one at a time", (0.0, 0.3), (0.0, 2e-7), (0.0, 0.0)),
        ("text", "bert", "demo-tinybert", "trained", "in batches", (0.0, 0.7), (float("nan"),) * 2, (0.0, 2e-7)),
    ]
    names = ["reads", "family", "encoder", "weights", "here"]
    flat = [
        dict(
            zip(names, row[:5], strict=True), layer=layer, no_mask=row[5][layer], mask=row[6][layer], ours=row[7][layer]
        )
        for row in rows
        for layer in (0, 1)
    ]
    return pd.DataFrame(flat).assign(transformers="5.1", torch="2.9")


def test_every_family_that_opens_has_a_checkpoint() -> None:
    """Speech and text, none left out and none twice."""
    made = [family for family, *_ in (*WAVEFORMS.values(), *FRONT_ENDS.values())]
    assert {*made} == {*SPEECH} and len(set(ALL)) == len(ALL)
    assert {*ALL} == {*WAVEFORMS, *FRONT_ENDS, *TEXT}


def test_the_committed_table_is_of_every_family_that_opens() -> None:
    """A family that comes or goes asks for a new `make padding`."""
    table = pd.read_csv(Path(__file__).parents[2] / "figures" / tables.FILE)
    small = table[table.weights == "small, random"]
    assert {*small.encoder} == {*ALL} and not measure.inexact(table)


def test_a_table_has_every_layer_and_how_the_family_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leaking HuBERT, a Whisper without mask and a built-in text encoder."""
    monkeypatch.setattr(padding, "SECONDS", (1.0, 0.4))
    table = measure.measured(["demo-tinybert"], ("hubert", "moonshine"))
    assert list(dict.fromkeys(zip(table.encoder, table.here, table.weights, strict=True))) == [
        ("hubert", "in batches", "small, random"),
        ("moonshine", "one at a time", "small, random"),
        ("demo-tinybert", "in batches", "trained"),
    ]
    assert table.layer.tolist() == [*"0123", *"012", *"01234"]
    assert (table[table.encoder == "hubert"]["mask"] > 0.1).all() and not measure.inexact(table)
    assert measure.here("whisper") == "in equal windows" and measure.here("yoso") == "one at a time"
    assert all(measure.here(family) == "in batches" for family in EXACT_TEXT)


def test_the_readme_s_table_has_a_row_a_family(tmp_path: Path) -> None:
    """Ranges are over encoders, each with its worst layer; what leaks with a mask stands apart from what does not."""
    planted().to_csv(tmp_path / tables.FILE, index=False)
    lines = tables.readme_block(tmp_path).splitlines()
    assert "transformers 5.1, torch 2.9" in lines[0]
    assert lines[4:] == [
        "| `hubert` | 0.20 – 0.90 | 5e-07 – 0.40 | in batches | 4e-07 – 5e-07 |",
        "| `convbert` | 0.30 | 0.08 | one at a time | 0 |",
        "| `ernie` | 0.30 | 2e-07 | one at a time | 0 |",
        "| demo-tinybert (trained weights) | 0.70 | – | in batches | 2e-07 |",
    ]
    assert "| hubert | `hubert` | small, random | 0.50 / 0.90 | 0.40 / 0.40 | in batches |" in tables.markdown(
        planted()
    )


def test_the_picture_has_a_row_an_encoder() -> None:
    """Each kind of batch is a dot at its worst layer's error; 0 stands at the left edge."""
    speech, text = figure.draw(planted()).axes
    assert [label.get_text() for label in speech.get_yticklabels()] == ["hubert", "hubert-large"]
    dots = {dots.get_label(): dots.get_offsets() for dots in text.collections}
    assert dots["batch of this package"][:, 0].tolist() == [1e-8, 1e-8, 2e-7]
    assert dots["ordinary batch, no mask"][:, 0].tolist() == [0.3, 0.3, 0.7]


def test_files_are_written_and_an_inexact_batch_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is found is written; only exact batches of ours are a success."""
    monkeypatch.setattr(program, "measured", lambda encoders: planted() if encoders == ["demo-hubert"] else None)
    monkeypatch.setattr(sys, "argv", ["exactness", "demo-hubert", "--out", str(tmp_path)])
    program.main()
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"padding.{kind}" for kind in ("csv", "md", "pdf", "png", "svg")}
    assert len(capsys.readouterr().out.splitlines()) == 5
    monkeypatch.setattr(program, "measured", lambda _: planted().assign(ours=2e-5))
    monkeypatch.setattr(program, "save", lambda *_: [])
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert "hubert-large" in str(caught.value)
    assert "2e-05 / 2e-05" in (tmp_path / "padding.md").read_text()
