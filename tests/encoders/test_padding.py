from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from builders import CHECKPOINTS, LENGTHS, SMALL, configurations, small_model, waveform
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import group_norm

from probing.encoders.padding import MaskedGroupNorm, Padding, count_frames, keep_padding_out

CPU = torch.device("cpu")
FRAMES = st.lists(st.integers(2, 30), min_size=1, max_size=5)  # PyTorch normalises no single value


def rubbish_behind(rows: list[torch.Tensor]) -> torch.Tensor:
    """One batch of rows [C, T] of different T, with large numbers as padding."""
    batch = torch.full((len(rows), len(rows[0]), max(row.shape[-1] for row in rows)), 1e4)
    for row, filled in zip(rows, batch, strict=True):
        filled[:, : row.shape[-1]] = row
    return batch


def told(lengths: list[int]) -> Padding:
    """Padding whose every count of frames is the given length."""
    padding = Padding([(1, 1)])
    padding.set(lengths, CPU)
    return padding


@settings(max_examples=30, deadline=None)
@given(FRAMES)
def test_group_norm_takes_its_statistics_over_own_frames(lengths: list[int]) -> None:
    """Whatever stands in the padding, each utterance is normalised as PyTorch normalises it alone."""
    rows = [3 + 2 * torch.randn(4, length, generator=torch.Generator().manual_seed(length)) for length in lengths]
    stock = nn.GroupNorm(4, 4).requires_grad_(False)
    stock.weight.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0]))
    stock.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
    normed = MaskedGroupNorm(stock, told(lengths))(rubbish_behind(rows))
    for row, result in zip(rows, normed, strict=True):
        alone = group_norm(row[None], 4, stock.weight, stock.bias)[0]
        torch.testing.assert_close(result[:, : row.shape[-1]], alone, rtol=1e-5, atol=2e-5)


def test_gradients_pass_group_norm() -> None:
    """A front end may learn: a padded batch has each utterance's own gradients, and the padding has none."""
    rows = [torch.randn(4, length, generator=torch.Generator().manual_seed(length)) for length in (9, 5, 12)]
    norm = MaskedGroupNorm(nn.GroupNorm(4, 4), told([9, 5, 12]))
    batch_BCT = rubbish_behind(rows).requires_grad_()
    norm(batch_BCT).square().cumsum(-1).sum().backward()
    found = [norm.weight.grad, *batch_BCT.grad]
    weight = nn.Parameter(torch.ones(4))
    for row, gradient in zip(rows, found[1:], strict=True):
        alone = row[None].clone().requires_grad_()
        padded = nn.functional.pad(group_norm(alone, 4, weight), (0, 12 - row.shape[-1]))
        padded.square().cumsum(-1).sum().backward()
        torch.testing.assert_close(gradient[:, : row.shape[-1]], alone.grad[0])
        assert not gradient[:, row.shape[-1] :].any()
    torch.testing.assert_close(found[0], weight.grad)


def test_without_padding_group_norm_is_pytorchs() -> None:
    """A batch of equal lengths gives bit for bit what PyTorch's own layer gives."""
    stock, x_BCT = nn.GroupNorm(4, 4), torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(MaskedGroupNorm(stock, told([9, 9, 9]))(x_BCT), stock(x_BCT))


def test_group_norm_over_several_channels_is_refused() -> None:
    """Statistics over groups of channels are not what these front ends use, and not implemented."""
    with pytest.raises(ValueError, match="4 channels in 2 groups"):
        MaskedGroupNorm(nn.GroupNorm(2, 4), Padding([]))


@settings(max_examples=30, deadline=None)
@given(FRAMES, st.integers(1, 12))
def test_a_silenced_convolution_sees_zeros_behind_the_end(lengths: list[int], kernel: int) -> None:
    """A convolution that pads its ends with zeros gives each utterance what it gives it alone."""
    layer = nn.Conv1d(3, 3, kernel, padding=kernel // 2).requires_grad_(False)
    rows = [torch.randn(3, length, generator=torch.Generator().manual_seed(length)) for length in lengths]
    alone = [layer(row[None])[0] for row in rows]
    layer.register_forward_pre_hook(told(lengths).silence)
    for row, result, expected in zip(rows, layer(rubbish_behind(rows)), alone, strict=True):
        kept = row.shape[-1]  # an even kernel gives one frame more, which the models cut off
        torch.testing.assert_close(result[:, :kept], expected[:, :kept], rtol=1e-5, atol=1e-5)


def test_rubbish_that_is_no_number_is_silenced_too() -> None:
    """Padding may hold inf or nan, and an utterance's own frames and the caller's batch stay what they are."""
    batch = torch.ones(2, 1, 3)
    batch[0, 0, 1:] = torch.tensor([float("nan"), float("inf")])
    silenced = told([1, 3]).silence(nn.Identity(), (batch,))
    assert silenced is not None and silenced[0].tolist() == [[[1, 0, 0]], [[1, 1, 1]]]
    assert batch[0, 0, 1].isnan()


def test_a_batch_is_forgotten_with_the_next() -> None:
    """What was announced for one batch does not touch the next one."""
    padding = told([1, 3])
    padding.set([3], CPU)
    assert padding.silence(nn.Identity(), (torch.ones(1, 1, 5),)) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=4), st.integers(300, 1000))
