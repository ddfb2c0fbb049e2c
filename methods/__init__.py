"""Generative methods: one file a method, registered by subclassing ``Method``."""

from longibench import be_one_object

be_one_object(__name__)
