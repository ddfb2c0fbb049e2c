"""A scan as it lies there: formats, headers, orientation, and what is wrong with it."""
