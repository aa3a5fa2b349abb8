"""How the built-in encoders were made: speech, units, losses, training, and each recipe in small."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import fft
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import HubertConfig, HubertModel

from probing.demo import script
from probing.demo.corpus import perform
from probing.demo.language import LEXICON
from probing.encoders.opening import open_encoder
from probing.pretrain.bert import learn_tokenizer, sentences
from probing.pretrain.distil import Distillation
from probing.pretrain.hubert import CONFIG, STAGES, encoder_of, make_batch, spans
from probing.pretrain.masked import MaskedPrediction
from probing.pretrain.profile import fit_ridge
from probing.pretrain.speech import SYLLABLES, WORDS, Speech, alignment, batches, open_speech
from probing.pretrain.speech import script as pretraining_script
from probing.pretrain.training import Schedule, train
from probing.pretrain.units import assign, cluster, mfcc

TINY = {**CONFIG, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return open_speech(tmp_path_factory.mktemp("speech"), 12)


@pytest.fixture
def small() -> HubertModel:
    torch.manual_seed(0)
    return HubertModel(HubertConfig(**TINY)).eval()


# --- speech


def test_pretraining_speakers_and_sentences_are_not_the_demo_corpus_s() -> None:
    """No speaker is the same person, hardly a sentence the same."""
    ours, theirs = pretraining_script(600), script.plan()
    assert not {line.speaker.f0 for line in ours} & {line.speaker.f0 for line in theirs}
    assert len({line.words for line in ours} & {line.words for line in theirs}) < 6
    assert any(word.rare for line in ours for word in line.words)


def test_the_alignment_says_what_is_spoken() -> None:
    """Frame words, without repetitions and pauses, are the sentence; frame syllables are its syllables."""
    line = script.plan({"train": 1})[0]
    segments, waveform = perform(line)
    words, syllables = alignment(segments, line, len(waveform))
    assert len(words) == len(syllables) == 1 + (len(waveform) - 400) // 320
    numbers = {number: name for name, number in SYLLABLES.items()}
    heard = [numbers[s] for i, s in enumerate(syllables) if s and (i == 0 or syllables[i - 1] != s)]
    said = [s for word in line.words for s in word.syllables]
    assert heard == [s for i, s in enumerate(said) if i == 0 or said[i - 1] != s]
    start, end = (next(s.start for s in segments if s.word == 1), max(s.end for s in segments if s.word == 1))
    middle = round((start + end) / 2 * 50)
    assert words[middle] == WORDS[line.words[1].syllables]
    assert words[0] == words[-1] == 0


def test_speech_is_found_again(speech: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call speaks nothing; other counts are spoken anew."""
    first = open_speech(tmp_path, 3)
    monkeypatch.setattr("probing.pretrain.speech._spoken", lambda *_: pytest.fail("spoken again"))
    again = open_speech(tmp_path, 3)
    assert np.array_equal(first.waveform(2), again.waveform(2)) and len(again) == 3
    assert np.array_equal(first.waveform(0), speech.waveform(0))
    assert encoder_frames(speech.waveform(1)) == speech.frames[1] == len(speech.of(speech.words, 1))


def encoder_frames(waveform: np.ndarray) -> int:
    return open_encoder("demo-hubert@random").frames(len(waveform))


def test_batches_are_of_similar_length_and_use_every_utterance() -> None:
    """In one pass each utterance comes once; lengths in a batch differ little; equal seeds give equal batches."""
    frames = np.random.default_rng(0).integers(100, 240, 64)
    drawn = list(batches(frames, 8, 1, 8))
    assert sorted(np.concatenate(drawn)) == list(range(64))
    assert max(np.ptp(frames[batch]) for batch in drawn) < 45 < np.ptp(frames)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, batches(frames, 8, 1, 8), strict=True))
    assert len(list(batches(frames, 8, 1, 100))) == 100


# --- units


def test_mfcc_are_those_of_the_definition() -> None:
    """Framed, windowed, transformed, summed by triangular filters and a cosine transform, by hand."""
    samples = np.random.default_rng(0).standard_normal(400 + 320 * 9).astype(np.float32)
    found = mfcc(samples)
    assert found.shape == (10, 39)
    mel = np.linspace(*(2595 * np.log10(1 + np.array([20.0, 7800.0]) / 700)), 25)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(257) * 16000 / 512
    low, centre, high = hertz[:-2, None], hertz[1:-1, None], hertz[2:, None]
    filters = np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0, None)
    filters *= 2 / (high - low)
    rows = []
    for frame in range(10):
        cut = samples[320 * frame : 320 * frame + 400].astype(np.float64)
        cut = np.concatenate([cut[:1] * (1 - 0.97), cut[1:] - 0.97 * cut[:-1]])
        window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400)
        power = np.abs(np.fft.rfft(cut * window, 512)) ** 2
        rows.append(fft.dct(np.log(np.maximum(filters @ power, 1e-10)), norm="ortho")[:13])
    expected = np.array(rows) - np.mean(rows, axis=0)
    assert found[:, :13] == pytest.approx(expected, abs=2e-3)


