"""What a cache can keep, by name. Loads without NumPy and h5py, for options."""

from __future__ import annotations

# Store → its arrays. `frames` keeps every frame; `pooled` keeps, per layer, statistics over an utterance's frames;
# `latents` keeps every frame of the convolutional front end's output, as one layer.
STORES = {"frames": ("states",), "pooled": ("mean", "max", "normed_mean", "normed_max"), "latents": ("latents",)}
DTYPES = ("float16", "float32")
