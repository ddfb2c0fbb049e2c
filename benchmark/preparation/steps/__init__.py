"""The steps from a scan to a volume, one a file, and their order."""
