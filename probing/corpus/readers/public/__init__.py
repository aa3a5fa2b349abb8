"""Public corpora of emotional speech, one file a corpus; `coded`: what the codes in their file names stand for."""
