"""Whether one model is better than another, as far as it can be told from the examples and seeds that there are."""
