"""What the layers say: how much of each layer's emotion is words, how much is sound, and what else it tells."""
