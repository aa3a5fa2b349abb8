"""One page on some runs: sound HTML that loads nothing, shows names as text, and says what the records say."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import damaged_words, planted, write_evaluation, write_fit, write_run
from pages import EVIL, Reader, read
from ridge_fits import write_ridge_fit

from probing.corpus.model import DEVELOPMENT
from probing.errors import OptionError, RunError
from probing.files import LOCK
from probing.report import page as page_module
from probing.report import page_fits
from probing.report.findings import SELECTED_ON, system_findings
from probing.report.located import located
from probing.report.page import visible, write_page
from probing.report.page_claims import judged
from probing.report.page_runs import latest_trained_fit, sorted_runs
from probing.report.style import legible
from probing.runs.entries import Clusters
from probing.runs.store import RECORD, write_record
from probing.statistics.verdicts import FAILS, HOLDS, OPEN, holm

ACTIVE = {"script", "iframe", "object", "embed", "base", "form", "audio", "video", "img", "image"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs on one corpus, with hostile names: a fit, its controls, and six systems with an evaluation."""
    folder = tmp_path_factory.mktemp("runs")
    fit = write_ridge_fit(
        folder, dims=("arousal", "valence", EVIL), states=13, folder="fit", notes=(EVIL, ""), typed=EVIL
    )
    for number in ("", ":1"):
        write_ridge_fit(
            folder, f"owner/model@random{number}", ("arousal", "valence", EVIL), 13, folder=f"control{number[1:]}"
        )
    runs = planted(folder, 0.5, 0.2, entry=fit.corpus, speakers=12, notes=("a note of all",), data_licence=EVIL)
    write_evaluation(runs[3], "damaged", 0.5, words=damaged_words(0.2))
    write_evaluation(runs[3], "noisy", 0.5, snr=5.0)
    return folder


@pytest.fixture(scope="module")
def page(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on all of them."""
    return write_page(everything(root), tmp_path_factory.mktemp("page"), root=root, teacher="large", student="small")


@pytest.fixture(scope="module")
def found(page: Path) -> Reader:
    """That page, read once."""
    return read(page)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figure 2, which has tests of its own, is left empty: drawing takes most of a page's time."""
    monkeypatch.setattr(page_fits, "plot_layers", lambda *_: None)


def everything(root: Path) -> list[Path]:
    return [root / "fit", *sorted(root.glob("finetune-*")), *sorted(root.glob("finetune-*/evaluations/*"))]


def test_it_is_sound_and_a_reader_finds_the_way(page: Path, found: Reader) -> None:
    """Elements close in order, identifiers are unique, references lead somewhere, tables and figures are described."""
    counts = Counter(attributes["id"] for _, attributes in found.elements if attributes.get("id"))
    assert max(counts.values()) == 1
    references = re.findall(r"(?:href=\"|url\()#([^\")]+)", page.read_text("utf-8"))
    assert references and {*references} <= {*counts}
    labels = [str(a["aria-labelledby"]).split() for _, a in found.elements if a.get("aria-labelledby")]
    assert {name for own in labels for name in own} <= {*counts}
    tags = Counter(tag for tag, _ in found.elements)
    assert tags["h1"] == tags["main"] == 1 and tags["table"] == tags["caption"] == tags["thead"]
    assert tags["figure"] == tags["svg"] == tags["figcaption"] == 3
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in found.elements if tag == "th")
    assert all(a.get("role") == "img" and a["aria-labelledby"] for tag, a in found.elements if tag == "svg")
    assert [heading for heading in found.headings if not heading.strip()] == []
    assert ("html", {"lang": "en"}) in found.elements and "</html>" in page.read_text("utf-8")


def test_it_loads_nothing_and_runs_nothing(page: Path, found: Reader) -> None:
    """No script, no picture, no address but places in the page itself; a policy says so to the browser."""
    assert not {tag for tag, _ in found.elements} & ACTIVE
    for tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action")], tag
        address = attributes.get("href")
        assert address is None or address.startswith("#") or (tag, address) == ("link", "data:,")
    (policy,) = [a["content"] for tag, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy) and "script" not in str(policy)
    assert not re.search(r"@import|url\((?!#)|https?:", page.read_text("utf-8"))


