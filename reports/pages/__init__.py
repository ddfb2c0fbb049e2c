"""The report as a whole and its pages. May import figures, tables and model."""
