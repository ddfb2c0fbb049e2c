"""Prepared volumes on disk, named by what determines them, and the log of the preparation."""
