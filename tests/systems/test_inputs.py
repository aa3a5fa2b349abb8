"""A corpus made ready for a system: from its sound files, from cached latents, or as text alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from segmented import joined
from small_systems import built

from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.errors import CacheError, CorpusError
from probing.extraction.extract import extract
from probing.systems.inputs import feed, find_latents, latents_command, token_counts


@pytest.fixture(scope="module")
def checked(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The small corpus, decoded and with its words."""
    return check_corpus(
        CorpusSpec.resolve(str(table)), Needs(audio=True, text=True), cache=tmp_path_factory.mktemp("c")
    )


def test_latents_give_the_estimates_of_sound_files(
    checked: Checked, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """The cache that is found is that of the system's audio encoder, the float32 one before the float16 one."""
    folder = checkpoints["wav2vec2-layer"]
    system, processor = built(folder)
    system.eval()
    assert find_latents(checked, str(folder), tmp_path) is None
    half = extract(checked.spec, str(folder), store="latents", cache=tmp_path)
    found = find_latents(checked, str(folder), tmp_path)
    assert found is not None and found.path == half.path
    extract(checked.spec, str(folder), store="latents", dtype="float32", cache=tmp_path)
    cache = find_latents(checked, str(folder), tmp_path)
    assert cache is not None and cache.layout.dtype == "float32"
    sources = feed(checked, ["arousal"], processor), feed(checked, ["arousal"], processor, cache)
    assert sources[0].lengths == sources[1].lengths and sources[1].latents is cache and sources[0].latents is None
    batches = [source.collate([source.items[place] for place in (0, 9, 30)]) for source in sources]
    assert "latents" in batches[1] and "input_values" not in batches[1]
    outputs = []
    for batch in batches:
        del batch["places"], batch["labels"]
        with torch.no_grad():
            outputs.append(system(**batch).logits)
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=0)


def test_latents_of_some_utterances_are_refused_with_the_command_that_adds_the_others(
    checked: Checked, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """Half a corpus would be trained on; the command names the corpus, the encoder and the cache's folder."""
    folder = checkpoints["hubert"]
    extract(checked.spec, str(folder), store="latents", cache=tmp_path, partitions=("train",))
    with pytest.raises(CacheError) as caught:
        find_latents(checked, str(folder), tmp_path)
    assert caught.value.code == "cache-incomplete"
    command = latents_command(checked, str(folder), tmp_path)
    assert command is not None and command in caught.value.remedy
    assert str(folder) in command and f"--cache {tmp_path}" in command and "--store latents" in command


def test_a_system_that_takes_text_alone_has_no_latents(checked: Checked, bert: Path, tmp_path: Path) -> None:
    """There is nothing to find, and no command that would make it; lengths are in tokens."""
    assert find_latents(checked, str(bert), tmp_path) is None and latents_command(checked, str(bert), tmp_path) is None
    source = feed(checked, ["valence"], built(bert)[1])
    assert set(source.lengths) == {4} and "sound" not in source.items[0]  # two words between two special tokens


def test_noise_changes_what_is_fed_and_is_the_same_again(checked: Checked, checkpoints: dict[str, Path]) -> None:
    """The same utterance gets the same noise, whoever asks."""
    _, processor = built(checkpoints["hubert"])
    clean, noisy, again = (feed(checked, ["arousal"], processor, snr=snr).items[3]["sound"] for snr in (None, 5, 5))
    np.testing.assert_array_equal(noisy, again)
    assert len(clean) == len(noisy) and not np.allclose(clean, noisy, atol=1e-3)


def test_segments_are_fed_as_files_are(
    checked: Checked, table: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """Clean and with noise, in any order."""
    spec = CorpusSpec.resolve(str(joined(table, tmp_path / "long")))
    long = check_corpus(spec, Needs(audio=True, text=True), cache=tmp_path)
    _, processor = built(checkpoints["hubert"])
    for snr in (None, 5):
        files, parts = (feed(one, ["arousal"], processor, snr=snr) for one in (checked, long))
        assert files.lengths == parts.lengths
        for place in (31, 4, 17, 4, 0):
            np.testing.assert_array_equal(files.items[place]["sound"], parts.items[place]["sound"])


def test_long_transcripts_are_counted_and_truncated_only_if_told_so(
    checked: Checked, checkpoints: dict[str, Path], bert: Path
) -> None:
    """The names of those concerned are kept, for the record."""
    utterances = [replace(u, text="good " * 63) if u.id in ("u03", "u20") else u for u in checked.corpus.utterances]
    long = replace(checked, corpus=replace(checked.corpus, utterances=tuple(utterances)))
    _, processor = built(checkpoints["hubert"], bert)
    assert token_counts(long.corpus, processor)["u03"] == 65
    with pytest.raises(CorpusError) as caught:
        feed(long, ["arousal"], processor)
    assert caught.value.code == "transcript-too-long" and "u20" in caught.value.what
    processor.truncate = True
    assert feed(long, ["arousal"], processor).truncated == ("u03", "u20")
