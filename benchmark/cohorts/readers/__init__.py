"""One module or package per layout; each defines one Reader."""
