"""How exact batches of every family of encoders are: transformers' own, and ours. `make padding`."""
