"""A run's model card: true to its record, and readable by a hub whatever a user has typed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard
from small_systems import as_version_1, contents, trained

from probing.corpus.opening import open_corpus
from probing.files import sealed
from probing.runs.escapes import plain
from probing.runs.printing import intervals_said
from probing.runs.records import FinetuneRecord
from probing.runs.store import SEAL, read_kind
from probing.training.card import card, state_licence, write_cards


@pytest.fixture(scope="module")
def run(places: Path) -> FinetuneRecord:
    """A finished run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(places)
        return trained("hubert+bert", "carded", seeds=2)


def test_a_card_s_scores_are_the_record_s(run: FinetuneRecord) -> None:
    """In its table, with intervals, and in the header that a hub reads."""
    text = (run.folder / "README.md").read_text("utf-8")
    (score,) = [one for one in run.scores if (one.dimension, one.partition) == ("valence", "test2")]
    (line,) = [line for line in text.splitlines() if line.startswith("| valence |")]
    assert f"{score.ccc:.3f} [{score.low:.3f}, {score.high:.3f}]" in line.split(" | ")[-1]
    assert "| development (selected on) |" in text and intervals_said([2]) in text
    results = ModelCard(text).data.eval_results
    (result,) = [r for r in results if r.metric_name == "CCC of valence" and r.dataset_split == "test2"]
    assert (result.metric_type, result.metric_value) == ("ccc", score.ccc) and len(results) == len(run.scores)
    assert result.task_type == "audio-classification" and result.dataset_name == run.corpus.title


