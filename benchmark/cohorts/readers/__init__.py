"""One module or package a layout; each defines one Reader."""
