"""What makes an encoder's answer exact and known: float32 without shortcuts, and a digest of its weights."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over the names, shapes and values of a model's weights."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        if key == "masked_spec_embed":  # used only to mask, never in a frozen forward pass
            continue
        digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class ExactFloat32:
    """Switch TF32 off for a forward pass on an NVIDIA GPU, where convolutions use it by default."""

    def __enter__(self) -> None:
        self._before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = self._before
