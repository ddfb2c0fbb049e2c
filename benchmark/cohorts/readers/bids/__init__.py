"""BIDS datasets with several sessions a participant."""
