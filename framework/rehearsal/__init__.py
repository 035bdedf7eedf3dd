"""What a recipe will take: from published configurations, and from a few steps with random weights."""
