"""Content of a report before rendering: results, estimates, labels, text."""
