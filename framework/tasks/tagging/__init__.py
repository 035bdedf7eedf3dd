"""Tagging: a tag for every word of a text, such as named entities or parts of speech."""
