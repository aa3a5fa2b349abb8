"""Where PyTorch computes."""

from __future__ import annotations

import pytest
import torch

from probing.encoders.device import settle_device
from probing.errors import EncoderError


def test_what_is_named_is_taken() -> None:
    """A device that PyTorch has is taken as it is named; any other is an error that names the option."""
    assert settle_device("cpu") == "cpu"
    for name in ("gpu", "cuda:99"):
        with pytest.raises(EncoderError) as caught:
            settle_device(name)
        assert caught.value.code == "device" and caught.value.what == f"--device {name}"


def test_each_process_of_a_machine_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchrun numbers the processes; without a GPU it is the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert settle_device(None) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert settle_device(None) == "cuda:0"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert settle_device(None) == "cuda:1"
