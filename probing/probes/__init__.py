"""Probes on cached hidden states: which layers carry a dimension (section 4.2).

options     what a user can choose
features    what a bank sees of a batch
sources     features read from a cache
bank        many probes as one batched module
train       the training loop
results     a fitted bank as tables and files
ridge       probes of every layer in closed form, with ridge_plan, ridge_layer, closed_form, left_out and folds
prepared    what a fit reads, checked and opened
standing    the probes that stand for a fit, ready to estimate again
fit         cache → finished run: `probe fit`
over_folds  a fit of every fold, pooled, with pool and pooled_nulls: `probe fit --folds all`
"""
