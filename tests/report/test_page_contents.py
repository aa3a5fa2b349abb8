"""The page on what layers contain: its tables are the run's, its claims are tested with all others, no one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from layers_runs import FINDING, SECRET, planted_contents, write_layers
from pages import EVIL, Reader, read
from ridge_fits import write_ridge_fit

from probing.report.page import write_page
from probing.report.page_claims import judged
from probing.report.page_runs import sorted_runs

DIMS = ("valence", EVIL)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit and what its layers contain, with hostile names."""
    folder = tmp_path_factory.mktemp("runs")
    fit = write_ridge_fit(folder, dims=DIMS, folder="fit")
    findings = (FINDING, replace(FINDING, claim=EVIL, p=0.04))
    write_layers(folder, dims=DIMS, corpus=fit.corpus, findings=findings, notes=("a note", EVIL), system="runs/tuned")
    return folder


@pytest.fixture(scope="module")
def page(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The page on both."""
    return read(write_page([root / "fit", root / "layers"], tmp_path_factory.mktemp("out"), "x", root))


def test_the_tables_are_the_run_s(page: Reader) -> None:
    """Shares, falls, what else a layer tells, and bits, by depth."""
    shares = page.table("valence: what a layer's R² is made of").set_index("layer")
    assert shares.loc["4", "R²"] == "0.48 [0.45, 0.52]" and shares.loc["4", "shared with words"] == "0.50 [0.47, 0.54]"
    assert shares.loc["0", "with words − with sound"] == "-0.60 [-0.63, -0.56]"
    falls = page.table("valence: fall of CCC by erasing from a layer").set_index("layer")
    assert falls.loc["4", "without words"] == "0.90 [0.87, 0.94]" and falls.loc["0", "without words"] == "–"
    assert falls.loc["4", "random, as many as words"] == "0.10 [0.00, 0.20]"
    assert page.table("valence: fall of CCC by erasing inside").layer.tolist() == ["0", "4"]
    others = page.table("What else each layer tells").set_index("layer")
    assert others.loc["4", "energy"] == "-0.10 [-0.13, -0.06]" and "-1" not in others.index
    assert page.table("Online description length").set_index("layer").loc["4", "valence"] == "0.50 [0.47, 0.54]"
    (alone,) = [caption for caption in page.captions if caption.startswith("valence: what")]
    assert "words alone 0.70 [0.67, 0.74]" in alone


def test_pictures_notes_and_what_identifies_the_run(page: Reader) -> None:
    """Both pictures are in the page, and the record says what the layers were set against."""
    names = [attributes.get("id") for tag, attributes in page.elements if tag == "title"]
    assert {"contents-0-title", "contents-0-similarity-title"} <= {*names}
    assert "a note" in page.text
    made = dict(page.table("layers: owner/model").itertuples(index=False, name=None))
    assert made["words"].startswith("owner/text, weights") and made["sound"].startswith("68 measures (librosa")
    assert made["directions erased"] == "words: 8; sound: 8; speaker: 4" and made["erased inside of"] == "runs/tuned"
    assert made["compared with"].startswith("other")


def test_no_utterance_is_on_the_page(page: Reader) -> None:
    """Ids and texts of words.csv stay in the run's folder."""
    assert not any(secret in page.text for secret in SECRET)


def test_hostile_names_are_text(page: Reader) -> None:
    """A dimension, a claim and a note made to be taken for markup are shown as written."""
    assert "script" not in {tag for tag, _ in page.elements}
    assert page.text.count("<script>alert(1)</script>") >= 5


def test_its_claims_share_the_page_s_correction(root: Path) -> None:
    """With a fit's claims beside them adjusted p values are no smaller than those of the run alone, and some larger."""
    alone = judged(sorted_runs([root / "layers"], root))
    both = judged(sorted_runs([root / "fit", root / "layers"], root))
    (group,) = [own for title, own in both.groups if title.startswith("Contents")]
    ((_, own),) = alone.groups
    assert [one.adjusted for one in own] == [pytest.approx(0.002), pytest.approx(0.04)]
    assert both.corrected > alone.corrected == 2
    more = [(a.adjusted or 0) - (b.adjusted or 0) for a, b in zip(group, own, strict=True)]
    assert min(more) >= 0 and max(more) > 0
    assert [one.claim for one in group] == [one.claim for one in own]


def test_a_page_on_contents_alone_says_so(tmp_path: Path) -> None:
    """It needs no fit; of an encoder that was compared with none there is one picture."""
    record = write_layers(tmp_path, planted_contents(("valence",), 2, others=()), ("valence",))
    found = read(write_page([record], tmp_path, "x", tmp_path))
    assert "Layers of owner/model on made-up" in found.headings[0] and "1 analysis of layers" in found.text
    assert [tag for tag, _ in found.elements].count("svg") == 1
