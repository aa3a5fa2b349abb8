"""Fine-tune and score full systems (section 3.2).

finetune     corpus × system → a run's folder: `probe finetune`
over_folds   a training for every fold, pooled: `probe finetune --folds all`
job          corpus, system and options, settled before anything is learned
evaluate     a trained system, a fit's probes or a published model × a corpus: `probe evaluate`
scored       what is scored: a run, or a published model; scored_corpus: on what
probed       the probes of a fit on cached hidden states
tables       estimates and scores of dimensions and categories as files
stopping     the score by which a training keeps its best state
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
