"""The figures, one a file. May import tables and model."""
