"""Systems: what they compute, what padding does not change, what learns, and how they are kept."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import CHECKPOINTS, SMALL
from small_systems import FAMILIES, LABELS, TEXTS, built, sounds
from torch import Tensor, nn
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoTokenizer

from probing.encoders.opening import open_encoder
from probing.encoders.speech import SpeechEncoder
from probing.errors import EncoderError
from probing.statistics.concordance import ccc
from probing.systems.build import build_system
from probing.systems.config import SystemConfig
from probing.systems.model import FUSIONS, EmotionSystem
from probing.systems.processor import Processor
from probing.training import options


def alone(folder: Path, sound: np.ndarray) -> np.ndarray:
    """The plain transformers model's last state of one utterance, [T, D]."""
    values = AutoFeatureExtractor.from_pretrained(folder)(sound, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        return AutoModel.from_pretrained(folder).eval()(values["input_values"]).last_hidden_state[0].numpy()


def read_alone(folder: Path, text: str) -> np.ndarray:
    """The plain BERT's last state of one transcript, [N, D]."""
    vocabulary = AutoTokenizer.from_pretrained(folder).get_vocab()
    ids = [vocabulary[word] for word in ("[CLS]", *text.split(), "[SEP]")]
    with torch.no_grad():
        return AutoModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0].numpy()


def head_by_hand(system: EmotionSystem, vector: np.ndarray) -> np.ndarray:
    first, last = ((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in system.head[1::3])
    return np.tanh(vector @ first[0].T + first[1]) @ last[0].T + last[1]


@pytest.mark.parametrize("fusion", ["sum", "concat"])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_estimate_is_the_hand_written_forward_of_plain_models(
    checkpoints: dict[str, Path], bert: Path, family: str, fusion: str
) -> None:
    """Plain transformers models alone, NumPy's mean and maximum over time, concatenation, a tanh head in NumPy."""
    system, processor = built(checkpoints[family], bert, fusion=fusion)
    system.eval()
    batch = processor(sounds(), TEXTS)
    with torch.no_grad():
        vectors, estimates = system.pool(**batch).numpy(), system(**batch).logits.numpy()
    for row, (sound, text) in enumerate(zip(sounds(), TEXTS, strict=True)):
        pools = [(s.mean(0), s.max(0)) for s in (alone(checkpoints[family], sound), read_alone(bert, text))]
        parts = [mean + top if fusion == "sum" else np.concatenate([mean, top]) for mean, top in pools]
        expected = np.concatenate(parts)
        assert vectors[row] == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert estimates[row] == pytest.approx(head_by_hand(system, expected), abs=1e-4)
    assert system.head[1].weight.shape == (32, 64 if fusion == "sum" else 128) and estimates.shape == (4, 3)


def test_one_encoder_alone_is_a_system(checkpoints: dict[str, Path], bert: Path) -> None:
    """Audio alone and text alone pool their own states; the head is as wide as their encoder."""
    for folder, expected in (
        (checkpoints["hubert"], [alone(checkpoints["hubert"], sound) for sound in sounds()]),
        (bert, [read_alone(bert, text) for text in TEXTS]),
    ):
        system, processor = built(folder)
        with torch.no_grad():
            vectors = system.eval().pool(**processor(sounds(), TEXTS)).numpy()
        assert vectors == pytest.approx(np.stack([s.mean(0) + s.max(0) for s in expected]), rel=1e-4, abs=1e-4)
        assert system.head[1].weight.shape == (32, 32)


def test_the_loss_is_one_minus_ccc_averaged_over_dimensions(checkpoints: dict[str, Path]) -> None:
    """The float64 score of the estimates gives the loss; estimates map to the corpus's scale."""
    system, processor = built(checkpoints["hubert"], scale=(1, 7), dropout=0.0)
    output = system(**processor(sounds()), labels=LABELS)
    scores = ccc(LABELS.T.numpy(), output.logits.detach().T.numpy())
    assert output.loss.item() == pytest.approx(1 - scores.mean(), abs=1e-5)
    assert output.loss.dtype == torch.float32
    assert system.ratings(torch.tensor([0.0, 0.5, 1.0])).tolist() == [1, 4, 7]


def test_dropout_is_everywhere_and_no_layer_is_dropped(checkpoints: dict[str, Path], bert: Path) -> None:
    """Every dropout of both encoders and of the head has the system's probability; LayerDrop and masks are off."""
    for family in FAMILIES:
        system, _ = build_system(f"{checkpoints[family]}+{bert}", dropout=0.23)
        rates = [module.p for module in system.modules() if isinstance(module, nn.Dropout)]
        rates += [m.dropout for m in system.modules() if isinstance(getattr(m, "dropout", None), float)]
        assert len(rates) > 15 and set(rates) == {0.23}
        assert not system.audio.config.apply_spec_augment
    system = EmotionSystem(SystemConfig(audio_config=AutoConfig.for_model("hubert", **SMALL, layerdrop=0.5)))
    assert system.audio.config.layerdrop == system.config.audio_config.layerdrop == 0


@pytest.mark.parametrize("family", CHECKPOINTS)
def test_training_does_not_see_padding(checkpoints: dict[str, Path], bert: Path, family: str) -> None:
    """In train mode without dropout, estimates, loss and gradients are those of utterances fed one by one."""
    system, processor = built(checkpoints[family], bert, dropout=0.0)
    together = system(**processor(sounds(), TEXTS), labels=LABELS)
    together.loss.backward()
    gradients = {name: p.grad.clone() for name, p in system.named_parameters() if p.grad is not None}
    system.zero_grad()
    rows = [system(**processor([s], [t])).logits for s, t in zip(sounds(), TEXTS, strict=True)]
    assert system.training and near(together.logits, torch.cat(rows))
    loss = torch.stack([one_minus_ccc(torch.cat(rows)[:, k], LABELS[:, k]) for k in range(3)]).mean()
    assert together.loss.item() == pytest.approx(loss.item(), abs=1e-5)
    loss.backward()
    for name, parameter in system.named_parameters():
        if name in gradients:
            error = (gradients[name] - parameter.grad).norm() / (gradients[name].norm() + 1e-4)
            assert error < 1e-3, name


def near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> bool:
    return found.shape == expected.shape and bool((found - expected).abs().max() < tolerance)


def one_minus_ccc(p: Tensor, y: Tensor) -> Tensor:
    covariance = torch.cov(torch.stack([p, y]), correction=0)
    return 1 - 2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + (p.mean() - y.mean()) ** 2)


