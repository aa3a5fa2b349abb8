"""A recogniser's folder is opened where what it lacks can be known otherwise, and refused before any work where not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models
from whisper import SAID, tone

from probing.asr.checkpoint import load_checkpoint
from probing.asr.recogniser import Recogniser
from probing.errors import ProbingError

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"


@pytest.fixture
def folder(whisper: Path, tmp_path: Path) -> Path:
    """A copy of the recogniser that knows two words, to be spoilt."""
    return Path(shutil.copytree(whisper, tmp_path / "spoilt"))


def say(file: str, **fields: Any) -> Callable[[Path], object]:
    """Write some fields of a JSON file anew, those of the feature extractor one floor below."""

    def spoil(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        content.get("feature_extractor", content).update(fields)
        (folder / file).write_text(json.dumps(content))

    return spoil


def without(file: str) -> Callable[[Path], object]:
    """Remove a file."""
    return lambda folder: (folder / file).unlink()


def halved(file: str) -> Callable[[Path], object]:
    """Keep the first half of a file."""
    return lambda folder: (folder / file).write_bytes(
        (folder / file).read_bytes()[: (folder / file).stat().st_size // 2]
    )


def pointer(file: str) -> Callable[[Path], object]:
    """Put a Git LFS pointer in a file's place."""
    return lambda folder: (folder / file).write_text(POINTER)


def weights(change: Callable[[str, torch.Tensor], torch.Tensor | None]) -> Callable[[Path], object]:
    """Change weights, or leave some out."""

    def spoil(folder: Path) -> None:
        changed = {key: change(key, value) for key, value in load_file(folder / "model.safetensors").items()}
        kept = {key: value for key, value in changed.items() if value is not None}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def renumbered(folder: Path) -> None:
    """Give it the tokenizer of a Whisper with one token more before Whisper's own."""
    content = json.loads((folder / "tokenizer.json").read_text())
    for token in content["added_tokens"]:
        token["id"] += 1
    own = {token["content"] for token in content["added_tokens"]}
    words = content["model"]["vocab"]
    content["model"]["vocab"] = {word: place + (word in own) for word, place in words.items()} | {"ab": 256}
    (folder / "tokenizer.json").write_text(json.dumps(content))


def of_another_kind(folder: Path) -> None:
    """Give it the tokenizer of a BERT."""
    Tokenizer(models.WordPiece({"[UNK]": 0, "low": 1, "high": 2}, unk_token="[UNK]")).save(
        str(folder / "tokenizer.json")
    )


