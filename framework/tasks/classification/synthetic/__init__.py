"""Generated messages to a shop, in Russian, and what they are about."""
