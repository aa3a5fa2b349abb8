"""Which layers of a speech model carry arousal, valence and dominance?

The rooms, each importing only from those above it (★: loads without torch):

    errors ★         what happened, why, and what to type next
    metrics ★        concordance correlation: score, loss, intervals by speaker
    audio ★          any file → mono float32 at 16 kHz
    demo ★           the built-in corpus: language, voice, synthesiser
    corpus ★         utterances, partitions, labels; readers; the audit
    encoders         frozen speech encoders with exact padded batches
    cache ★          the HDF5 format's only owner
    records ★        one record.json a run
    plan ★           which utterances go into which batch and part
    extract          corpus × encoder → cache
    probes           the bank: many probes as one batched module
    features         what a bank sees of a cache
    fit              train the bank
    results          a fitted bank as files
    run_fit          one run of `probe fit`
    figures ★        records → figures
    cli ★            the command `probe`
"""

__version__ = "0.1.0"