def test_hostile_names_are_text(page: Path, found: Reader) -> None:
    """What looks like markup is shown as it is written, and what would disguise other text as a number, everywhere."""
    text = page.read_text("utf-8")
    shown = "<script>alert(1)</script>\"'&amp;<b>\\u202egnp\\u2066 ]]>--!> א"
    assert found.text.count(shown) > 20
    assert "\u202e" not in text and "\u2066" not in text and "<b>" not in text and "<script" not in text
    assert shown in {row[0] for row in found.table("Importance").to_numpy().tolist()}
    record = found.table("fit: owner/model (fit)")
    assert shown in record.iloc[0, 1]
    assert legible("a\u202eb\x0b") == "a\\u202eb\\x0b"


def test_characters_that_belong_to_a_language_stay() -> None:
    """Letters of any direction, joiners and line breaks are no disguise."""
    for text in ("שלום", "می‌خواهم", "Größe", "情感", "a\nb", "👩‍🔬"):
        assert visible(text) == text


def test_it_says_what_the_tables_of_the_fit_say(found: Reader, root: Path) -> None:
    """Importance, its interval and the confidence set, beside what random encoders have, read a second time."""
    own, table = pd.read_csv(root / "fit" / "importance.csv"), found.table("Importance")
    assert len(table) == len(own) == 39
    for column, name in (("R²", "r2"), ("low", "low"), ("high", "high")):
        np.testing.assert_allclose(table[column].astype(float), own[name], atol=5.1e-4)
    assert list(table["may be the best"] == "yes") == list(own.in_set)
    assert list(table.layer.astype(int)) == list(own.layer)
    random = [pd.read_csv(root / name / "importance.csv").r2 for name in ("control", "control1")]
    np.testing.assert_allclose(table["R² of 2 random encoders"].astype(float), np.mean(random, axis=0), atol=5.1e-4)
    layers = found.table("Single layers")
    scores = pd.read_csv(root / "fit" / "scores.csv")
    scores = scores[(scores.kind == "ridge") & (scores.partition == "test2")]
    np.testing.assert_allclose(layers["CCC, test2 (unseen)"].str.split().str[0].astype(float), scores.ccc, atol=5.1e-4)


def test_table_1_says_what_the_records_say(found: Reader, root: Path) -> None:
    """Every score of every system, and development, which was selected on, in none of them."""
    runs, table = sorted_runs(everything(root), root), found.table("Table 1 on")
    assert list(table.model) == [
        "large",
        "small",
        "large+words",
        "large+words (FT⇒FRZ)",
        "small+words",
        "small+words (FT⇒FRZ)",
    ]
    for number, record in enumerate(runs.systems):
        for score in record.scores:
            title = {"test1": "seen", "test2": "unseen"}.get(score.partition)
            if title:
                assert table[f"{title} {score.dimension}"][number].startswith(f"{score.ccc:.3f} ± {score.sd:.3f} [")
    assert not [name for name in table if DEVELOPMENT in name]
    words = found.table("Table 2 on")
    assert len(words) == 2 and list(words["WER unseen"]) == ["0.0%", "19.0%"]
    assert "MSP-Podcast" in found.text and found.table("Table 1 as published").shape == (12, 7)


def test_one_correction_covers_all_claims_of_the_page(root: Path) -> None:
    """Claims of fits and of systems together: Holm at what permutations leave over; alone, fewer are corrected."""
    runs = sorted_runs(everything(root), root)
    found = judged(runs, "large", "small")
    (_, layers), (_, systems) = found.groups
    carried = [one for one in layers if one.claim.startswith("some layer")]
    together = [one for one in (*layers, *systems) if one.adjusted is not None and one not in carried]
    assert (found.carried, found.corrected) == (len(carried), len(together)) == (6, 20)
    np.testing.assert_allclose([one.adjusted for one in together], holm([float(one.p or 0) for one in together]))
    for one in together:
        right = (one.value > one.bound) == one.above if one.value is not None else None
        assert one.verdict == (OPEN if one.adjusted > 0.03 else HOLDS if right else FAILS)
    alone = {(one.claim, one.on): one for one in system_findings(runs.systems, "large", "small")}
    assert all(one.p == alone[one.claim, one.on].p for one in systems)
    assert all((one.adjusted or 0) >= (alone[one.claim, one.on].adjusted or 0) for one in systems)
    only, _ = located(runs.fits[0], runs.controls[runs.fits[0].folder])
    assert [one.p for one in only] == [one.p for one in layers] and only[:6] == carried


