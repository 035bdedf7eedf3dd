"""Loaded models that read questions: what they answer, and what they think about each place of a context."""
