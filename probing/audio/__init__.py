"""Audio files, and what is done to waveforms.

decode     any file that libsndfile reads → mono float32 at 16 kHz
noise      reverberation and pink noise at a stated ratio
windows    long recordings in windows
contours   level, pitch and periodicity over time
acoustics  named measures of an utterance, by librosa or openSMILE
"""
