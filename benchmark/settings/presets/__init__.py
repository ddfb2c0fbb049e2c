"""Preset settings, one readable YAML file each."""
