"""A finished run on any recording.

estimators    a fine-tuned system, or fitted probes, ready to estimate
predictor     one recording, whole or in windows
recordings    many recordings: files found, a table
"""