def test_clusters_are_found_where_they_were_planted() -> None:
    """Four clouds become four clusters, the same whatever the scale of a feature."""
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=400)
    clouds = (np.array([[0, 0], [0, 9], [9, 0], [9, 9]])[truth] + rng.normal(size=(400, 2))).astype(np.float32)
    clouds[:, 1] *= 1000
    found = assign(clouds, *cluster(clouds, 4, seed=0))
    assert len({(a, b) for a, b in zip(truth, found, strict=True)}) == 4


# --- masked prediction


def test_the_loss_is_hubert_s_over_masked_frames_and_the_others_weight(small: HubertModel) -> None:
    """Cross-entropy of cosine similarities over 0.1, masked frames in full, unmasked by their weight."""
    module = MaskedPrediction(HubertConfig(**TINY), 7, 0.3, early_layer=2, early_units=5, early_weight=0.6)
    module.hubert.load_state_dict(small.state_dict())
    module.eval()
    generator = torch.Generator().manual_seed(0)
    waveforms = torch.randn(2, 400 + 320 * 19, generator=generator)
    units = torch.randint(7, (2, 20), generator=generator)
    early = torch.randint(5, (2, 20), generator=generator)
    mask = torch.zeros(2, 20, dtype=torch.bool)
    mask[:, 4:12] = True
    small.config.apply_spec_augment = True
    with torch.no_grad():
        states = small(waveforms, mask_time_indices=mask.clone(), output_hidden_states=True).hidden_states
        projected = module.projection(states[-1])
        similar = cosine_similarity(projected[:, :, None], module.embeddings[None, None], dim=-1) / 0.1
        each = cross_entropy(similar.flatten(0, 1), units.flatten(), reduction="none").view(2, 20)
        acoustic = cross_entropy(module.early(states[2]).flatten(0, 1), early.flatten())
        found = float(module(waveforms, mask, units, early)["loss"])
    expected = float(each[mask].mean() + 0.3 * each[~mask].mean() + 0.6 * acoustic)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("cover", "span"), [(0.5, 10), (0.4, 20)])
def test_masks_cover_what_they_should_in_pieces(cover: float, span: int) -> None:
    """The share of masked frames is the one asked for, and pieces are no shorter than a span unless cut by an end."""
    mask = spans(400, 160, cover, span, np.random.default_rng(0))
    assert mask.mean() == pytest.approx(cover, abs=0.04)
    for row in mask:
        changes = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for start, end in zip(changes[::2], changes[1::2], strict=True):
            assert end - start >= span or start == 0 or end == 160
    assert spans(50, 6, 0.05, 10, np.random.default_rng(0)).any(axis=1).all()


def test_a_batch_s_targets_lie_on_its_frames(speech: Speech) -> None:
    """Crops and targets are cut at the same place, and a step's batch depends on the step alone."""
    stage = STAGES[-1]
    chosen = np.array([0, 3, 5])
    batch = make_batch(stage, speech, speech.words, chosen, 7)
    again = make_batch(stage, speech, speech.words, chosen, 7)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    shortest = int(speech.frames[chosen].min())
    assert batch["mask"].shape == batch["units"].shape == batch["early_units"].shape == (3, shortest)
    assert batch["input_values"].shape == (3, (shortest - 1) * 320 + 400)
    for row, index in enumerate(chosen):
        cut = batch["input_values"][row].numpy()
        whole = speech.waveform(index)
        places = [320 * s for s in range(int(speech.frames[index]) - shortest + 1)]
        start = max(places, key=lambda place: np.corrcoef(cut, whole[place : place + len(cut)])[0, 1])
        targets = speech.of(speech.words, index)[start // 320 : start // 320 + shortest]
        assert np.array_equal(batch["units"][row].numpy(), targets)


# --- distillation


def test_a_student_starts_as_its_teacher_s_first_layers(small: HubertModel) -> None:
    """States 0 to 2 of the untrained student equal the teacher's."""
    waveforms = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1))
    student = Distillation(small).student.eval()
    small.config.apply_spec_augment = False
    with torch.no_grad():
        theirs = small(waveforms, output_hidden_states=True).hidden_states
        ours = student(waveforms, output_hidden_states=True).hidden_states
    assert len(ours) == 3
    for mine, other in zip(ours, theirs, strict=False):
        assert torch.allclose(mine, other, atol=1e-5)


