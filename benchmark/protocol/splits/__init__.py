"""Training and evaluation subjects: splits by rule, and how similar their parts are."""
