"""What is kept of one utterance's hidden states."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probing.errors import CacheError
from probing.extraction.pooling import summarise


def test_padding_never_counts() -> None:
    """Statistics see only what they are given: one frame gives mean = max, and constants a normed state of zeros."""
    frame = torch.arange(12.0).reshape(1, 3, 4)
    entry = summarise(frame, "pooled", "float32", "u")
    np.testing.assert_array_equal(entry.arrays["mean"], frame[0].numpy())
    np.testing.assert_array_equal(entry.arrays["max"], frame[0].numpy())
    np.testing.assert_array_equal(entry.arrays["normed_mean"], entry.arrays["normed_max"])
    constant = summarise(torch.full((5, 3, 4), 2.0), "pooled", "float32", "u")
    np.testing.assert_array_equal(constant.arrays["normed_max"], np.zeros((3, 4)))
    np.testing.assert_array_equal(constant.rms, np.full(3, 2.0, np.float32))


@pytest.mark.parametrize(("names", "says"), [(None, "layer 0 "), (("C", "0", "1"), "layer C ")])
def test_a_layer_is_named_as_everywhere(names: tuple[str, ...] | None, says: str) -> None:
    """The raw convolution output is C, and the transformer's input 0, in messages too."""
    states_TLD = torch.ones(4, 3, 2)
    states_TLD[1, 0, 1] = 1e6
    with pytest.raises(CacheError) as caught:
        summarise(states_TLD, "frames", "float16", "u", names)
    assert caught.value.code == "dtype-range" and says in caught.value.what


@pytest.mark.parametrize("others", [0.0, 300.0])
@pytest.mark.parametrize(
    ("value", "code"), [(65_504, None), (65_510, None), (65_530, "dtype-range"), (np.inf, "not-finite"), (np.nan, "")]
)
def test_a_number_is_refused_exactly_where_float16_cannot_hold_it(
    value: float, code: str | None, others: float
) -> None:
    """And nothing else is, also where the root mean square leaves open whether all numbers fit."""
    states_TLD = torch.full((40, 2, 30), others)
    states_TLD[7, 1, 3] = value
    if code is None:
        entry = summarise(states_TLD, "frames", "float16", "u")
        np.testing.assert_array_equal(entry.arrays["states"], states_TLD.numpy().astype(np.float16))
        return
    for store in ("frames", "pooled"):
        with pytest.raises(CacheError) as caught:
            summarise(states_TLD, store, "float16", "u")
        assert caught.value.code == (code or "not-finite") and "layer 1 " in caught.value.what
