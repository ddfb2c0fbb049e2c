"""The protocol, the same for every method: cohorts, splits, pairs, training, evaluation."""
