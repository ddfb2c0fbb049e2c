"""Processes, precision, speed, energy: how a step runs on the machine.

May import settings, core, and the interface of methods.
"""
