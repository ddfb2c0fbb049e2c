"""The tables, and how they are written: CSV, Markdown, LaTeX, terminal. May import model."""
