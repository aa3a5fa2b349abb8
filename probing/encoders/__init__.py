"""Frozen encoders: audio or text in, every hidden state out, whatever is in the batch.

spec           what names an encoder (loads without torch)
presets        encoders known by name (loads without torch)
checkpoints    find and load a checkpoint
padding        keep padding out of every layer that looks across time
numerics       float32 without shortcuts, and a digest of the weights
speech         waveform encoders
text           text encoders
opening        open_encoder
device         where PyTorch computes
"""
