"""No two configurations, corpora or sets of runs share a file's name; the built-in world's names stay short."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest
from builders import entry_of, identity_of, write_fit, write_run

from probing.corpus.identity import Identity
from probing.encoders.spec import EncoderSpec
from probing.probes.options import FitOptions
from probing.report.naming import RANDOMS, corpus_stem, fit_stem, roles_said, set_stem, shortened
from probing.runs.entries import CacheEntry, EncoderEntry
from probing.runs.records import FitRecord

ENCODER = "demo-hubert"
USUAL: dict[str, Any] = {"encoder": ENCODER, "corpus": "demo", "seeds": 5}
OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"seeds": 3}, "-seeds3"),
    ({"dims": ["valence"]}, "-valence"),
    ({"dims": ["valence", "arousal"]}, "-arousal-valence"),
    ({"dims": ["calm", "arousal"]}, "-arousal-calm"),
    ({"head": "ridge", "seeds": 1}, "-ridge"),
    ({"options": {"head": "linear"}}, "-linear"),
    ({"options": {"layers": "both"}}, "-both"),
    ({"options": {"lr": 0.001}}, "-lr0.001"),
    ({"options": {"layer_lr": 0.7}}, "-layer-lr0.7"),
    ({"options": {"hidden": 8}}, "-hidden8"),
    ({"options": {"batch": 16}}, "-batch16"),
    ({"options": {"epochs": 3}}, "-epochs3"),
    ({"options": {"patience": 2}}, "-patience2"),
    ({"options": {"data_seed": 1}}, "-data-seed1"),
    ({"options": {"permutations": 0}}, "-permutations0"),
    ({"options": {"refits": 3}}, "-refits3"),
    ({"options": {"normalize": "none"}}, "-normalize-none"),
    ({"options": {"pooling": "max"}}, "-max"),
    ({"options": {"normalize": "none", "pooling": "mean+max"}}, "-normalize-none-mean+max"),
    ({"cache": CacheEntry("x.h5", "frames", "f")}, "-frames"),
    ({"cache": CacheEntry("x.h5", "pooled", "f", "float32")}, "-float32"),
]
DEFAULTS = {name: value for name, value in asdict(FitOptions()).items() if name not in ("dims", "seeds", "layers")}


def fit_of(root: Path, head: str = "mlp", **changes: Any) -> FitRecord:
    """The usual fit of `make figure2`, with changes."""
    options = DEFAULTS | {"head": head} | changes.get("options", {})
    layers = "each" if head == "ridge" else "weighted"
    return write_fit(root, **USUAL | {"states": 3, "layers": layers} | changes | {"options": options})


def controls_of(root: Path, number: int = RANDOMS, **changes: Any) -> list[FitRecord]:
    """The usual fits on random encoders."""
    names = [EncoderSpec(ENCODER).on_random_weights(seed).name for seed in range(number)]
    beside: dict[str, Any] = {"head": "ridge", "seeds": 1, "options": {"permutations": 0}} | changes
    return [fit_of(root / name, encoder=name, **beside) for name in names]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> list[FitRecord]:
    """The usual controls."""
    return controls_of(tmp_path_factory.mktemp("beside"))


@pytest.mark.parametrize(("change", "said"), OTHERS)
def test_every_option_that_differs_stands_in_the_name(
    tmp_path: Path, beside: list[FitRecord], change: dict[str, Any], said: str
) -> None:
    """Beside what `make figure2` uses, an option adds its value, and a digest stands behind it."""
    run = fit_of(tmp_path, **change)
    assert re.fullmatch(rf"figure2-demo-demo-hubert{re.escape(said)}-[0-9a-f]{{6}}", fit_stem(run, beside))


def test_the_usual_fit_of_the_built_in_world_has_the_readmes_name(tmp_path: Path, beside: list[FitRecord]) -> None:
    """With its random encoders; the number of reading processes changes nothing."""
    record = fit_of(tmp_path, options={"workers": 4})
    assert fit_stem(record, beside) == "figure2-demo-demo-hubert"


def test_a_figure_of_an_earlier_version_is_another(tmp_path: Path) -> None:
    """It has no ridge probes, and of what `make figure2` made then only one random encoder beside it."""
    for version in (1, 2):
        whole: dict[str, Any] = {"version": version, "states": 13, "corpus": "demo", "seeds": 5}
        names = (ENCODER, f"{ENCODER}@random")
        record, control = (write_fit(tmp_path / f"{version}{name}", name, **whole) for name in names)
        assert fit_stem(record, [control]).startswith("figure2-demo-demo-hubert-")


def test_a_figure_has_its_controls_in_its_name(tmp_path: Path, beside: list[FitRecord]) -> None:
    """Without any, with the usual ones, with fewer, with others in their place: each is a file of its own."""
    record = fit_of(tmp_path)
    other = controls_of(tmp_path / "other", 1, dims=["valence", "arousal", "dominance", "calm"])
    sets = [[], beside, beside[:4], beside[1:], [*other, *beside[1:]]]
    stems = [fit_stem(record, controls) for controls in sets]
    assert len(set(stems)) == 5 and stems[1] == "figure2-demo-demo-hubert"
    assert all(re.fullmatch(r"figure2-demo-demo-hubert-[0-9a-f]{6}", stem) for stem in (stems[0], *stems[2:]))


def test_weights_that_moved_and_revisions_have_names_of_their_own(tmp_path: Path) -> None:
    """A hub repository changes under one name, and a revision must not look like another repository's name."""

    def stem(folder: str, name: str, weights: str, revision: str | None = None) -> str:
        entry = EncoderEntry(name, name, False, {"weights": weights}, EncoderSpec(name, revision=revision))
        return fit_stem(write_fit(tmp_path / folder, seeds=5, corpus="demo", encoder_entry=entry))

    assert stem("a", "org/model", "aaaa") != stem("b", "org/model", "bbbb")
    assert stem("c", "org/hubert", "aaaa", "large") != stem("d", "org/hubert-large", "aaaa")


