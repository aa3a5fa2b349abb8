"""HuBERT's masked prediction: which unit is spoken in the frames that the transformer does not hear?

Shape legend: B utterances · S samples · T frames · U units · D hidden size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import HubertConfig, HubertModel

TEMPERATURE = 0.1  # of the cosine similarities (HuBERT paper, equation 3)


class MaskedPrediction(nn.Module):
    """A HuBERT model that predicts units, masked ones and, with less weight, unmasked ones.

    Args:
        config: Of the HuBERT model.
        units: Number of units U.
        unmasked_weight: Weight of the unmasked frames' loss; 0 in the HuBERT paper.
        early_layer: Hidden state that predicts a second, acoustic target in all frames, or None.
        early_units: Number of the acoustic target's units.
        early_weight: Weight of its loss.
        hubert: A model to go on with, instead of a new one.
    """

    def __init__(
        self,
        config: HubertConfig,
        units: int,
        unmasked_weight: float = 0.0,
        early_layer: int | None = None,
        early_units: int = 0,
        early_weight: float = 0.0,
        hubert: HubertModel | None = None,
    ) -> None:
        super().__init__()
        self.hubert = hubert or HubertModel(config)
        self.unmasked_weight, self.early_layer, self.early_weight = unmasked_weight, early_layer, early_weight
        self.projection = nn.Linear(config.hidden_size, config.hidden_size)
        self.embeddings = nn.Parameter(torch.randn(units, config.hidden_size))
        self.early = nn.Linear(config.hidden_size, early_units) if early_layer is not None else None

    def heads(self) -> dict[str, Tensor]:
        """What is needed besides the model to predict units: `projection.*` and `embeddings`."""
        return {
            name: tensor.detach().contiguous()
            for name, tensor in self.state_dict().items()
            if name.startswith(("projection", "embeddings"))
        }

    def logits(self, states_BTD: Tensor) -> Tensor:
        """Cosine similarities [B, T, U] of frames and units over the temperature."""
        return normalize(self.projection(states_BTD), dim=-1) @ normalize(self.embeddings, dim=-1).T / TEMPERATURE

    def forward(
        self, input_values: Tensor, mask: Tensor, units: Tensor, early_units: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Loss and masked accuracy.

        Args:
            input_values: Waveforms [B, S], normalised, of equal length.
            mask: Frames [B, T] that the transformer does not hear.
            units: Targets [B, T].
            early_units: Acoustic targets [B, T].
        """
        output = self.hubert(input_values, mask_time_indices=mask, output_hidden_states=True)
        logits_BTU = self.logits(output.last_hidden_state)
        loss_BT = cross_entropy(logits_BTU.movedim(-1, 1), units, reduction="none")
        loss = loss_BT[mask].mean()
        if self.unmasked_weight:
            loss = loss + self.unmasked_weight * loss_BT[~mask].mean()
        if self.early is not None and early_units is not None:
            early_BTU = self.early(output.hidden_states[self.early_layer])
            loss = loss + self.early_weight * cross_entropy(early_BTU.movedim(-1, 1), early_units)
        with torch.no_grad():
            accuracy = (logits_BTU.argmax(-1) == units)[mask].float().mean()
        return {"loss": loss, "accuracy": accuracy}
