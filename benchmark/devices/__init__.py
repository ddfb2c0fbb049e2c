"""Processes, precision, speed, energy: how a step runs on the machine that is there.

May import settings, core, and the interface of methods.
"""
