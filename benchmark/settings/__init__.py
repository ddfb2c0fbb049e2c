"""What a user chooses: one schema, presets, plugins, and what is said of a wrong value.

May import core, and the interfaces of methods and metrics.
"""
