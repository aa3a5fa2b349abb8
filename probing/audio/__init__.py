"""Audio files, and what is done to waveforms.

decode     any sound file, or segments of one → mono float32 at 16 kHz, or why it cannot be used
blocks     a file followed to its end: blocks of a waveform; segments: what each segment hears of them
source     a file in pieces, and what its structure promises: riff, chunked, flac, ogg, mpeg follow it, sizes compare it
sndfile    libsndfile, in blocks; complaints: what it prints; ffmpeg: what it does not read
bounds     what a recording may be, before anything is allocated; resample, refusals, notes
noise      reverberation and pink noise at a stated ratio
windows    long recordings in windows
contours   level, pitch and periodicity over time
acoustics  named measures of an utterance, by librosa or openSMILE
"""
