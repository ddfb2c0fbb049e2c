"""Training and evaluation of the embedded network on the anatomy of the phantom."""
