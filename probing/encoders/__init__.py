"""Frozen encoders: audio or text in, every hidden state out, whatever is in the batch.

spec            what names an encoder (loads without torch)
presets         encoders known by name (loads without torch)
importing       import PyTorch and transformers (loads without torch)
sources         where an encoder comes from (loads without torch)
families        which architectures open, and how each is run
pretrained      call transformers without code from a checkpoint, and say what it raises
received        files that somebody else made, looked at from outside first
pickled         what a .bin holds, seen before it is loaded
weights         weights compared with the model before any is loaded
configurations  what a config.json says of a frozen encoder
preprocessors   feature extractors and tokenizers
tokenizers      tokenizers, whose files are looked at first
tuned           our own finetune runs as encoders
checkpoints     find and load a checkpoint
padding         keep padding out of every layer that looks across time
numerics        float32 without shortcuts, and a digest of the weights
identity        what settles an encoder's answers
audio           what all encoders of audio have in common
speech          waveforms in batches
whisper         Whisper's windows
filter_bank     filter banks in batches: w2v-BERT 2.0, Parakeet
unbatched       waveforms one at a time: SEW, SEW-D, Moonshine
text            text encoders
opening         open_encoder
device          where PyTorch computes
"""
