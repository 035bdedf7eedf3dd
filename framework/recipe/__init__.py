"""The recipe: its sections as one model, the YAML file that it is read from, and what its parts demand of each other."""
