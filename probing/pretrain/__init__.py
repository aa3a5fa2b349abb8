"""How the built-in encoders were made: `python -m probing.pretrain --help`.

speech     the demo language in the voices of speakers whom the demo corpus does not have
units      clusters of MFCC frames and of hidden states
masked     HuBERT's masked prediction as a module
training   transformers' Trainer over batches that are made from a seed
profile    ridge probes: where an encoder carries the emotion dimensions
hubert     the recipe of demo-hubert
distil     the recipe of demo-distilhubert
bert       the recipe of demo-tinybert
card       a finished encoder as a folder with weights, figures and a model card
"""
