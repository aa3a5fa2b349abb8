"""Systems by name: what they weigh, which weights they start from, and names that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from builders import save_text_encoder, waveform
from torch import Tensor
from transformers import AutoModel

from probing.errors import EncoderError
from probing.systems.build import SYSTEMS, build_system, count_parameters, kinds_of, parameter_table, parts_of


@pytest.mark.parametrize(("name", "millions"), zip(SYSTEMS, [165, 95, 24, 180, 109, 39], strict=True))
def test_the_six_systems_have_the_paper_s_parameters(name: str, millions: int) -> None:
    """Table 1, to the million; what does not learn is the front end and the masks' vector, counted here by hand."""
    total, trainable = count_parameters(name)
    assert round(total / 1e6) == millions
    large = "wav2vec2" in name
    kernels = (10, 3, 3, 3, 3, 2, 2)
    convolutions = sum(
        512 * (1 if first else 512) * kernel for kernel, first in zip(kernels, [True] + [False] * 6, strict=True)
    )
    norms_and_biases = 7 * 3 * 512 if large else 2 * 512
    assert total - trainable == convolutions + norms_and_biases + (1024 if large else 768)


def test_the_abstract_s_twenty_per_cent() -> None:
    """34.4 of 175.7 M trainable parameters."""
    small, large = (
        count_parameters("distilhubert+tinybert")[1],
        count_parameters("wav2vec2-large-robust-12+tinybert")[1],
    )
    assert (round(small / 1e6, 1), round(large / 1e6, 1)) == (34.4, 175.7)
    assert round(100 * small / large) == 20


def test_counts_are_those_of_the_built_system(checkpoints: dict[str, Path], bert: Path) -> None:
    """Counting allocates nothing and says what the parameters say, of any system."""
    name = f"{bert}+{checkpoints['wavlm-base']}"
    parameters = list(build_system(name)[0].parameters())
    counted = sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
    assert count_parameters(name) == count_parameters(f"{name}@random") == counted


def test_weights_are_the_checkpoints_and_the_seed_is_the_head_s(checkpoints: dict[str, Path], bert: Path) -> None:
    """Each encoder starts from its own checkpoint, `@random` says it of its part alone, order does not matter."""
    audio, text = checkpoints["hubert"], bert
    system, _ = build_system(f"{text}@random+{audio}")
    other, _ = build_system(f"{audio}+{text}@random", seed=1)
    plain = AutoModel.from_pretrained(audio).state_dict()
    assert all(torch.equal(plain[key], value) for key, value in system.audio.state_dict().items())
    assert system.config.encoders == other.config.encoders == "hubert+bert@random"
    assert not torch.equal(system.text.embeddings.word_embeddings.weight, embeddings(text))
    assert torch.equal(embeddings(text), build_system(str(text))[0].text.embeddings.word_embeddings.weight)
    assert all(torch.equal(a, b) for a, b in zip(system.text.parameters(), other.text.parameters(), strict=True))
    assert not torch.equal(system.head[1].weight, other.head[1].weight)
    again, _ = build_system(f"{audio}+{text}@random", seed=1)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), other.parameters(), strict=True))


def embeddings(folder: Path) -> Tensor:
    return AutoModel.from_pretrained(folder).embeddings.word_embeddings.weight


def test_the_paper_s_systems_are_built_offline_with_random_weights() -> None:
    """A preset with real sizes, its own preprocessing and a tokenizer that needs no download."""
    system, processor = build_system("distilhubert@random+tinybert@random")
    with torch.no_grad():
        logits = system.eval()(**processor([waveform(0.3, 0), waveform(0.5, 1)], ["one", "and two"])).logits
    assert logits.shape == (2, 3) and torch.isfinite(logits).all()
    parameters = list(system.parameters())
    assert (sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)) == (
        count_parameters("distilhubert+tinybert")
    )
    assert system.config.do_normalize is False and processor.audio is not None and not processor.audio.do_normalize


@pytest.mark.parametrize("name", ["", "a+b+c", "hubert-base+", "+tinybert"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    """One encoder or two, joined by one +."""
    for use in (build_system, count_parameters, kinds_of, parts_of):
        with pytest.raises(EncoderError) as caught:
            use(name)
        assert caught.value.code == "system-name"


def test_two_encoders_of_one_kind_are_refused(checkpoints: dict[str, Path], bert: Path) -> None:
    """The error names both and says what to join."""
    audio, text = checkpoints["hubert"], bert
    for kind, name in (("audio", f"{audio}+distilhubert@random"), ("text", f"tinybert@random+{text}")):
        with pytest.raises(EncoderError) as caught:
            build_system(name)
        assert caught.value.code == "system-kinds" and f"both {kind}" in str(caught.value)
    with pytest.raises(EncoderError) as caught:
        build_system(f"{audio}+tinybret")
    assert caught.value.code == "encoder-unknown" and "tinybert" in caught.value.remedy


def test_a_folder_with_a_plus_in_its_name_stands_alone(bert: Path, tmp_path: Path) -> None:
    """It is opened as the one folder that it is."""
    folder = save_text_encoder(tmp_path / "a+b")
    assert build_system(str(folder))[0].text is not None


def test_folders_are_named_by_their_absolute_paths(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record's names open the system from every directory; a preset's name stays one, whatever folder is there."""
    (tmp_path / "own").symlink_to(checkpoints["hubert"])
    (tmp_path / "tinybert").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parts_of("own@random+tinybert") == [f"{tmp_path / 'own'}@random", "tinybert"]
    assert parts_of("own@random:2+tinybert@random:0") == [f"{tmp_path / 'own'}@random:2", "tinybert@random"]
    with pytest.raises(EncoderError) as caught:
        parts_of("own@random:x+tinybert")
    assert caught.value.code == "random-seed"


def test_kinds_are_known_without_loading_weights(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Audio comes first, whatever the order in the name."""
    monkeypatch.setattr("probing.encoders.checkpoints._load", lambda *_: pytest.fail("weights were loaded"))
    assert kinds_of(f"{bert}+demo-hubert") == ("audio", "text")
    assert kinds_of(str(bert)) == ("text",) and kinds_of("demo-distilhubert") == ("audio",)


def test_the_table_of_parameters_has_a_row_for_each_system() -> None:
    """Table 1: totals to the million; the distilled system with text trains 34.4 of the largest's 175.7 M."""
    table = parameter_table()
    assert tuple(table.system) == SYSTEMS
    assert (table.parameters / 1e6).tolist() == pytest.approx([165, 95, 24, 180, 109, 39], abs=0.51)
    assert (table.trainable.iloc[-1] / 1e6, table.trainable.max() / 1e6) == pytest.approx((34.4, 175.7), abs=0.05)


def test_a_setting_that_there_is_not_is_refused(bert: Path) -> None:
    """A misspelt setting would otherwise be kept in the configuration, and change nothing."""
    with pytest.raises(TypeError, match="fusoin"):
        build_system(str(bert), fusoin="concat")