@pytest.mark.parametrize("family", ["hubert", "wav2vec2-layer", "data2vec-audio"])
def test_what_stands_in_the_padding_never_matters(checkpoints: dict[str, Path], bert: Path, family: str) -> None:
    """More padding, noise in it, padding behind utterances of one length: the same estimates."""
    system, processor = built(checkpoints[family], bert, dropout=0.0)
    for chosen in (sounds(), [sounds()[0]] * 4, sounds()[2:3] * 4):
        batch = processor(chosen, TEXTS)
        expected = system(**batch).logits
        noise = torch.randn(4, 3000, generator=torch.Generator().manual_seed(0))
        values = torch.cat([batch["input_values"], noise], dim=1)
        for row, length in enumerate(batch["lengths"]):
            values[row, length : batch["input_values"].shape[1]] = 7.0
        tokens = torch.cat([batch["input_ids"], torch.full((4, 5), 3)], dim=1)
        mask = torch.cat([batch["attention_mask"], torch.zeros(4, 5, dtype=torch.long)], dim=1)
        found = system(values, batch["lengths"], input_ids=tokens, attention_mask=mask).logits
        assert near(found, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_latents_take_the_place_of_waveforms(checkpoints: dict[str, Path], family: str) -> None:
    """The front end computed before, each utterance alone, and padded: the same estimates and gradients."""
    system, processor = built(checkpoints[family], dropout=0.0)
    batch = processor(sounds())
    one_by_one = [system.front_end(processor([sound])["input_values"])[0] for sound in sounds()]
    latents_BTC = nn.utils.rnn.pad_sequence(one_by_one, batch_first=True, padding_value=5.0)
    extracted_BTC = encoder_latents(checkpoints[family])
    results = []
    for arguments in (
        dict(batch),
        {"latents": latents_BTC, "lengths": batch["lengths"]},
        {"latents": nn.functional.pad(extracted_BTC, (0, 0, 0, 9), value=5.0), "lengths": batch["lengths"]},
    ):
        system.zero_grad()
        system(**processor([sounds()[3], sounds()[1]]))  # another batch, of other lengths
        output = system(**arguments, labels=LABELS)
        output.loss.backward()
        results.append(
            (output.logits.detach(), output.loss.item(), system.audio.feature_projection.projection.weight.grad)
        )
    (logits, loss, gradient), *others = results
    for other_logits, other_loss, other_gradient in others:
        assert near(other_logits, logits) and other_loss == pytest.approx(loss, abs=1e-5)
        assert (gradient - other_gradient).norm() < 1e-3 * gradient.norm()
    assert torch.isfinite(
        system(latents=extracted_BTC.half(), lengths=batch["lengths"]).logits
    ).all()  # a cache's float16


def encoder_latents(folder: Path) -> Tensor:
    """What `probe extract --store latents` computes, [B, T, C]."""
    encoder = open_encoder(str(folder))
    assert isinstance(encoder, SpeechEncoder)
    return encoder.latents(sounds())[0][:, :, 0].clone()


@pytest.mark.parametrize("family", CHECKPOINTS)
def test_everything_but_the_front_end_learns(checkpoints: dict[str, Path], bert: Path, family: str) -> None:
    """The front end and the vector that masks get no gradient, and are not asked for one; all others get one."""
    system, processor = built(checkpoints[family], bert)
    system(**processor(sounds(), TEXTS), labels=LABELS).loss.backward()
    for name, parameter in system.named_parameters():
        unused = "conformer" in family and "pos_conv_embed" in name  # a conformer never runs it
        frozen = unused or "feature_extractor" in name or "masked_spec_embed" in name
        assert parameter.requires_grad is not frozen, name
        assert (parameter.grad is None) is frozen, name
    assert not system.audio.feature_extractor.training and system.audio.encoder.training
    assert system.text.pooler is None


def test_what_is_frozen_stays_frozen_and_does_not_drop(
    checkpoints: dict[str, Path], bert: Path, tmp_path: Path
) -> None:
    """With both encoders frozen only the head learns, also behind from_pretrained; their vectors never vary."""
    system, processor = built(checkpoints["hubert"], bert, freeze=("audio", "text"))
    system.save_pretrained(tmp_path / "system")
    batch = processor(sounds(), TEXTS)
    for each in (system, EmotionSystem.from_pretrained(tmp_path / "system").train()):
        assert {name.split(".")[0] for name, p in each.named_parameters() if p.requires_grad} == {"head"}
        vectors = each.pool(**batch)
        assert torch.equal(vectors, each.pool(**batch)) and not vectors.requires_grad
        assert not torch.equal(each(**batch).logits, each(**batch).logits)


def test_spec_augment_is_an_option(checkpoints: dict[str, Path], save_checkpoint: Callable[..., Path]) -> None:
    """Off, training without dropout is deterministic; on, it masks, only in training, and the mask's vector learns."""
    plain, processor = built(checkpoints["hubert"], dropout=0.0)
    batch = processor(sounds())
    assert torch.equal(plain(**batch).logits, plain(**batch).logits)
    masking, _ = built(
        save_checkpoint("hubert", mask_time_prob=0.5, mask_time_length=3), dropout=0.0, spec_augment=True
    )
    output = masking(**batch, labels=LABELS)
    output.loss.backward()
    assert masking.audio.masked_spec_embed.grad.norm() > 0
    masking.eval()
    assert torch.equal(masking(**batch).logits, masking(**batch).logits)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # WavLM's layers, in the backward pass
def test_gradient_checkpointing_gives_the_same_gradients(checkpoints: dict[str, Path], bert: Path) -> None:
    """Layers computed twice, also those that ask for the batch's padding while they are."""
    for family in ("hubert", "wavlm-base"):
        system, processor = built(checkpoints[family], bert, dropout=0.0)
        twice = copy.deepcopy(system)
        twice.activation_checkpointing_enable()
        for each in (system, twice):
            each(**processor(sounds(), TEXTS), labels=LABELS).loss.backward()
        pairs = zip(system.parameters(), twice.parameters(), strict=True)
        assert all(torch.allclose(a.grad, b.grad, atol=1e-5) for a, b in pairs if a.grad is not None)


def test_bfloat16_training_has_a_finite_float32_loss(checkpoints: dict[str, Path], bert: Path) -> None:
    """Under autocast too, an estimate is about the same alone as in a padded batch."""
    system, processor = built(checkpoints["hubert"], bert, dropout=0.0)
    with torch.autocast("cpu", torch.bfloat16):
        output = system(**processor(sounds(), TEXTS), labels=LABELS)
        rows = [system(**processor([s], [t])).logits for s, t in zip(sounds(), TEXTS, strict=True)]
    output.loss.backward()
    assert output.loss.dtype == torch.float32 and torch.isfinite(output.loss)
    assert near(output.logits.float(), torch.cat(rows).float(), 0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_system_gives_the_same_bits(
    checkpoints: dict[str, Path], bert: Path, tmp_path: Path, family: str
) -> None:
    """save_pretrained, from_pretrained, safetensors, processor beside it; AutoModel knows it too."""
    system, processor = built(
        checkpoints[family], bert, scale=(1, 5), dimensions=["valence", "arousal"], fusion="concat"
    )
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file() and not list(tmp_path.glob("*.bin"))
    loaded, fed = EmotionSystem.from_pretrained(tmp_path), Processor.from_pretrained(tmp_path)
    expected = system.eval()(**processor(sounds(), TEXTS)).logits
    assert not loaded.training and torch.equal(loaded(**fed(sounds(), TEXTS)).logits, expected)
    assert torch.equal(AutoModel.from_pretrained(tmp_path)(**fed(sounds(), TEXTS)).logits, expected)
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, SystemConfig) and config.to_dict() == loaded.config.to_dict()
    assert (config.dimensions, config.scale, config.fusion) == (["valence", "arousal"], [1, 5], "concat")
    assert not any(p.requires_grad for p in loaded.audio.feature_extractor.parameters())
    assert {n for n, p in loaded.named_parameters() if p.requires_grad} == {
        n for n, p in system.named_parameters() if p.requires_grad
    }
    half = EmotionSystem.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    calm = EmotionSystem.from_pretrained(tmp_path, dropout=0.0).train()
    assert not any(module.p for module in calm.modules() if isinstance(module, nn.Dropout))


def test_what_an_encoder_reads_must_be_given(checkpoints: dict[str, Path], bert: Path) -> None:
    """No text for an audio-textual system, no audio, latents without lengths."""
    system, processor = built(checkpoints["hubert"], bert)
    cases = [("no-text", processor(sounds())), ("no-audio", processor(texts=TEXTS))]
    for code, given in [*cases, ("no-audio", {"latents": torch.zeros(1, 5, 16)})]:
        with pytest.raises(EncoderError) as caught:
            system(**given)
        assert caught.value.code == code


def test_impossible_configurations_are_refused(bert: Path, save_checkpoint: Callable[..., Path]) -> None:
    """No encoder, an unknown fusion, freezing what is not there, SpecAugment that masks nothing."""
    unmasked = save_checkpoint("hubert", mask_time_prob=0.0, mask_feature_prob=0.0)
    with pytest.raises(EncoderError) as caught:
        EmotionSystem(SystemConfig())
    assert caught.value.code == "no-encoder"
    cases: list[tuple[str, Path, dict[str, Any]]] = [
        ("fusion", bert, {"fusion": "product"}),
        ("freeze-absent", bert, {"freeze": ["audio"]}),
        ("freeze-absent", bert, {"freeze": ["tongue"]}),
        ("no-effect", bert, {"spec_augment": True}),
        ("no-effect", unmasked, {"spec_augment": True}),
    ]
    for code, folder, settings in cases:
        with pytest.raises(EncoderError) as caught:
            build_system(str(folder), **settings)
        assert caught.value.code == code


def test_the_command_offers_the_fusions_that_there_are() -> None:
    """The options load no torch, so they name the fusions themselves."""
    assert tuple(FUSIONS) == options.FUSIONS
