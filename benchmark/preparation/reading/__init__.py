"""Raw scans: formats, headers, orientation, and kinds of damage."""