GENERATION, PREPROCESSOR, TOKENIZER, WEIGHTS = (
    "generation_config.json",
    "processor_config.json",
    "tokenizer.json",
    "model.safetensors",
)
REFUSED = {
    "no config": (without("config.json"), "asr-unopened"),
    "no tokenizer": (without(TOKENIZER), "asr-tokenizer"),
    "half a tokenizer": (halved(TOKENIZER), "asr-tokenizer"),
    "a BERT's tokenizer": (of_another_kind, "asr-tokenizer"),
    "another Whisper's tokenizer": (renumbered, "asr-tokenizer"),
    "a tokenizer larger than the model": (say("config.json", vocab_size=300), "asr-tokenizer"),
    "no preprocessor": (without(PREPROCESSOR), "asr-unopened"),
    "another window": (say(PREPROCESSOR, chunk_length=30), "asr-foreign"),
    "other mel bands": (say(PREPROCESSOR, feature_size=80), "asr-foreign"),
    "half the generation settings": (halved(GENERATION), "damaged"),
    "an end of another number": (say(GENERATION, eos_token_id=7), "asr-tokenizer"),
    "a language of another number": (say(GENERATION, lang_to_id={"<|en|>": 7}), "asr-tokenizer"),
    "a list of languages": (say(GENERATION, lang_to_id=["en"]), "asr-settings"),
    "a token that there is not": (say(GENERATION, suppress_tokens=[10**6]), "asr-settings"),
    "tokens in words": (say(GENERATION, begin_suppress_tokens="none"), "asr-settings"),
    "a length in words": (say(GENERATION, max_length="long"), "asr-settings"),
    "a length below one": (say(GENERATION, max_length=-1), "asr-settings"),
    "pointer to weights": (pointer(WEIGHTS), "lfs-pointer"),
    "pointer to a tokenizer": (pointer(TOKENIZER), "lfs-pointer"),
    "pointer to settings": (pointer(GENERATION), "lfs-pointer"),
    "half the weights": (halved(WEIGHTS), "asr-unopened"),
    "no decoder": (weights(lambda key, value: None if "decoder.layers" in key else value), "asr-incomplete"),
    "weights that are no numbers": (weights(lambda _, value: value * torch.nan), "asr-not-finite"),
    "fewer positions than its weights": (say("config.json", max_target_positions=None), "asr-unopened"),
    "layers without end": (say("config.json", decoder_layers=10**9), "asr-unopened"),
}
OPENED = {
    "no generation settings": without(GENERATION),
    "null settings": say(
        GENERATION,
        **dict.fromkeys("lang_to_id task_to_id is_multilingual no_timestamps_token_id max_length eos_token_id".split()),
    ),
    "settings of another taste": say(
        GENERATION,
        num_beams=4,
        do_sample=True,
        temperature=2.0,
        return_dict_in_generate=True,
        forced_decoder_ids=[[1, 5], [2, 6]],
        no_speech_threshold=0.0,
        repetition_penalty=50.0,
        max_new_tokens=1,
    ),
    "a configuration of another taste": say(
        "config.json",
        return_dict=False,
        use_cache=None,
        forced_decoder_ids=[[1, 5], [3, 6]],
        torch_dtype="float16",
        attn_implementation="flash_attention_2",
        quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True},
        encoder_layerdrop=None,
    ),
}


@pytest.mark.parametrize(("spoil", "code"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together_is_refused(folder: Path, spoil: Callable[[Path], object], code: str) -> None:
    """One error with its code, which names the folder and says what to do."""
    spoil(folder)
    with pytest.raises(ProbingError) as caught:
        load_checkpoint(str(folder))
    assert caught.value.code == code and str(folder) in caught.value.what and caught.value.remedy


@pytest.mark.parametrize("spoil", OPENED.values(), ids=OPENED)
def test_what_can_be_known_otherwise_is_no_obstacle(folder: Path, spoil: Callable[[Path], object]) -> None:
    """It writes down what is said, and knows its languages."""
    spoil(folder)
    recogniser = Recogniser(str(folder))
    sounds = [tone(word, 1 + place / 3, 9000 + place) for place, word in enumerate(SAID[:3])]
    assert recogniser.transcribe(sounds) == SAID[:3]
    assert load_checkpoint(str(folder)).languages == ("de", "en")


@pytest.mark.parametrize("file", ["config.json", GENERATION, PREPROCESSOR, "tokenizer_config.json", TOKENIZER])
def test_no_file_names_code_that_is_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """Whatever names a class or a decoder of the folder's own: it opens without, or is refused, and nobody is asked."""
    marker = tmp_path / "marker"
    code = f"open({str(marker)!r}, 'w')\nclass Evil: pass\ndef generate(*_, **__): pass\n"
    (folder / "custom_generate").mkdir()
    for place in ("hostile.py", "custom_generate/generate.py"):
        (folder / place).write_text(code)
    kinds = ("AutoConfig", "AutoModel", "AutoModelForSpeechSeq2Seq", "AutoFeatureExtractor", "AutoProcessor")
    named = dict.fromkeys(kinds, "hostile.Evil") | {"AutoTokenizer": ["hostile.Evil", "hostile.Evil"]}
    say(file, auto_map=named, custom_generate=str(folder), processor_class="Evil")(folder)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked something"))
    try:
        Recogniser(str(folder))
    except ProbingError as error:
        assert error.remedy
    assert not marker.exists()
