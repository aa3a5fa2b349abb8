"""Behaviour: a layer is erased where a system uses it, in every family, and the system is as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from builders import save_text_encoder, write_run
from front_ends import save_front_end
from small_systems import LABELS, TEXTS, built, sounds, trained

from probing.analysis.hooks import erased_at, layers_of, read_at, replayed
from probing.analysis.inside import erase_inside
from probing.analysis.layers import refuse_other_system
from probing.analysis.leace import Eraser, leace
from probing.analysis.material import Material
from probing.analysis.running import Running
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.model import Corpus, Utterance
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.encoders.spec import EncoderSpec
from probing.errors import OptionError, ProbingError
from probing.systems.batches import Collate, Feed, Utterances
from probing.systems.inference import estimates
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor

FAMILIES = ["hubert", "wav2vec2-layer", "wavlm-base", "conformer-rotary", "whisper"]
EVERYBODY = np.arange(len(TEXTS))


@pytest.fixture(scope="module")
def folder(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Family → a small checkpoint."""
    whisper = save_front_end(tmp_path_factory.mktemp("audio") / "whisper", "whisper")
    return lambda family: {**checkpoints, "whisper": whisper}[family]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text encoder."""
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert")


def fed(processor: Processor, texts: list[str] = TEXTS) -> Feed:
    """Four utterances of different lengths."""
    heard = {str(n): sound for n, sound in enumerate(sounds())}
    dims = ["arousal", "valence", "dominance"]
    utterances = tuple(
        Utterance(name, None, "train", None, dict(zip(dims, LABELS[n].tolist(), strict=True)), texts[n])
        for n, name in enumerate(heard)
    )
    items = Utterances(Corpus("four", (0, 1), utterances), dims, heard.__getitem__)
    return Feed(items, [len(sound) for sound in heard.values()], Collate(processor))


def everything(width: int) -> Eraser:
    """Takes all that there is: every frame becomes the same."""
    return Eraser(torch.eye(width).double(), torch.eye(width).double(), torch.linspace(-1, 1, width).double())


def some(width: int, rank: int = 3) -> Eraser:
    """Takes something."""
    rng = np.random.default_rng(0)
    return leace(rng.normal(size=(99, width)).astype(np.float32), rng.normal(size=(99, rank)))


def hooks_of(system: EmotionSystem) -> int:
    """Hooks and replaced methods that stand anywhere in a system."""
    modules: list[Any] = list(system.modules())
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + ("forward" in vars(m)) for m in modules)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_inside_are_those_of_the_encoder(family: str, folder: Callable[[str], Path]) -> None:
    """Averages of every layer are those of the frozen encoder's states, alone and without padding."""
    system, processor = built(folder(family))
    encoder: Any = open_encoder(str(folder(family)))
    layers = tuple(range(len(layers_of(system.audio)) + 1))
    found_NLD = Running(system, fed(processor)).states(EVERYBODY, layers).means_NLD
    expected_NLD = np.stack([encoder.states(sound).mean(0) for sound in sounds()])
    np.testing.assert_allclose(found_NLD, expected_NLD, rtol=1e-4, atol=2e-5)
    assert system.training


@pytest.mark.parametrize("family", FAMILIES)
def test_the_average_of_erased_frames_is_the_erased_average(family: str, folder: Callable[[str], Path]) -> None:
    """What stands at the layer while the system runs, averaged, is the map of what stood there; others change after."""
    system, processor = built(folder(family))
    running, width = Running(system, fed(processor)), system.audio.config.hidden_size
    last, eraser = len(layers_of(system.audio)), some(width)
    layers = tuple(range(last + 1))
    before_NLD = running.states(EVERYBODY, layers).means_NLD
    for layer in layers:
        with erased_at(system.audio, layer, eraser):
            after_NLD = running.states(EVERYBODY, layers).means_NLD
        np.testing.assert_array_equal(after_NLD[:, :layer], before_NLD[:, :layer])
        expected_ND = eraser(torch.from_numpy(before_NLD[:, layer]))
        np.testing.assert_allclose(after_NLD[:, layer], expected_ND, rtol=1e-4, atol=2e-5)
        assert layer == last or not np.allclose(after_NLD[:, layer + 1], before_NLD[:, layer + 1], atol=1e-3)


@pytest.mark.parametrize("family", ["hubert", "wavlm-base", "whisper"])
def test_estimates_are_those_of_the_hooked_system(family: str, folder: Callable[[str], Path], bert: Path) -> None:
    """Nothing erased changes nothing; what is not run again gives what it gave; a batch changes no answer."""
    system, processor = built(folder(family), bert)
    source, width = fed(processor), system.audio.config.hidden_size
    layers = (0, 1, len(layers_of(system.audio)))
    empty = Eraser(torch.empty(width, 0).double(), torch.empty(width, 0).double(), torch.zeros(width).double())
    hooks = hooks_of(system)
    named = {layer: {"some": [some(width), some(width, 5)], "none": [empty]} for layer in layers}
    found = Running(system, source).estimates(EVERYBODY, named)
    assert hooks_of(system) == hooks and system.training
    plain_NK = estimates(system, source).numpy()
    system.eval()
    for layer in layers:
        np.testing.assert_allclose(found[layer, "none"][0], plain_NK, atol=1e-6)
        assert not np.allclose(found[layer, "some"][0], plain_NK, atol=1e-3)
        with torch.no_grad(), erased_at(system.audio, layer, some(width, 5)):
            alone = [
                system(**processor([sound], [text])).logits[0] for sound, text in zip(sounds(), TEXTS, strict=True)
            ]
        np.testing.assert_allclose(found[layer, "some"][1], torch.stack(alone), atol=1e-5)


