"""The protocol: cohorts, splits, pairs, training, generation and evaluation, the same for every method."""