def test_a_card_s_code_runs(run: FinetuneRecord) -> None:
    """It gives the estimates of predictions.csv."""
    text = (run.folder / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    audio = str(open_corpus("table.csv").utterances[0].path)
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(run.folder)
        exec(code.replace("recording.wav", audio).replace("what is said", "some words"), names)
    predicted = pd.read_csv(run.folder / "predictions.csv").query("id == 'u00'").seed0
    np.testing.assert_allclose(names["ratings"][0].detach(), predicted, atol=1e-5)
    assert "folder = '.'" in (run.folder / "seed1/README.md").read_text("utf-8")


def test_no_licence_is_made_up(run: FinetuneRecord) -> None:
    """What the user does not state is not stated."""
    text = card(run, ".")
    assert "| Licence of the data | not stated |" in text and ModelCard(text).data.license is None


@pytest.mark.parametrize(
    "licence",
    [
        *(
            "CC-BY-NC-4.0",
            "a: b # 'c' \"d\"",
            "one\n---\ntwo",
            "- [x]",
            "{{ y }}",
            "null",
            "a | b",
            "--- \\n",
            "é … 漢字",
        ),
        *(
            "\r---\r",
            "\x85---\u2028x",
            "=1+1",
            "@x",
            "\t",
            "\0\x1b[31m\u202e",
            "\ud800",
            "😀",
            "!!python/object:x {}",
            "&a *a",
        ),
        *("<script>alert(1)</script>", "$x_1^2$ \\textbf{%}~", "1.", "yes", "2020-01-01", "`code` **bold** [a](b)"),
    ],
)
def test_no_licence_breaks_the_header(run: FinetuneRecord, licence: str) -> None:
    """The hub reads the very text, and all that stands behind it."""
    text = card(replace(run, data_licence=licence), ".")
    data = ModelCard(text).data
    assert (data.license, data.license_name) == ("other", plain(licence))
    assert data.library_name == "transformers" and len(data.eval_results) == len(run.scores)
    (row,) = [line for line in text.splitlines() if line.startswith("| Licence of the data |")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


def test_a_control_and_what_is_frozen_are_said(run: FinetuneRecord) -> None:
    """A reader must not take a control for a result."""
    system = replace(run.system, frozen=("audio", "text"), random=True)
    text = card(replace(run, shuffled=True, system=system), ".")
    assert "permuted" in text and "random weights" in text
    assert "| Frozen | convolutional front end, audio, text |" in text


def test_a_leak_that_was_allowed_is_said(run: FinetuneRecord) -> None:
    """Whoever takes the weights must know that a score is not one on unseen material."""
    leak = "2 recordings of test1 are also in train or development"
    assert leak in card(replace(run, corpus=replace(run.corpus, leaks=(leak,))), ".") and "leak" not in card(run, ".")


def test_a_run_of_version_0_1_0_keeps_its_record_and_its_cards(run: FinetuneRecord, tmp_path: Path) -> None:
    """A licence stated later changes no byte of it."""
    copy = replace(run, folder=shutil.copytree(run.folder, tmp_path / "copy"))
    as_version_1(copy)
    record, before = read_kind(copy.folder, FinetuneRecord), contents(copy.folder)
    assert state_licence(record, "CC0-1.0") == record and contents(copy.folder) == before


def test_a_licence_stated_later_is_put_on_cards_that_nobody_has_edited(
    run: FinetuneRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edited card stays and is named; in the record only the licence changes."""
    copy = replace(run, folder=shutil.copytree(run.folder, tmp_path / "copy"))
    record = read_kind(copy.folder, FinetuneRecord)
    write_cards(record)
    content = json.loads((copy.folder / "record.json").read_text("utf-8"))
    mine, lost = copy.folder / "seed0/README.md", copy.folder / "README.md"
    mine.write_text("mine")
    lost.unlink()
    before = contents(copy.folder)
    stated = state_licence(record, "CC0-1.0")
    after = contents(copy.folder)
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {"README.md", "seed1/README.md", "record.json"}
    assert (copy.folder / "seed1/README.md").read_text("utf-8") == card(stated, ".")
    assert str(mine) in (said := capsys.readouterr().err) and str(lost) not in said
    assert stated == replace(record, data_licence="CC0-1.0") == read_kind(copy.folder, FinetuneRecord)
    written = json.loads((copy.folder / "record.json").read_text("utf-8"))
    assert written == sealed({**content, "data_licence": "CC0-1.0"}, SEAL)


def test_a_statement_that_was_interrupted_is_completed(
    run: FinetuneRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cards that state the licence already are not taken for edited ones."""
    record = replace(run, folder=shutil.copytree(run.folder, tmp_path / "copy"))
    write_cards(replace(record, data_licence="CC0-1.0"))
    assert state_licence(record, "CC0-1.0").data_licence == "CC0-1.0" and not capsys.readouterr().err


def test_a_folder_for_a_hub_says_nothing_of_the_machine(run: FinetuneRecord) -> None:
    """No place, no user, no utterance and no speaker: not in cards, in configurations or beside them."""
    corpus = open_corpus("table.csv")
    secrets = {str(Path.home()), str(Path.cwd()), str(run.folder.absolute().parent), str(corpus.utterances[0].path)}
    named = replace(
        run,
        notes=tuple(f"1 utterance: {utterance.id}" for utterance in corpus.utterances),
        corpus=replace(run.corpus, left_out=("u99",)),
        truncated=2,
    )
    texts = [card(named, "."), card(named, "seed0")]
    texts += [path.read_text("utf-8") for path in sorted(run.folder.glob("seed*/*")) if path.suffix != ".safetensors"]
    assert len(texts) > 8
    for text in texts:
        assert not [secret for secret in secrets if secret in text] and "_name_or_path" not in text
        assert not re.search(r"\bu\d\d\b", text)
    assert "2 transcripts were truncated" in texts[0] and "1 utterance of the corpus could not be used" in texts[0]


def test_names_are_text_on_a_card(run: FinetuneRecord) -> None:
    """Of an encoder, a corpus and a dimension: in the header that a hub reads, and below it."""
    name = "a|b $x_1$ <script>alert(1)</script>\n---\n# h `c` [l](javascript:x) \u202e \"'"
    scores = tuple(replace(score, dimension=name) for score in run.scores if score.dimension == "valence")
    system = replace(run.system, name=name, dimensions=(name,))
    text = card(replace(run, system=system, corpus=replace(run.corpus, title=name), scores=scores), ".")
    data, body = ModelCard(text).data, ModelCard(text).text
    assert data.model_name == plain(f"{name} on {name}") and {r.dataset_name for r in data.eval_results} == {
        plain(name)
    }
    assert {result.metric_name for result in data.eval_results} == {f"CCC of {plain(name)}"}
    assert "<script" not in body and not re.search(r"(?<!\\)\]\(", body) and "\u202e" not in text
    assert not re.search(r"(?<!\\)[$]", body) and body.count("\n# ") == 1
