"""The steps from a scan to a volume, each in a file, and their order."""
