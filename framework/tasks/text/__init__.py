"""Texts that a model writes: a completion of a prompt."""
