"""Generative methods: one file per method, registered by subclassing ``Method``."""

from longibench import be_one_object

be_one_object(__name__)
