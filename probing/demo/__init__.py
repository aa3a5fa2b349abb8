"""The built-in corpus `demo`: an invented language, voices that speak it, and raters, so that all runs offline.

    language  syllables, words with a valence, sentences
    phones    the formants and noises of each sound
    timing    a sentence laid out in time
    room      reverberation and noise
    voice     the synthesiser
    script    who says what in which mood, and the ratings
    truth     the best score that any listener could reach
    corpus    the writer: an ordinary table corpus in a folder

Its scores say whether the toolkit works, and nothing about human speech.
"""
