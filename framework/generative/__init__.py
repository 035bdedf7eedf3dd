"""Models that write their answers: prompts, training, beam search, scores, and what all that says about a context."""
