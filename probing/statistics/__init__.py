"""Concordance correlation, and what its differences mean.

concordance    CCC and its loss
jackknife      intervals by speaker
classification how well classes are told apart: recall, F1, accuracy
paired         systems set against each other
curves         what a score's curve over the layers says
layers         claims about layers
verdicts       claims that are tested, Holm's correction
permutation    labels permuted, for controls
reliability    agreement of raters
medians        intervals of medians
"""
