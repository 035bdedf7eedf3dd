"""Tasks, each a folder. registry.py names them all."""
