"""Generative models: prompts, training, beam search, scores, and what all that says about a context."""
