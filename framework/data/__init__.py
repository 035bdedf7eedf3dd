"""Questions and contexts: sources, repair, splits, windows, batches."""