def test_it_says_for_how_many_claims(found: Reader) -> None:
    """The reader sees how many claims were tested, at which levels, and each verdict with its evidence."""
    said = found.text
    assert "26 claims are tested on this page: 6, whether any layer" in said and "20 with one correction" in said
    assert "at most 5 %" in said
    assert said.count("adjusted p") == 26


def test_several_fits_are_more_chances_to_find_something(tmp_path: Path) -> None:
    """Whether a layer carries something is held against the best that permuted labels give in any fit of the page."""
    one = write_ridge_fit(tmp_path, "owner/one", ("valence",))
    other = write_ridge_fit(tmp_path, "owner/other", ("valence",), share=0.1)
    chance = pd.read_csv(other.folder / "nulls.csv")
    chance.assign(ccc=2 * chance.ccc).to_csv(other.folder / "nulls.csv", index=False)
    write_record(replace(other, files=None), other.folder, list(other.files or ()))
    found = judged(sorted_runs([one.folder, other.folder], tmp_path))
    nulls = pd.concat([pd.read_csv(record.folder / "nulls.csv") for record in (one, other)])
    for _, findings in found.groups:
        for finding in findings[:2]:
            labels = "by-speaker" if finding.on == "test1" else "permuted"
            own = nulls[(nulls.kind == "ridge") & (nulls.labels == labels) & (nulls.partition == finding.on)]
            assert finding.bound == own.ccc.max()
    assert found.total == pytest.approx(0.05)


def test_one_seed_and_development_stay_what_they_are(tmp_path: Path) -> None:
    """Settling anew forgets neither that one seed decides nothing nor that development was selected on."""
    runs = planted(tmp_path, 0.5, 0.2, seeds=1, partitions=(DEVELOPMENT,))
    found = judged(sorted_runs([run.folder for run in runs], tmp_path), "large", "small")
    assert found.corrected > 0 and all(one.on == DEVELOPMENT for _, own in found.groups for one in own)
    assert {one.verdict for _, own in found.groups for one in own} == {OPEN}
    assert {one.note for _, own in found.groups for one in own} == {f"one seed; {SELECTED_ON}"}


def test_runs_of_version_0_1_0_have_a_page(tmp_path: Path, undrawn: None) -> None:
    """With what they have: weights and scores of single layers, no claims about layers, no digests."""
    fit = write_fit(tmp_path, version=1)
    found = read(write_page([fit.folder], tmp_path / "out", root=tmp_path))
    assert "answer no claim" in found.text and "version 0.1.0 did not record it" in found.text
    assert "learned weight" in list(found.table("Single layers")) and not any("Importance" in c for c in found.captions)
    run = write_run(tmp_path, "large", version=1, corpus="demo")
    found = read(write_page([run.folder], tmp_path / "out", root=tmp_path))
    assert "Table 1 on the built-in world (synthetic speech)" in found.text
    assert found.headings[0] == "Full systems on the built-in world (synthetic speech)"


def test_what_was_left_out_is_named(tmp_path: Path, undrawn: None) -> None:
    """The first names and the number, of the run that left them out; empty notes and a missing test do no harm."""
    entry = write_run(tmp_path, "large").corpus
    ids = tuple(f"{EVIL}{number}" for number in range(60))
    sized = replace(
        entry, left_out=ids, clusters={"train": Clusters("speaker", 3)}, utterances={"train": 9, "development": 4}
    )
    fit = write_ridge_fit(tmp_path, "owner/model", ("valence",), 2, partitions=("train", "development"), entry=sized)
    found = read(write_page([fit.folder], tmp_path / "out", root=tmp_path))
    assert "60 utterances" in found.text and "… and 10 more" in found.text and "development (selected on)" in found.text


