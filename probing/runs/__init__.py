"""Runs on disk: one folder a run, with one record.json."""
