"""Extractive question answering: an answer is a span of a text."""
