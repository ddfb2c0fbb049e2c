"""The figures, one per file. May import tables and model."""
