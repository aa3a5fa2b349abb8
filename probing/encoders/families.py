"""Which families of encoders open, by transformers' `model_type`, and how each of them is run."""

from __future__ import annotations

from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES, MODEL_MAPPING_NAMES

# Waveforms in, batches made exact (`padding`): HuBERT's architecture, whatever it is called.
WAVEFORM = (
    "hubert",
    "wav2vec2",
    "wavlm",
    "data2vec-audio",
    "wav2vec2-conformer",
    "unispeech",
    "unispeech-sat",
)
# Log-mel spectrograms of windows that are all of one length.
WINDOWED = ("whisper",)
# Log-mel spectrograms as long as the utterance, whose padding these models mask themselves.
FILTER_BANK = ("wav2vec2-bert", "parakeet_encoder")
# Waveforms in, one utterance at a time: padding leaks through their norms and their pooling over time.
ALONE = ("sew", "sew-d", "moonshine")
SPEECH = (*WAVEFORM, *WINDOWED, *FILTER_BANK, *ALONE)

# Text encoders in padded batches: attention masks keep the padding out exactly (tested one by one).
EXACT_TEXT = (
    "bert",
    "roberta",
    "distilbert",
    "electra",
    "xlm-roberta",
    "camembert",
    "mpnet",
    "longformer",
    "deberta",
    "deberta-v2",
    "modernbert",
    "albert",
)
# Their positions begin behind the number of the padding token, so that an embedding has that many too few.
FROM_PADDING = (
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "camembert",
    "mpnet",
    "longformer",
    "data2vec-text",
    "ibert",
    "luke",
    "roberta-prelayernorm",
    "xmod",
)
# Every other encoder of masked words reads one transcript at a time. These are none, or take more than words.
_NO_TEXT = frozenset(
    """bart big_bird esm esmc flaubert funnel layoutlm luke mbart modernvbert mra mvp neomme perceiver reformer
    roc_bert squeezebert tapas ultravbert xlm xmod""".split()
)
TEXT = (*EXACT_TEXT, *sorted({*MODEL_FOR_MASKED_LM_MAPPING_NAMES} - {*EXACT_TEXT} - _NO_TEXT))

# Families that a user may ask for and does not get.
REASONS = {
    "emotion2vec": "transformers has no such architecture, and code from a checkpoint is never run",
    "data2vec": "name a checkpoint of data2vec-audio, its speech model",
    "seamless_m4t": "its speech encoder is w2v-BERT 2.0, facebook/w2v-bert-2.0, which opens",
    "big_bird": "transformers lets its attention depend on the length of what it read before",
    "mra": "where the GPU kernel of its attention is not installed, transformers puts zeros in place of that attention",
    "clap": "it hears sounds of ten seconds as pictures, and has no states per frame",
    "audio-spectrogram-transformer": "it hears patches of a picture, and has no states per frame",
}


def known(model_type: str) -> bool:
    """Whether encoders of that type open."""
    return model_type in (*SPEECH, *TEXT)


def why_not(model_type: str) -> str:
    """Why encoders of that type do not open."""
    if model_type in REASONS:
        return REASONS[model_type]
    if model_type not in MODEL_MAPPING_NAMES:
        return f"transformers has no architecture {model_type!r}, and code from a checkpoint is never run"
    return f"it is a {model_type} model, for which no exact states are known here"
