"""Which structures the embedded segmentation measures."""

# The hippocampi by its second version only.
STRUCTURES = ("brain", "grey", "white", "csf", "ventricles", "hippocampus")
