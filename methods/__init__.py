"""Generative methods: one file a method, registered by subclassing ``Method``."""
