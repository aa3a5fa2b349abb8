"""Text encoders: states of transcripts, batches, and the way from a table to fitted probes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import KINDS, WORDS, save_text_encoder
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertForPreTraining,
)

from probing.encoders.families import EXACT_TEXT
from probing.encoders.opening import open_encoder
from probing.encoders.text import TextEncoder
from probing.errors import EncoderError

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
SENTENCES = ["the good day", "", "bad", "very very good night a bad day the night", "a day"]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_text_encoder(tmp_path_factory.mktemp("text") / kind, kind) for kind in KINDS}


def opened(folder: Path) -> TextEncoder:
    encoder = open_encoder(str(folder))
    assert isinstance(encoder, TextEncoder)
    return encoder


def opened_random(folder: Path) -> np.ndarray:
    return open_encoder(f"{folder}@random").states("a good day")


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_transformers_model_run_on_one_text_alone(folders: dict[str, Path], kind: str) -> None:
    """Every layer of every transcript in a padded batch equals the plain model's answer, to 1e-5."""
    encoder = opened(folders[kind])
    states_BNLD, counts = encoder.hidden_states(SENTENCES)
    model = AutoModel.from_pretrained(folders[kind]).eval()
    vocabulary = encoder._tokenizer.get_vocab()
    for text, states_NLD, count in zip(SENTENCES, states_BNLD, counts, strict=True):
        ids = [vocabulary[word] for word in ("[CLS]", *text.split(), "[SEP]")]
        assert count == len(ids) == encoder.tokens(text)
        with torch.no_grad():
            alone = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        for layer, expected in enumerate(alone):
            error = (states_NLD[:count, layer] - expected[0]).norm() / expected.norm()
            assert error < 1e-5
    assert encoder.n_states == 4 and encoder.width == 32 and states_BNLD.shape[2:] == (4, 32)


def test_every_family_that_is_batched_is_tried() -> None:
    """What is said to have exact batches is what the test above tries."""
    assert set(EXACT_TEXT) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_transcript_as_long_as_the_limit_is_read(folders: dict[str, Path], kind: str) -> None:
    """Where positions begin behind the padding's number there are fewer of them than the embedding has rows."""
    encoder = opened(folders[kind])
    assert encoder.limit == 64 and len(encoder.states("good " * 62)) == 64
    with pytest.raises(EncoderError) as caught:
        encoder.states("good " * 63)
    assert caught.value.code == "transcript-too-long"


@pytest.mark.parametrize("kind", ["fnet", "convbert", "data2vec-text"])
def test_a_family_of_unknown_exactness_reads_one_transcript_at_a_time(tmp_path: Path, kind: str) -> None:
    """It opens, says so, and gives each transcript what transformers gives it alone."""
    encoder = opened(save_text_encoder(tmp_path / kind, kind))
    together, counts = encoder.hidden_states(SENTENCES)
    assert encoder.alone and "one transcript at a time" in encoder.notes([3])[0]
    model = AutoModel.from_pretrained(tmp_path / kind).eval()
    vocabulary = encoder._tokenizer.get_vocab()
    for text, states_NLD, count in zip(SENTENCES, together, counts, strict=True):
        ids = [vocabulary[word] for word in ("[CLS]", *text.split(), "[SEP]")]
        with torch.no_grad():
            alone = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        assert count == len(ids)
        torch.testing.assert_close(states_NLD[:count], torch.stack(alone, dim=2)[0], rtol=0, atol=0)


def test_a_sentence_transformers_folder_opens_as_the_model_in_it(folders: dict[str, Path], tmp_path: Path) -> None:
    """Its modules, pooling and longest sequence say nothing about states; the model and its tokenizer do."""
    folder = Path(shutil.copytree(folders["bert"], tmp_path / "sentences"))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "Transformer"}]')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 8, "do_lower_case": false}')
    assert opened(folder).identity == opened(folders["bert"]).identity and opened(folder).limit == 64


