"""Speech recognition: what is said in a corpus, written down by Whisper.

recogniser    Whisper, greedy and pinned: waveforms → transcripts
transcribe    corpus × recogniser → a table `id,text` with its word errors
"""
