"""Training and checking the embedded network on the anatomy of the phantom."""
