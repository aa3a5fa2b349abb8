"""A finished run, or a published model, on any recording.

estimators    a fine-tuned system, fitted probes or a published model, ready to estimate
predictor     one recording, whole or in windows
found         which files are meant
recordings    many recordings, a table
"""
