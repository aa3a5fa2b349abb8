"""Speech recognition: what is said in a corpus, written down by Whisper.

options       what `probe transcribe` can be told, and what may name a recogniser
decoding      what Whisper's decoder is told, and with which tokens
checkpoint    open a Whisper whose parts go together
recogniser    Whisper, greedy and pinned: waveforms → transcripts
transcribe    corpus × recogniser → a table `id,text` with its word errors
"""
