"""From a checkpoint to volumes on disk, and from volumes to the score table.

May import protocol, training, preparation, cohorts, devices, settings and core, and the interfaces
of methods and metrics.
"""
