"""Prepared volumes on disk, named by what made them, and the log of their making."""