def test_what_settles_an_answer_is_in_the_identity(folders: dict[str, Path], tmp_path: Path) -> None:
    """Other weights, another vocabulary and pruning change it, a copy does not."""
    identity = opened(folders["bert"]).identity
    assert opened(Path(shutil.copytree(folders["bert"], tmp_path / "copy"))).identity == identity
    used = opened(folders["bert"])
    used.hidden_states(SENTENCES)
    shutil.copytree(folders["bert"], tmp_path / "used")
    used._tokenizer.save_pretrained(tmp_path / "used")  # with what the last batch asked for
    assert opened(tmp_path / "used").identity == identity
    swapped = save_text_encoder(tmp_path / "swapped", words=(*WORDS[1:], WORDS[0]))
    shutil.copy(folders["bert"] / "model.safetensors", swapped / "model.safetensors")
    assert {key for key in identity if opened(swapped).identity[key] != identity[key]} == {"tokenizer"}
    assert opened(save_text_encoder(tmp_path / "other", seed=3)).identity["weights"] != identity["weights"]
    assert open_encoder(str(folders["bert"]), layers=2).n_states == 3


@pytest.mark.parametrize(
    ("kind", "option", "value"), [("bert", "is_decoder", True), ("distilbert", "activation", "relu")]
)
def test_an_option_that_changes_states_changes_the_identity(
    folders: dict[str, Path], tmp_path: Path, kind: str, option: str, value: object
) -> None:
    """Weights and tokenizer are the same, the states are not: neither is the identity."""
    plain, copy = opened(folders[kind]), Path(shutil.copytree(folders[kind], tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {option: value}))
    other = opened(copy)
    assert np.abs(other.states("a good day") - plain.states("a good day")).max() > 1e-3
    assert {key for key in plain.identity if plain.identity[key] != other.identity[key]} == {"architecture"}


def test_a_folder_as_tinybert_s_authors_published_it_opens(tmp_path: Path) -> None:
    """A .bin of a pre-training head with weights that no BERT has, and vocab.txt alone; text is lowered, cut to pieces.

    With random weights the tokenizer is the folder's too.
    """
    pieces = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "day", "##s")
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    published = BertForPreTraining(BertConfig(vocab_size=len(pieces), **shape)).eval()
    torch.save(published.state_dict() | {"fit_denses.0.weight": torch.zeros(3, 3)}, tmp_path / "pytorch_model.bin")
    described = {"model_type": "bert", "cell": {}, "emb_size": 32, "structure": [], "vocab_size": len(pieces), **shape}
    (tmp_path / "config.json").write_text(json.dumps(described))
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    with torch.no_grad():
        alone = published.bert(torch.tensor([[2, 5, 6, 7, 1, 3]]), output_hidden_states=True).hidden_states
    states_NLD = opened(tmp_path).states("Good DAYS \N{SNOWMAN}")
    assert states_NLD == pytest.approx(torch.stack(alone, dim=2)[0].numpy(), abs=1e-5)
    random = open_encoder(f"{tmp_path}@random")
    assert isinstance(random, TextEncoder) and random.tokens("Good DAYS") == 5
    assert random.identity["tokenizer"] == opened(tmp_path).identity["tokenizer"]


def test_tinybert_with_random_weights_reads_letters_offline() -> None:
    """The preset has TinyBERT's size; without its vocabulary every ASCII text falls into letters, none unknown."""
    encoder = open_encoder("tinybert@random")
    assert isinstance(encoder, TextEncoder)
    assert (encoder.n_states, encoder.width, encoder.limit) == (5, 312, 512)
    assert encoder.tokens("Hello, you!") == 2 + len("hello,you!")
    assert encoder.tokens("naïve ☃ 日本") == 2 + len("naive") + 3  # [UNK] stands for what is no letter
    assert sum(p.numel() for p in encoder._model.parameters()) == 14_350_248 - 312 * 313  # less the pooler
    assert np.array_equal(encoder.states("hello"), open_encoder("tinybert@random").states("hello"))


def test_half_precision_weights_are_computed_in_float32(folders: dict[str, Path], tmp_path: Path) -> None:
    """A checkpoint in float16 gives float32 states, near those of the full one."""
    AutoModel.from_pretrained(folders["bert"]).half().save_pretrained(tmp_path / "half")
    for file in folders["bert"].glob("tokenizer*"):
        shutil.copy(file, tmp_path / "half")
    half, full = (opened(f).states("a good day") for f in (tmp_path / "half", folders["bert"]))
    assert half.dtype == np.float32 and 0 < np.abs(half - full).max() < 0.05
    random = [opened_random(f) for f in (tmp_path / "half", folders["bert"])]
    assert random[0].dtype == np.float32 and np.array_equal(*random)


