"""A finished run, or a published model, on any recording.

estimators    a fine-tuned system, fitted probes or a published model, ready to estimate
predictor     one recording, whole or in windows
recordings    many recordings: files found, a table
"""
