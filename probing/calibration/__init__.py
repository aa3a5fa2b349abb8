"""How far to trust what the toolkit says: worlds in which the answer is known, drawn at random and measured.

size         how much is tried
trials       finished trials, kept on disk
worlds       planted worlds
recovery     which importance names the planted layer
categories   whether a planted category is recovered as a dimension is
sweep        learning rate of the layer weights, and patience
controls     what is claimed where there is nothing to find
simulated    labels and estimates whose true scores are known
coverage     how often intervals hold the true value
reports      records of six systems with known scores
verdicts     how often reports say what is not so
results      all of it as one table of rates
tables       the same for reading
figure       the same as a picture
"""