def test_without_anything_a_system_says_the_same_of_all(folder: Callable[[str], Path], bert: Path) -> None:
    """With every frame alike at the last layer, audio tells nothing, and the text alone makes a difference."""
    system, processor = built(folder("hubert"))
    width, last = system.audio.config.hidden_size, len(layers_of(system.audio))
    all_NK = Running(system, fed(processor)).estimates(EVERYBODY, {last: {"all": [everything(width)]}})[last, "all"][0]
    np.testing.assert_allclose(all_NK, all_NK[:1].repeat(4, 0), atol=1e-6)
    system, processor = built(folder("hubert"), bert)
    texts = [TEXTS[0], TEXTS[0], TEXTS[2], TEXTS[2]]
    source = fed(processor, texts)
    all_NK = Running(system, source).estimates(EVERYBODY, {last: {"all": [everything(width)]}})[last, "all"][0]
    np.testing.assert_allclose(all_NK[::2], all_NK[1::2], atol=1e-6)
    assert np.abs(all_NK[0] - all_NK[2]).max() > 1e-3


def test_no_hook_outlives_an_error(folder: Callable[[str], Path]) -> None:
    """Whatever happens in a block, behind it the system is as it was."""
    system, _ = built(folder("hubert"))
    hooks, layers = hooks_of(system), layers_of(system.audio)
    blocks = [
        erased_at(system.audio, 0, some(system.audio.config.hidden_size)),
        read_at(system.audio, (0, len(layers))),
        replayed({layers[0]: None}),
    ]
    for block in blocks:
        with pytest.raises(RuntimeError, match="on purpose"), block:
            assert hooks_of(system) > hooks
            raise RuntimeError("on purpose")
        assert hooks_of(system) == hooks


@pytest.fixture(scope="module")
def places(checkpoints: dict[str, Path], bert: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small system, trained for a few steps, and one that reads alone."""
    folder = tmp_path_factory.mktemp("work")
    wavs = {wav.name: wav for wav in table.parent.glob("*.wav")}
    for name, target in {"hubert": checkpoints["hubert"], "bert": bert, "table.csv": table, **wavs}.items():
        (folder / name).symlink_to(target)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        trained("hubert", "heard", max_steps=2)
    write_run(folder / "runs", None, "bert", folder="read", n=12)
    return folder


@pytest.fixture(scope="module")
def checked(places: Path) -> Checked:
    """The corpus of that system."""
    return check_corpus(CorpusSpec.resolve(str(places / "table.csv")), Needs(audio=True, text=True), remember=False)


@pytest.fixture(scope="module")
def material(checked: Checked) -> Material:
    """Words and sounds of its utterances."""
    rng = np.random.default_rng(0)
    count = len(checked.corpus)
    none = np.empty((count, 0, 1), np.float32)
    words_NE = rng.normal(size=(count, 4)).astype(np.float32)
    return Material(checked.corpus, ("arousal", "valence"), "", (), none, words_NE, rng.normal(size=(count, 3)))


def test_a_run_is_scored_as_it_is_and_without(places: Path, checked: Checked, material: Material) -> None:
    """The CCC before is that of the run's own estimates; every layer and concept has rows beside random subspaces."""
    found = erase_inside(places / "runs/heard", checked, material, layers=[0, 2], randoms=3)
    rows = found.rows()
    assert set(rows.analysis) == {"inside"} and set(rows.layer) == {0, 2} and set(rows.target) == {"arousal", "valence"}
    assert set(found.ranks) == {"words", "sound", "speaker"} and max(found.ranks.values()) <= 8
    written = pd.read_csv(places / "runs/heard/predictions.csv")
    own = written[(written.dimension == "arousal") & written.partition.isin(["test1", "test2"])].set_index("id")
    ids = [checked.corpus.utterances[place].id for place in found.held["arousal"]]
    np.testing.assert_allclose(found.estimates[0, "arousal", "before"], own.loc[ids, "seed0"], atol=1e-5)
    words = found.estimates[0, "arousal", "words"]
    assert not np.allclose(words, found.estimates[0, "arousal", "before"], atol=1e-6)


@pytest.mark.parametrize(
    ("run", "change", "code"),
    [
        ("read", {}, "run-deaf"),
        ("heard", {"layers": [9]}, "layer-unknown"),
        ("heard", {"dims": ("boredom",)}, "no-ratings"),
        ("heard", {"cut": True}, "other-utterances"),
        ("absent", {}, "no-run"),
    ],
)
def test_what_cannot_be_erased_is_refused(
    run: str, change: dict[str, Any], code: str, places: Path, checked: Checked, material: Material
) -> None:
    """A system that hears nothing, a layer or dimension that is not there, another corpus, no run."""
    own = replace(material, dims=change.get("dims", material.dims))
    if "cut" in change:
        own = replace(own, corpus=replace(own.corpus, utterances=own.corpus.utterances[1:]))
    with pytest.raises(ProbingError) as error:
        erase_inside(places / "runs" / run, checked, own, layers=change.get("layers"), randoms=0)
    assert error.value.code == code


def test_the_layers_analysed_are_those_of_the_system(places: Path) -> None:
    """The run itself, its training seed and the encoder that it began with are; another encoder is refused."""
    run = places / "runs" / "heard"
    for own in (run, run / "seed0", places / "hubert"):
        refuse_other_system(run, EncoderSpec(str(own)))
    for other in ("demo-hubert", str(places / "bert")):
        with pytest.raises(OptionError) as caught:
            refuse_other_system(run, EncoderSpec(other))
        assert caught.value.code == "other-encoder"
