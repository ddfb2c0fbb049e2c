"""Which structures the embedded segmentation measures."""

STRUCTURES = ("brain", "grey", "white", "csf", "ventricles")