def test_what_only_speech_has_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """State C and latents are of the waveform."""
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(folders["bert"]), convolution=True)
    assert caught.value.code == "convolution"


def edited(folder: Path, file: str, **changes: object) -> None:
    """Change what one of a folder's JSON files says."""
    found = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(found | changes))


def with_number(folder: Path, number: int) -> None:
    """Give a word of the vocabulary a number that the model has no embedding for."""
    rules = json.loads((folder / "tokenizer.json").read_text())
    rules["model"]["vocab"]["good"] = number
    (folder / "tokenizer.json").write_text(json.dumps(rules))


@pytest.mark.parametrize(
    ("kind", "damage", "code"),
    [
        ("bert", lambda f: edited(f, "tokenizer_config.json", pad_token=None), "encoder-incomplete"),
        ("bert", lambda f: edited(f, "tokenizer_config.json", model_max_length="512"), "encoder-incomplete"),
        ("bert", lambda f: edited(f, "tokenizer_config.json", model_max_length=0), "encoder-foreign"),
        ("bert", lambda f: edited(f, "tokenizer.json", version="9.0"), "encoder-unopened"),
        ("bert", lambda f: with_number(f, 1000), "encoder-incomplete"),
        ("bert", lambda f: (f / "tokenizer.json").write_text("[" * 100_000), "encoder-unopened"),
        ("bert", lambda f: edited(f, "config.json", pad_token_id=10**9), "encoder-unopened"),
        ("roberta", lambda f: edited(f, "config.json", pad_token_id=-2), "encoder-foreign"),
        ("longformer", lambda f: edited(f, "config.json", attention_window=3), "encoder-unopened"),
    ],
)
def test_a_text_encoder_that_cannot_be_run_is_refused_when_it_is_opened(
    folders: dict[str, Path], tmp_path: Path, kind: str, damage: Callable[[Path], None], code: str
) -> None:
    """Not with the first transcript, and never by the error of a library."""
    folder = Path(shutil.copytree(folders[kind], tmp_path / kind))
    damage(folder)
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(folder))
    assert caught.value.code == code and caught.value.why and caught.value.remedy


def test_layers_that_give_no_state_each_are_refused(tmp_path: Path) -> None:
    """An ALBERT may have several attentions in a layer, of which transformers shows every one."""
    model = AutoModel.from_config(AutoConfig.for_model("albert", vocab_size=20, inner_group_num=2, **SHAPE))
    model.save_pretrained(save_text_encoder(tmp_path / "albert", "albert"))
    with pytest.raises(EncoderError) as caught:
        open_encoder(str(tmp_path / "albert"))
    assert caught.value.code == "encoder-foreign" and "layers" in caught.value.why


@pytest.mark.parametrize(("kind", "field"), [("bert", "hidden_act"), ("electra", "layer_norm_eps")])
def test_a_null_in_place_of_a_setting_is_the_usual_one(
    folders: dict[str, Path], tmp_path: Path, kind: str, field: str
) -> None:
    """The tokenizer, which reads the configuration too, does not stumble over it."""
    folder = Path(shutil.copytree(folders[kind], tmp_path / kind))
    edited(folder, "config.json", **{field: None})
    assert opened(folder).identity == opened(folders[kind]).identity


def test_a_tokenizer_that_names_no_mask_is_padded_exactly(folders: dict[str, Path], tmp_path: Path) -> None:
    """What it gives a model of its own accord does not matter."""
    folder = Path(shutil.copytree(folders["roberta"], tmp_path / "roberta"))
    edited(folder, "tokenizer_config.json", model_input_names=["input_ids"], padding_side="left")
    states_BNLD, _ = opened(folder).hidden_states(SENTENCES)
    torch.testing.assert_close(states_BNLD, opened(folders["roberta"]).hidden_states(SENTENCES)[0], rtol=0, atol=0)
