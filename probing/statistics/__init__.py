"""Concordance correlation, and what its differences mean.

concordance    CCC and its loss
bootstrap      intervals by speaker
paired         systems set against each other
permutation    labels permuted within groups
"""
