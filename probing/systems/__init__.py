"""Full systems: audio, text or both → dimensions of emotion, and categories (sections 2 and 3).

config            what settles a system's architecture
targets           dimensions and categories as outputs, what is learned of each
audio_states      the audio encoder's last state, whatever kind of encoder it is
long_convolution  positional convolutions in training steps on a CPU
model             encoders, pooling, fusion and head as one transformers model
processor         waveforms and transcripts → the model's arguments
build             systems by name, from pre-trained encoders
batches           utterances put together with padding
inputs            a corpus made ready: from sound files, or from cached latents
inference         a trained system opened again, and its estimates
published_model   the forward passes of published emotion models
published         published emotion models opened: configurations and weights mapped
"""