def test_the_distillation_loss_is_that_of_the_paper(small: HubertModel) -> None:
    """Mean absolute error and log-sigmoid of the cosine similarity, for each of the teacher's layers 4, 8, 12."""
    module = Distillation(small)
    waveforms = torch.randn(2, 8000, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = float(module(waveforms)["loss"])
        last = module.student(waveforms).last_hidden_state
        states = small(waveforms, output_hidden_states=True).hidden_states
        expected = 0.0
        for head, layer in zip(module.heads, (4, 8, 12), strict=True):
            p, t = head(last).numpy().astype(np.float64), states[layer].numpy().astype(np.float64)
            cosine = (p * t).sum(-1) / np.linalg.norm(p, axis=-1) / np.linalg.norm(t, axis=-1)
            expected += np.abs(p - t).mean() + np.mean(np.log1p(np.exp(-cosine)))
    assert found == pytest.approx(expected, rel=1e-4)
    assert not any(name.startswith("_teacher") for name in module.state_dict())


# --- text


def test_the_tokenizer_knows_every_word_and_every_letter() -> None:
    """Each word of the lexicon is one token; a made-up word falls into pieces without an unknown."""
    tokenizer = learn_tokenizer(sentences(2000, 0))
    assert all(tokenizer.tokenize(str(word)) == [str(word)] for word in LEXICON)
    assert tokenizer.unk_token not in tokenizer.tokenize("tarogo somita") and len(tokenizer.tokenize("tarogo")) > 1


# --- training


class Line(torch.nn.Module):
    """y = a x + b, with dropout's random numbers drawn in every step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        heard = torch.nn.functional.dropout(x, 0.2, self.training)
        return {"loss": (self.layer(heard)[:, 0] - y).square().mean()}


def line_batch(step: int) -> dict[str, torch.Tensor]:
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
    return {"x": x, "y": x @ torch.tensor([1.0, -2.0, 0.5])}


def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Killed at step 25 and started again, the weights end bit-equal; and the loss has fallen."""
    schedule = Schedule(40, 0.1, warmup=5, save_every=10)
    whole, torn = Line(), Line()
    torn.load_state_dict(whole.state_dict())
    again = Line()
    log = train(whole, line_batch, schedule, tmp_path / "whole")

    def die(step: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(torn, line_batch, replace(schedule, watch_every=25), tmp_path / "torn", die)
    train(again, line_batch, schedule, tmp_path / "torn")
    assert torch.equal(again.layer.weight, whole.layer.weight) and torch.equal(again.layer.bias, whole.layer.bias)
    assert float(log[-1]["loss"]) < 3


# --- profile


def test_ridge_takes_the_penalty_that_leaving_one_out_favours() -> None:
    """The shortcut's choice is that of fitting anew without each row; the fit is that of the normal equations."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 30))
    y = (x[:, :3].sum(1) + rng.normal(size=40))[:, None]
    predicted = fit_ridge(x, y)(x[:5])
    z = (x - x.mean(0)) / (x.std(0) + 1e-6)
    errors, fits = [], []
    for penalty in 10.0 ** np.arange(-1, 5.5, 0.5):
        left = []
        for row in range(40):
            keep = np.arange(40) != row
            centre, level = z[keep].mean(0), y[keep].mean()
            weights = np.linalg.solve(
                (z[keep] - centre).T @ (z[keep] - centre) + penalty * np.eye(30),
                (z[keep] - centre).T @ (y[keep] - level),
            )
            left.append(float(((z[row] - centre) @ weights)[0] + level - y[row, 0]))
        errors.append(np.mean(np.square(left)))
        weights = np.linalg.solve(z.T @ z + penalty * np.eye(30), z.T @ (y - y.mean()))
        fits.append(z[:5] @ weights + y.mean())
    assert predicted == pytest.approx(fits[int(np.argmin(errors))], abs=1e-6)


# --- the recipes


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["hubert", "distilhubert", "tinybert"])
def test_every_recipe_runs_in_small(recipe: str, tmp_path: Path) -> None:
    """The command of the model card with --smoke makes an encoder that opens, with figures and a card."""
    words = [sys.executable, "-m", "probing.pretrain", recipe, "--smoke", "--folder", str(tmp_path / "work")]
    more = ["--teacher", "demo-hubert@random"] if recipe == "distilhubert" else []
    run = subprocess.run(
        [*words, "--out", str(tmp_path / "out"), *more], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr[-2000:]
    folder = Path(run.stdout.strip())
    assert folder == tmp_path / "out" / f"demo-{recipe}"
    encoder = open_encoder(str(folder))
    assert encoder.n_states == {"hubert": 13, "distilhubert": 3, "tinybert": 5}[recipe] and encoder.width == 64
    figures = json.loads((folder / "figures.json").read_text("utf-8"))
    assert len(figures["profile"]["test2"]["valence"]) == encoder.n_states
    card = (folder / "README.md").read_text("utf-8")
    assert f"python -m probing.pretrain {recipe}" in card and "loss from first to last" in card


def test_an_encoder_of_a_model_leaves_the_model_as_it_was(small: HubertModel) -> None:
    """Looking at the depth profile in the middle of training changes neither weights nor mode nor gradients."""
    small.train()
    small.config.apply_spec_augment = True
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    encoder_of(small).hidden_states([np.zeros(8000, np.float32)])
    assert small.training and small.config.apply_spec_augment
    assert all(parameter.requires_grad for parameter in small.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in small.state_dict().items())
