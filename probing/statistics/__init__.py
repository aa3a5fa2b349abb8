"""Concordance correlation, intervals and paired differences."""
