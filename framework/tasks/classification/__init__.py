"""Text classification: one label, several, or a number, of a text or of a pair of texts."""
