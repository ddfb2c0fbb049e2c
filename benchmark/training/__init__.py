"""From pairs to a checkpoint: loop, memory, monitoring, validation, checkpoints.

May import preparation, devices, settings and core, and the interface of methods.
"""
