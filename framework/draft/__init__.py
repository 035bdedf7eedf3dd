"""The first recipe for a file of one's own: what the file shows, and a recipe that fits it."""