def test_frames_are_counted_as_convolutions_leave_them(convolutions: list[tuple[int, int]], samples: int) -> None:
    """The count is the length that PyTorch's convolutions give."""
    x_BCT = torch.zeros(1, 1, samples)
    for kernel, stride in convolutions:
        x_BCT = nn.Conv1d(1, 1, kernel, stride)(x_BCT)
    assert count_frames(samples, convolutions) == x_BCT.shape[-1]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_weights_stay_the_same_objects_under_the_same_names(name: str) -> None:
    """What keeps padding out is no weight: a model's state, and with it a cache's fingerprint, stays as it was."""
    model_type, config, _ = CHECKPOINTS[name]
    model = small_model(model_type, {**SMALL, **config})
    before: dict[str, Any] = {key: value.data_ptr() for key, value in model.state_dict().items()}
    keep_padding_out(model)
    assert {key: value.data_ptr() for key, value in model.state_dict().items()} == before


@pytest.mark.parametrize("name", ["hubert", "wav2vec2-layer"])
def test_a_front_end_gives_one_after_another_what_it_gives_of_a_padded_batch(name: str) -> None:
    """The two ways of a CPU and of a GPU agree on every utterance's own frames, and both announce the batch."""
    model_type, config, _ = CHECKPOINTS[name]
    model = small_model(model_type, {**SMALL, **config}).double()
    padding, lengths = keep_padding_out(model), [4_000, 9_000, 6_500]
    waveforms = [torch.from_numpy(10 * waveform(1.0, row)[:length]) for row, length in enumerate(lengths)]
    batch_BS = nn.utils.rnn.pad_sequence(waveforms, batch_first=True).double()
    with torch.no_grad():
        apart_BTC = padding.convolved(model.feature_extractor, batch_BS, lengths)
        assert padding.silence(nn.Identity(), (apart_BTC.transpose(1, 2),)) is not None
        together_BTC = model.feature_extractor(batch_BS).transpose(1, 2)
    assert apart_BTC.shape == together_BTC.shape
    convolutions = list(zip(model.config.conv_kernel, model.config.conv_stride, strict=True))
    for row, length in enumerate(lengths):
        own = count_frames(length, convolutions)
        torch.testing.assert_close(apart_BTC[row, :own], together_BTC[row, :own], rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@settings(max_examples=60, deadline=None)
@given(configurations(narrow=True), LENGTHS, st.integers(0, 999))
def test_no_padding_reaches_an_utterance(drawn: tuple[str, dict[str, Any]], lengths: list[int], seed: int) -> None:
    """In float64, where rounding hides nothing, a padded batch gives every utterance the states it gets alone."""
    stock = small_model(*drawn, seed).double()
    model = deepcopy(stock)
    padding = keep_padding_out(model)
    waveforms = [torch.from_numpy(10 * waveform(1.0, seed + row)[:length]) for row, length in enumerate(lengths)]
    batch_BS = nn.utils.rnn.pad_sequence(waveforms, batch_first=True).double()
    mask_BS = torch.arange(batch_BS.shape[1]) < torch.tensor(lengths)[:, None]
    padding.set(lengths, CPU)
    with torch.no_grad():
        together = model(batch_BS, attention_mask=mask_BS.long(), output_hidden_states=True)
        for row, samples in enumerate(waveforms):
            alone = stock(samples[None].double(), output_hidden_states=True)
            for ours_BTD, truth_BTD in zip(
                (*together.hidden_states, together.last_hidden_state),
                (*alone.hidden_states, alone.last_hidden_state),
                strict=True,
            ):
                error_TD = ours_BTD[row, : truth_BTD.shape[1]] - truth_BTD[0]
                assert float(error_TD.norm() / truth_BTD.norm()) < 1e-10
