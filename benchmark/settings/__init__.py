"""What a user chooses: one schema, presets, plugins, and the messages for invalid values.

May import core, and the interfaces of methods and metrics.
"""
