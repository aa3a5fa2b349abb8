"""Text encoders: states of transcripts, batches, and the way from a table to fitted probes."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import KINDS, WORDS, save_text_encoder
from click.testing import CliRunner, Result
from transformers import (
    AutoModel,
    BertConfig,
    BertForPreTraining,
)

from probing.cache.reader import open_cache
from probing.cli.main import main
from probing.corpus.audit import require
from probing.corpus.opening import open_corpus
from probing.encoders.speech import open_encoder
from probing.encoders.text import TextEncoder
from probing.errors import CacheError, CorpusError, EncoderError
from probing.extraction.cost import ExtractOptions, estimate
from probing.extraction.extract import extract
from probing.extraction.inputs import scan_inputs

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


def write_table(folder: Path, texts: list[str | None], name: str = "said") -> Path:
    """A corpus without audio; valence is high where "good" is said."""
    rng = np.random.default_rng(0)
    partitions = ["train"] * 60 + ["development"] * 20 + ["test1"] * 20
    lines = ["id,partition,speaker,valence,text"]
    for number, text in enumerate(texts):
        valence = np.clip(0.5 + 0.4 * ((text or "").count("good") - (text or "").count("bad")), 0.05, 0.95)
        valence = round(float(np.clip(valence + rng.normal(0, 0.02), 0, 1)), 3)
        partition = partitions[number % 100]
        lines.append(f"t{number:03d},{partition},{partition[:2]}{number % 5},{valence},{'' if text is None else text}")
    table = folder / f"{name}.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def some_texts(count: int = 100) -> list[str | None]:
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(WORDS, rng.integers(2, 8))) for _ in range(count)]


def probe(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


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
    with pytest.raises(EncoderError, match="text encoder"):
        open_encoder(str(folders["bert"]), convolution=True)
    table = write_table(tmp_path, some_texts())
    result = probe("extract", table, "--encoder", folders["bert"], "--store", "latents", "--out", tmp_path / "cache")
    assert result.exit_code == 1 and "text encoder" in result.output and "frames or pooled" in result.output


# --- extraction


def test_the_cache_holds_each_transcript_s_states(folders: dict[str, Path], tmp_path: Path) -> None:
    """Frames are the tokens' states; pooled ones their mean and maximum; length and checksum are the text's."""
    texts = some_texts()
    texts[3] = texts[0]
    corpus = open_corpus(str(write_table(tmp_path, texts)))
    encoder = opened(folders["bert"])
    caches = {}
    for store in ("frames", "pooled"):
        path = extract(corpus, scan_inputs(corpus, encoder), encoder, ExtractOptions(store, "float32", root=tmp_path))
        assert path is not None
        caches[store] = open_cache(path)
    for row in (0, 3, 42):
        expected = encoder.states(texts[row] or "")
        place = caches["frames"].row[f"t{row:03d}"]
        assert caches["frames"].read(place, "states") == pytest.approx(expected, abs=1e-5)
        assert caches["frames"].audio[place] == zlib.crc32((texts[row] or "").encode())
        place = caches["pooled"].row[f"t{row:03d}"]
        assert caches["pooled"].read(place, "mean") == pytest.approx(expected.mean(0), abs=1e-5)
        assert caches["pooled"].read(place, "max") == pytest.approx(expected.max(0), abs=1e-5)


def test_a_changed_transcript_is_noticed(folders: dict[str, Path], tmp_path: Path) -> None:
    """Another word of the same length: extract refuses, verify names the utterance."""
    encoder, texts = opened(folders["bert"]), some_texts()
    corpus = open_corpus(str(write_table(tmp_path, texts)))
    extract(corpus, scan_inputs(corpus, encoder), encoder, ExtractOptions("pooled", root=tmp_path / "cache"))
    texts[7] = " ".join(["night"] * len((texts[7] or "").split()))
    table = write_table(tmp_path, texts)
    changed = open_corpus(str(table))
    with pytest.raises(CacheError, match=r"the text of 1 utterances is not what was extracted before \(t007\)"):
        extract(changed, scan_inputs(changed, encoder), encoder, ExtractOptions("pooled", root=tmp_path / "cache"))
    options = ("--encoder", folders["bert"], "--store", "pooled", "--out", tmp_path / "cache")
    result = probe("verify", table, *options)
    assert result.exit_code == 1 and "t007" in result.output


def test_a_table_without_audio_goes_from_text_to_fitted_probes(folders: dict[str, Path], tmp_path: Path) -> None:
    """extract, verify and fit need no audio; words that make valence are found by a random encoder."""
    table = write_table(tmp_path, some_texts())
    there = ("--encoder", folders["bert"])
    dry = probe("extract", table, *there, "--out", tmp_path / "cache", "--dry-run")
    assert dry.exit_code == 0 and "tokens" in dry.output and " h," not in dry.output, dry.output
    done = probe("extract", table, *there, "--store", "pooled", "--out", tmp_path / "cache")
    assert done.exit_code == 0, done.output
    assert not list((tmp_path / "cache").rglob("audio.json*"))  # nor does it wait for who decodes audio
    verified = probe("verify", table, *there, "--store", "pooled", "--out", tmp_path / "cache")
    assert verified.exit_code == 0, verified.output
    fitted = probe(
        "fit", table, *there, "--dim", "valence", "--cache", tmp_path / "cache", "--runs", tmp_path / "runs",
        "--lr", "0.01", "--layers", "both",
    )  # fmt: skip
    assert fitted.exit_code == 0, fitted.output
    scores = (next((tmp_path / "runs").rglob("scores.csv"))).read_text().splitlines()
    columns = scores[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in scores[1:]]
    best = {r["kind"]: float(r["ccc"]) for r in rows if r["partition"] == "test1"}
    assert best["weighted"] > 0.6 > best["shuffled"]


def test_a_missing_transcript_stops_before_any_work(folders: dict[str, Path], tmp_path: Path) -> None:
    """A corpus without texts is named with count and first ids."""
    table = tmp_path / "mute.csv"
    table.write_text("id,partition,speaker,valence\nx1,train,s,0.5\nx2,development,t,0.4\n")
    result = probe("extract", table, "--encoder", folders["bert"], "--out", tmp_path / "cache")
    assert result.exit_code == 1 and "2 have no transcript: x1, x2" in result.output
    assert not (tmp_path / "cache").exists()


def test_an_empty_transcript_is_extracted_and_counted(folders: dict[str, Path], tmp_path: Path) -> None:
    """It is none that is missing: it has the special tokens, and what is printed counts it."""
    texts = some_texts()
    transcripts = tmp_path / "heard.csv"
    heard = [f"t{number:03d},{text if number % 50 else ''}" for number, text in enumerate(texts)]
    transcripts.write_text("id,text\n" + "\n".join(heard) + "\n")
    corpus, encoder = open_corpus(str(write_table(tmp_path, texts)), transcripts=transcripts), opened(folders["bert"])
    require(corpus, text=True)
    scan, options = scan_inputs(corpus, encoder), ExtractOptions("frames", "float32", root=tmp_path / "cache")
    assert "tokens (2 transcripts are empty) → " in str(estimate(corpus, scan.samples, encoder, options))
    path = extract(corpus, scan, encoder, options)
    assert path is not None
    assert open_cache(path)["t050"] == pytest.approx(encoder.states(""), abs=1e-5)
    assert open_cache(path)["t050"].shape == (2, 4, 32)


def test_a_batch_of_text_that_does_not_fit_is_told_in_tokens(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory: the batch in tokens, and half of it as the option takes it, 0.02 s a token."""

    def full(self: TextEncoder, texts: list[str]) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(TextEncoder, "hidden_states", full)
    corpus, encoder = open_corpus(str(write_table(tmp_path, ["good good"] * 100))), opened(folders["bert"])
    options = ExtractOptions(batch_seconds=0.8, root=tmp_path / "cache")  # 40 tokens: ten texts of four
    with pytest.raises(CacheError, match=r"a batch of 40 tokens does not fit.*\n.*`--batch-seconds 0.4`"):
        extract(corpus, scan_inputs(corpus, encoder), encoder, options)


def test_a_transcript_that_is_too_long_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    """Count, first ids and the limit stand in the error."""
    texts = some_texts()
    texts[5] = "good " * 63
    corpus = open_corpus(str(write_table(tmp_path, texts)))
    for kind in KINDS:
        with pytest.raises(CorpusError, match=r"1 transcripts are too long \(t005\).*reads 64 tokens.* 65"):
            scan_inputs(corpus, opened(folders[kind]))
