"""Speech recognition: what is said in a corpus, written down by Whisper.

options       what `probe transcribe` can be told
recogniser    Whisper, greedy and pinned: waveforms → transcripts
transcribe    corpus × recogniser → a table `id,text` with its word errors
"""
