"""Corpora: utterances with partition, speaker, labels and text.

model          what an utterance and a corpus are
opening        spec → corpus
readers/       one file a format, in rooms
splits         folds of speakers, of utterances or by a column
label_map      names of emotions → ratings that stand in for those that nobody gave
scan           lengths, checksums and damage of recordings; waveforms: utterances as they are heard
transcripts    other words than a corpus's own
wer            word errors, counted
audit          what is missing or damaged
leaks          what tests share with what is learned from
overview       what `probe check` prints
"""
