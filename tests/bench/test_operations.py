"""Parameters and operations are counted without weights: by hand for HuBERT base, and alike on meta and on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from probing.audio.decode import SAMPLE_RATE
from probing.bench import operations
from probing.bench.operations import size_of
from probing.bench.subjects import Subject, subjects_of
from probing.encoders.spec import EncoderSpec
from probing.errors import EncoderError
from probing.exactness.checkpoints import save_small
from probing.systems.build import build_system, count_parameters


def of_hubert(seconds: float, width: int = 768, layers: int = 12, inside: int = 3072) -> int:
    """FLOP of a HuBERT of base's front end, by hand: two for each product that is summed."""
    frames, channels, found = round(seconds * SAMPLE_RATE), 1, 0
    for kernel, stride in ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)):
        frames = (frames - kernel) // stride + 1
        found += 2 * frames * kernel * channels * 512
        channels = 512
    found += 2 * frames * channels * width
    found += 2 * (frames + 1) * 128 * (width // 16) * width  # positional convolution, of an even kernel
    projections, attention = 4 * 2 * frames * width**2, 2 * 2 * frames**2 * width
    return found + layers * (projections + attention + 2 * 2 * frames * width * inside)


def test_operations_are_those_counted_by_hand() -> None:
    """Of HuBERT base, from its known configuration: 13.8 and 14.4 GFLOP for a second of audio, as FACTS has them."""
    size = size_of(Subject(EncoderSpec("hubert-base")), (1.0, 5.7))
    assert size.operations == {seconds: of_hubert(seconds) for seconds in (1.0, 5.7)}
    assert [round(size.operations[s] / s / 1e9, 1) for s in (1.0, 5.7)] == [13.8, 14.4]
    assert (size.name, size.kind, size.parameters) == ("hubert-base", "encoder", 94_371_712)
    assert size.bytes == 4 * size.parameters and not size.measured


def test_a_system_is_its_encoders_and_a_head() -> None:
    """Parameters are those of Table 1, and operations those of both encoders and of each weight of the head."""
    names = ("demo-distilhubert+demo-tinybert", "demo-distilhubert", "demo-tinybert")
    both, audio, text = (size_of(*subjects_of([name]), (2.0,)) for name in names)
    with torch.device("meta"):
        head = build_system("demo-distilhubert@random+demo-tinybert@random")[0].head
    weights = sum(layer.weight.numel() for layer in head if isinstance(layer, torch.nn.Linear))
    assert both.operations[2.0] == audio.operations[2.0] + text.operations[2.0] + 2 * weights
    assert [one.input for one in (both, audio, text)] == ["audio+text", "audio", "text"] and both.window is None
    assert both.parameters == count_parameters(names[0])[0] and both.kind == "system"
    (alone,) = subjects_of([names[1]], systems=True)
    assert size_of(alone, (2.0,)).name == "demo-distilhubert (system)"


def test_operations_on_meta_are_those_of_a_cpu(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of families that run there, attention included, which on a CPU is one fused kernel."""
    folders = [checkpoints["hubert"], *(save_small(tmp_path / name, name) for name in ("whisper", "bert"))]
    counted, devices = operations._counted, []

    def on(device: str) -> Callable[..., int]:
        def count(config: object, inputs: object, asked: str, name: str) -> int:
            devices.append(asked)
            return counted(config, inputs, device, name)  # type: ignore[arg-type]

        return count

    found = []
    for device in ("meta", "cpu"):
        monkeypatch.setattr(operations, "_counted", on(device))
        found.append([size_of(*subjects_of([str(folder)]), (0.4,)).operations[0.4] for folder in folders])
    assert found[0] == found[1] and min(found[0]) > 0 and set(devices) == {"meta"}


def test_a_model_that_asks_for_its_numbers_is_counted_too(tmp_path: Path) -> None:
    """DeBERTa, which meta cannot run: at least the products of its layers' weights with every token."""
    folder = save_small(tmp_path / "deberta", "deberta-v2")
    size = size_of(*subjects_of([str(folder)]), (1.0,))
    assert size.operations[1.0] > 2 * 6 * 3 * (4 * 32 * 32 + 2 * 32 * 64)


def test_a_shorter_window_takes_fewer_operations(tmp_path: Path) -> None:
    """A Whisper computes its whole window, however short the utterance; another encoder has none."""
    folder = str(save_small(tmp_path / "w", "whisper"))
    whole, short = (size_of(*subjects_of([folder], window=window), (0.4, 0.8)) for window in (None, 1.0))
    assert whole.operations[0.4] == whole.operations[0.8] > short.operations[0.4] == short.operations[0.8]
    assert short.name == f"{whole.name}-window1" and whole.window != short.window == 1.0
    with pytest.raises(EncoderError) as refused:
        size_of(*subjects_of(["demo-hubert"], window=1.0), (0.4,))
    assert refused.value.code == "window"


def test_fewer_layers_are_counted_as_such() -> None:
    """By the formula, of HuBERT base cut to 3 of 12 layers."""
    size = size_of(*subjects_of(["hubert-base"], layers=3), (1.0,))
    assert (size.name, size.operations[1.0]) == ("hubert-base-layers3", of_hubert(1.0, layers=3))
