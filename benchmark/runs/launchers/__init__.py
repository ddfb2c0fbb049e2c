"""Where the cells of a matrix run: in this process, on a Ray cluster, or as a SLURM array."""
