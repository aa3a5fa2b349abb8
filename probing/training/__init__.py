"""Fine-tune and score full systems (section 3.2).

finetune     corpus × system → a run's folder: `probe finetune`
over_folds   a training for every fold, pooled: `probe finetune --folds all`
evaluate     a trained system, or a published model, × a corpus: `probe evaluate`
scored       what is scored: a run, or a published model
options      of both commands
start        a system as its training begins
datasets     batches of utterances of similar length, labels to learn
train        one seed, with transformers' Trainer
progress     what is shown of it
resume       what a run's folder holds already
cost         what a training will take
describe     a run's name, configuration, tables
card         its README.md
"""