def test_names_of_files_tell_runs_apart(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other runs, and the same beside controls, are other files; the order of the runs changes nothing."""
    monkeypatch.setattr(page_module, "_rendered", lambda *_: "")
    fits = [root / "fit", *sorted(root.glob("finetune-*"))[:2]]
    names = [
        write_page(runs, tmp_path, root=root, controls=controls).name
        for runs, controls in ((fits[:1], True), (fits[:1], False), (fits[1:], True), (fits[2:0:-1], True))
    ]
    assert len({*names[:3]}) == 3 and names[2] == names[3]
    assert write_page(fits[1:], tmp_path, root=root, teacher="large").name not in names
    assert all(name.startswith("report-made-up-") for name in names)
    assert write_page(fits[1:], tmp_path, "mine/..").name == "report-mine--...html"
    built_in = write_run(tmp_path, "large", corpus="demo")
    page = write_page([built_in.folder], tmp_path)
    assert re.fullmatch(r"report-demo-[0-9a-f]{6}\.html", page.name)


def test_controls_are_those_that_are_named_or_found(root: Path, tmp_path: Path) -> None:
    """A random encoder among the runs is a control and no fit of its own; without its fit it stands for itself."""
    named = sorted_runs([root / "control", root / "fit"], tmp_path)
    assert [fit.folder.name for fit in named.fits] == ["fit"] and len(named.beside) == 1
    assert len(sorted_runs([root / "fit"], root).beside) == 2
    assert sorted_runs([root / "fit"], root, look_for_controls=False).beside == ()
    assert [fit.folder.name for fit in sorted_runs([root / "control"], root).fits] == ["control"]
    assert latest_trained_fit(root).folder.name == "fit"


def test_an_evaluation_says_what_was_tested(found: Reader) -> None:
    """Words and noise are in its heading, and its development was selected on."""
    headings = found.headings
    assert "Evaluation of small+words: clean audio; words: corrupted at 20 %" in headings
    assert "Evaluation of small+words: audio at a signal-to-noise ratio of 5 dB; words: human" in headings


DAMAGE: dict[str, tuple[str, Any, str]] = {
    "no record": (RECORD, None, "no-run"),
    "no JSON": (RECORD, "{", "run-damaged"),
    "a table gone": ("importance.csv", None, "run-incomplete"),
    "a table changed": ("importance.csv", "dimension\n", "run-incomplete"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_refused_and_nothing_is_written(tmp_path: Path, damage: str) -> None:
    """By its code; no file, and no part of one, is left behind."""
    fit, (name, content, code) = write_ridge_fit(tmp_path, dims=("valence",), states=2), DAMAGE[damage]
    (fit.folder / name).unlink()
    if content is not None:
        (fit.folder / name).write_text(content)
    with pytest.raises(RunError) as caught:
        write_page([fit.folder], tmp_path / "out", root=tmp_path)
    assert caught.value.code == code and not (tmp_path / "out").exists()


def test_what_cannot_stand_together_is_refused(root: Path, tmp_path: Path) -> None:
    """Runs on two corpora, no finished run at all, and options about systems where there are none."""
    other = write_run(tmp_path, "large", corpus="elsewhere")
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "configuration.json").write_text("{}")
    calls: list[tuple[list[Path], dict[str, Any], type[Exception], str]] = [
        ([root / "fit", other.folder], {}, RunError, "several-corpora"),
        ([unfinished, tmp_path / f"x{LOCK}"], {}, RunError, "no-run"),
        ([root / "fit"], {"teacher": "large"}, OptionError, "no-effect"),
        ([other.folder], {"teacher": "huge"}, OptionError, "no-such-encoder"),
    ]
    for runs, changes, kind, code in calls:
        with pytest.raises(kind) as caught:
            write_page(runs, tmp_path / "out", root=tmp_path, **changes)
        assert getattr(caught.value, "code", None) == code
        assert ("probe compare" in str(caught.value)) == (code == "several-corpora")
    assert not (tmp_path / "out").exists()
