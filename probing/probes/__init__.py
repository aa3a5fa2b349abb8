"""Probes on cached hidden states: which layers carry a dimension (section 4.2).

bank        many probes as one batched module
features    what a bank sees of a batch
train       train the bank
results     a fitted bank as files
fit         one run of `probe fit`
"""