def test_no_digit_of_an_option_is_lost(tmp_path: Path) -> None:
    """Learning rates that are rounded to the same digits are still two."""
    records = [fit_of(tmp_path / str(lr), options={"lr": lr}) for lr in (1.23456701e-4, 1.23456702e-4)]
    assert fit_stem(records[0]) != fit_stem(records[1])


def test_no_two_configurations_share_a_name(tmp_path: Path) -> None:
    """Whatever differs, the names differ."""
    names = [fit_stem(fit_of(tmp_path / str(i), **change)) for i, (change, _) in enumerate(OTHERS)]
    assert all(one != other for one, other in combinations(names, 2))


def test_the_corpus_is_named_by_its_digest(tmp_path: Path) -> None:
    """Two corpora of one name have two names, and a table called demo.csv is not the built-in corpus."""
    entries = [entry_of("made-up", 9), entry_of("made-up", 9, identity=identity_of("another"))]
    names = [fit_stem(write_fit(tmp_path / str(i), entry=entry)) for i, entry in enumerate(entries)]
    assert [name.split("-")[3] for name in names] == [identity_of(what).short for what in ("made-up", "another")]
    table = entry_of("demo", 9, identity=identity_of("demo"))
    assert fit_stem(fit_of(tmp_path, entry=table), controls_of(tmp_path, entry=table)) != "figure2-demo-demo-hubert"


def test_an_encoder_in_a_folder_is_named_by_its_weights_and_a_revision_by_itself(tmp_path: Path) -> None:
    """Folders share names, and a repository has many revisions."""

    def stem(name: str, spec: EncoderSpec, weights: str) -> str:
        entry = EncoderEntry("mine", "mine", False, {"weights": weights}, spec)
        return fit_stem(write_fit(tmp_path / name, seeds=5, corpus="demo", encoder_entry=entry))

    assert stem("a", EncoderSpec("/x/mine"), "aaaaaaaabbbb").startswith("figure2-demo-mine-aaaaaaaa-")
    assert stem("b", EncoderSpec("/y/mine"), "ccccccccbbbb").startswith("figure2-demo-mine-cccccccc-")
    assert stem("c", EncoderSpec("mine", revision="v2"), "c").startswith("figure2-demo-mine-v2-")


def test_a_run_of_version_1_is_named_by_its_labels(tmp_path: Path) -> None:
    """All that 0.1.0 knows of a corpus beside its name."""
    record = write_fit(tmp_path, version=1)
    assert corpus_stem([record]) == f"made-up-{record.configuration['labels'][:8]}"


def test_a_set_of_runs_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    """The order of the runs is no matter; another set, other seeds or other options give another name."""
    a, b = write_run(tmp_path, "large"), write_run(tmp_path, "small")
    other = write_run(tmp_path, "small", options={"lr": 0.1}, folder="other")
    more = write_run(tmp_path, "small", seeds=4, folder="more")
    names = {set_stem(runs) for runs in permutations([a, b])}
    assert len(names) == 1
    sets = [[a], [b], [a, b], [a, other], [a, more], [a, b, other], [b, b]]
    assert len({set_stem(runs) for runs in sets}) == len(sets)
    assert set_stem([a]) != set_stem([a], None, b)
    assert set_stem([a, b], "demo") == set_stem([b], "demo") == "demo"
    assert "/" not in set_stem([a], "../elsewhere") and not set_stem([a], "../x").startswith(".")


def test_encoders_whose_roles_are_named_are_in_the_name(tmp_path: Path) -> None:
    """Findings depend on who is the teacher and who the student: other roles are other files."""
    run = write_run(tmp_path, "large")
    roles = (None, None), ("large", None), (None, "large"), ("large", "small"), ("small", "large")
    assert len({set_stem([run], None, *roles_said(*named)) for named in roles}) == 5
    assert set_stem([run], None, *roles_said(None, None)) == set_stem([run])
    assert set_stem([run], "mine", *roles_said("large", None)) == "mine"


def test_the_corpus_of_a_set_is_what_its_runs_know_together(tmp_path: Path) -> None:
    """An audio system has read no text and a textual one no audio: the order of the two is no matter."""
    whole = identity_of("made-up")
    heard, read = Identity(whole.labels, whole.audio), Identity(whole.labels, None, whole.text)
    runs = [
        write_run(tmp_path, audio, text, entry=entry_of("made-up", 240, identity=identity))
        for audio, text, identity in (("large", None, heard), (None, "words", read))
    ]
    assert corpus_stem(runs) == corpus_stem(runs[::-1]) == f"made-up-{whole.short}"


def test_a_name_that_no_file_system_takes_is_cut(tmp_path: Path) -> None:
    """Two long names stay two, and characters of several bytes are not cut in two."""
    long = "情" * 100
    one, other = shortened(f"{long}-a"), shortened(f"{long}-b")
    assert one != other and max(len(one.encode()), len(other.encode())) <= 180
    assert one.startswith("情" * 50) and shortened("short") == "short"
    (tmp_path / f"{one}.csv").write_text("it can be written")
