"""What feeds a system: normalised waveforms and tokens, kept in a folder and read back without running its code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_systems import TEXTS, built, sounds

from probing.errors import EncoderError, RunError
from probing.systems.inference import opened
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor


def test_one_encoder_alone_is_kept_too(checkpoints: dict[str, Path], bert: Path, tmp_path: Path) -> None:
    """A folder without text has no tokenizer, one without audio no feature extractor."""
    for place, folder in enumerate((checkpoints["distilhubert"], bert)):
        system, processor = built(folder)
        system.save_pretrained(tmp_path / str(place))
        processor.save_pretrained(tmp_path / str(place))
        fed = Processor.from_pretrained(tmp_path / str(place))
        assert (fed.audio is None, fed.text is None) == (place == 1, place == 0)
        loaded = EmotionSystem.from_pretrained(tmp_path / str(place))
        assert torch.equal(loaded(**fed(sounds(), TEXTS)).logits, system.eval()(**processor(sounds(), TEXTS)).logits)


def test_a_waveform_is_normalised_by_itself_and_padded_with_zeros(checkpoints: dict[str, Path]) -> None:
    """Each has mean 0 and variance 1 over its own samples, whatever its batch; another encoder's stays as it is."""
    _, processor = built(checkpoints["hubert"])
    batch = processor(sounds())
    for row, (sound, length) in enumerate(zip(sounds(), batch["lengths"], strict=True)):
        own = batch["input_values"][row, :length].numpy()
        assert length == len(sound) and not batch["input_values"][row, length:].any()
        np.testing.assert_allclose(own, (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7), atol=1e-4)
    _, processor = built(checkpoints["distilhubert"])
    assert torch.equal(processor(sounds()[:1])["input_values"][0], torch.from_numpy(sounds()[0]))


def test_a_transcript_that_is_too_long_is_an_error_or_truncated(bert: Path) -> None:
    """Special tokens count; what is longer than the encoder's maximum is never cut in silence."""
    _, processor = built(bert)
    assert processor.limit == 64 and processor.tokens("good " * 63) == 65
    assert processor(texts=["good " * 62])["input_ids"].shape == (1, 64)
    with pytest.raises(EncoderError) as caught:
        processor(texts=["good " * 63])
    assert caught.value.code == "transcript-too-long"
    processor.truncate = True
    assert processor(texts=["good " * 63])["input_ids"].shape == (1, 64)


def test_a_folder_of_version_0_1_0_is_read(checkpoints: dict[str, Path], bert: Path, tmp_path: Path) -> None:
    """The feature extractor stands in preprocessor_config.json, the tokenizer in its own files, as they always did."""
    system, processor = built(checkpoints["hubert"], bert)
    system.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"} < names
    assert "processor_config.json" not in names


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_received_folder_runs_no_code(
    checkpoints: dict[str, Path], bert: Path, tmp_path: Path, file: str, nested: bool
) -> None:
    """Whatever `auto_map` names is not imported: the folder opens without it, or is refused."""
    folder, marker = tmp_path / "received", tmp_path / "marker"
    system, processor = built(checkpoints["hubert"], bert)
    system.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "hostile.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
        "from transformers import BertModel as Evil, HubertConfig as EvilConfig\n"
    )
    kinds = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoFeatureExtractor", "AutoProcessor")
    auto_map = {kind: ["hostile.Evil", "hostile.Evil"] if kind == "AutoTokenizer" else "hostile.Evil" for kind in kinds}
    content = json.loads((folder / file).read_text())
    if nested and file != "config.json":
        # A class that transformers does not have: only the folder's own code could give it.
        content |= {"feature_extractor_type": "Evil", "tokenizer_class": "Evil", "processor_class": "Evil"}
    parts = [content["audio_config"], content["text_config"]] if nested and file == "config.json" else [content]
    for part in parts:
        part["auto_map"] = auto_map
    (folder / file).write_text(json.dumps(content))
    try:
        found, fed = opened(folder)
        assert found(**fed(sounds(), TEXTS)).logits.shape == (4, 3)
    except RunError as error:
        assert error.code == "run-incomplete"
    assert not marker.exists()
