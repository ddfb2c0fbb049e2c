"""Renderers of the score table: tables, figures and the summary page."""
