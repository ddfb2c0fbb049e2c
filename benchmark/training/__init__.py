"""From pairs to a checkpoint: loop, memory, monitoring, validation, checkpoints.

May import preparation, devices, settings and core, and the interfaces of methods and metrics.
"""
