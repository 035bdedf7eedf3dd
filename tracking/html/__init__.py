"""A run or a search as one HTML file that needs nothing beside it. A section is a module and the template of its name."""
